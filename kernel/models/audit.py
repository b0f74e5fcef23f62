from __future__ import annotations

from typing import Any, NoReturn

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class AppendOnly(TypeError):
    """Somebody tried to rewrite the audit log."""


class AuditQuerySet(models.QuerySet["AuditEntry"]):
    def update(self, **_columns: object) -> NoReturn:
        raise AppendOnly("audit entries are never changed")

    def delete(self) -> NoReturn:
        raise AppendOnly("audit entries are never deleted")

    def bulk_update(self, *_rows: object, **_options: object) -> NoReturn:
        raise AppendOnly("audit entries are never changed")


class AuditEntry(models.Model):
    """Who did what to which object, written in the act's own transaction; never changed or deleted afterwards."""

    at = models.DateTimeField(_("at"), db_index=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", verbose_name=_("by"))
    actor = models.CharField(_("actor"), max_length=80)  # the name at the time, or the command, or the gateway
    action = models.CharField(_("action"), max_length=64)
    subject_type = models.CharField(_("kind of object"), max_length=64)
    subject_id = models.CharField(_("object id"), max_length=40)
    subject_label = models.CharField(_("object"), max_length=120)
    before = models.JSONField(_("before"), default=dict)
    after = models.JSONField(_("after"), default=dict)
    reason = models.CharField(_("reason"), max_length=500, blank=True)
    address = models.GenericIPAddressField(_("network address"), null=True)
    trace_id = models.CharField(_("trace id"), max_length=32, blank=True)

    objects = AuditQuerySet.as_manager()

    class Meta:
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit log")
        indexes = (models.Index(fields=("subject_type", "subject_id"), name="audit_subject"),)

    def __str__(self) -> str:
        return f"{self.action} {self.subject_label}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise AppendOnly("audit entries are never changed")
        super().save(*args, **kwargs)

    def delete(self, *_args: object, **_kwargs: object) -> NoReturn:
        raise AppendOnly("audit entries are never deleted")
