from __future__ import annotations

from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules
from django.utils.translation import gettext_lazy as _


class KernelConfig(AppConfig):
    name = "kernel"
    verbose_name = _("Ground")

    def ready(self) -> None:
        autodiscover_modules("handlers", "rules", "tasks")  # of every app
