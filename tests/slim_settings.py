"""The ground alone: processes that race over its rows start in a second without the apps above it."""

from __future__ import annotations

from backoffice.settings import *  # noqa: F403

INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "kernel"]
