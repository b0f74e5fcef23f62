from __future__ import annotations

from django.apps import AppConfig
from django.core.checks import Tags, register
from django.utils.translation import gettext_lazy as _

from . import checks


class BackofficeConfig(AppConfig):
    name = "backoffice"
    verbose_name = _("Back office")

    def ready(self) -> None:
        register(checks.check_mode, Tags.security, deploy=True)
        register(checks.check_static_files, Tags.staticfiles, deploy=True)
        register(checks.check_database, Tags.database)
