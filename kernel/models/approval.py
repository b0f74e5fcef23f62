from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class Approval(models.Model):
    """A second person's word on exactly one thing: asked for, decided and used once."""

    class State(models.TextChoices):
        PENDING = "pending", _("Awaiting approval")
        APPROVED = "approved", _("Approved")
        REJECTED = "rejected", _("Rejected")
        EXPIRED = "expired", _("Expired")
        USED = "used", _("Approved and done")
        WITHDRAWN = "withdrawn", _("Withdrawn")

    kind = models.CharField(_("kind"), max_length=40)
    subject_type = models.CharField(_("subject type"), max_length=80)
    subject_id = models.CharField(_("subject id"), max_length=40)
    # Of the pending one, so that there is one at a time; a conditional unique constraint is not for every database.
    open_key = models.CharField(_("open key"), max_length=100, unique=True, null=True)  # noqa: DJ001
    payload_hash = models.CharField(_("hash of what is approved"), max_length=64)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.PENDING)
    requested_by = models.ForeignKey(  # nobody: a rule
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", verbose_name=_("requested by")
    )
    requested_at = models.DateTimeField(_("requested at"))
    expires_at = models.DateTimeField(_("expires at"))
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", verbose_name=_("decided by")
    )
    decided_at = models.DateTimeField(_("decided at"), null=True)
    used_at = models.DateTimeField(_("used at"), null=True)
    reason = models.CharField(_("reason"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("approval")
        verbose_name_plural = _("approvals")
        indexes = (
            models.Index(fields=("kind", "subject_id"), name="approval_subject"),
            models.Index(fields=("kind", "state", "expires_at"), name="approval_due"),
        )

    def __str__(self) -> str:
        return f"{self.kind}:{self.subject_id}"
