from __future__ import annotations

from django.apps import AppConfig


class SandboxConfig(AppConfig):
    """Only so that `manage.py sandbox` is found; the sandbox has no models and knows no other app."""

    name = "sandbox"
