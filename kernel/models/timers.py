from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class ScheduleTick(models.Model):
    """A timer's turn, taken by whoever inserts the row: two schedulers or a clock set back cannot run it twice."""

    timer = models.CharField(_("timer"), max_length=80)
    scheduled_for = models.DateTimeField(_("scheduled for"))
    started_at = models.DateTimeField(_("started at"))
    finished_at = models.DateTimeField(_("finished at"), null=True)
    handled = models.IntegerField(_("handled"), default=0)
    error = models.TextField(_("error"), blank=True)

    class Meta:
        verbose_name = _("timer tick")
        verbose_name_plural = _("timer ticks")
        constraints = (models.UniqueConstraint(fields=("timer", "scheduled_for"), name="tick_once"),)

    def __str__(self) -> str:
        return f"{self.timer} {self.scheduled_for:%F %T}"
