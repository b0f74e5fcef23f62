from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class Job(models.Model):
    """A batch that people start, watch and get a report of; it resumes after a kill and repeats nothing."""

    class State(models.TextChoices):
        QUEUED = "queued", _("Waiting")
        RUNNING = "running", _("Running")
        DONE = "done", _("Done")
        FAILED = "failed", _("Failed")
        CANCELED = "canceled", _("Canceled")

    kind = models.CharField(_("kind"), max_length=64)
    title = models.CharField(_("title"), max_length=200)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.QUEUED)
    params = models.JSONField(_("parameters"), default=dict)
    file = models.FileField(_("file"), upload_to="jobs/", blank=True)
    file_hash = models.CharField(_("file hash"), max_length=64, blank=True, db_index=True)
    report = models.FileField(_("report"), upload_to="jobs/", blank=True)
    total = models.BigIntegerField(_("total"), default=0)
    done = models.BigIntegerField(_("done count"), default=0)
    skipped = models.BigIntegerField(_("skipped"), default=0)
    failed = models.BigIntegerField(_("failed count"), default=0)
    cursor = models.BigIntegerField(_("position"), default=0)  # how far it is: what follows is still to do
    summary = models.JSONField(_("summary"), default=dict)
    last_error = models.TextField(_("last error"), blank=True)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", verbose_name=_("started by")
    )
    attempt = models.PositiveIntegerField(_("attempts"), default=0)
    due_at = models.DateTimeField(_("due at"), db_index=True)  # lease: due again if the worker dies
    created_at = models.DateTimeField(_("created at"))
    finished_at = models.DateTimeField(_("finished at"), null=True)

    class Meta:
        verbose_name = _("job")
        verbose_name_plural = _("jobs")

    def __str__(self) -> str:
        return self.title


class JobItem(models.Model):
    """One outcome per item of a job; never the same item twice."""

    class State(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        DONE = "done", _("Done")
        SKIPPED = "skipped", _("Skipped")
        FAILED = "failed", _("Failed")

    job = models.ForeignKey(Job, models.CASCADE, related_name="items", verbose_name=_("job"))
    key = models.CharField(_("item"), max_length=80)
    state = models.CharField(_("state"), max_length=8, choices=State, default=State.WAITING)
    reason = models.CharField(_("reason"), max_length=300, blank=True)
    payload = models.JSONField(_("details"), default=dict)

    class Meta:
        verbose_name = _("job item")
        verbose_name_plural = _("job items")
        constraints = (models.UniqueConstraint(fields=("job", "key"), name="job_item_once"),)

    def __str__(self) -> str:
        return self.key
