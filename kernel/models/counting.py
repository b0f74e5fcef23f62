from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class Sequence(models.Model):
    """The next free number of a series; processes take blocks, so that nobody waits for the next number."""

    name = models.CharField(_("name"), max_length=64, unique=True)
    next_value = models.BigIntegerField(_("next value"), default=1)

    class Meta:
        verbose_name = _("number sequence")
        verbose_name_plural = _("number sequences")

    def __str__(self) -> str:
        return self.name


class Counter(models.Model):
    """A cached count for a tab or a badge, moved by whoever moves the rows, and recounted by a timer."""

    name = models.CharField(_("name"), max_length=80, unique=True)
    value = models.BigIntegerField(_("value"), default=0)
    counted_at = models.DateTimeField(_("counted at"))

    class Meta:
        verbose_name = _("counter")
        verbose_name_plural = _("counters")

    def __str__(self) -> str:
        return f"{self.name}={self.value}"


class Heartbeat(models.Model):
    """When a worker, scheduler or timer was last seen alive."""

    name = models.CharField(_("name"), max_length=120, unique=True)
    seen_at = models.DateTimeField(_("seen at"))
    detail = models.CharField(_("detail"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("heartbeat")
        verbose_name_plural = _("heartbeats")

    def __str__(self) -> str:
        return self.name


class OnceKey(models.Model):
    """A form's one-time key: the second click of a double click finds the first one's result."""

    key = models.CharField(_("key"), max_length=64, unique=True)
    purpose = models.CharField(_("purpose"), max_length=64)
    used_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", verbose_name=_("used by"))
    used_at = models.DateTimeField(_("used at"), db_index=True)
    result = models.CharField(_("result"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("one-time form key")
        verbose_name_plural = _("one-time form keys")

    def __str__(self) -> str:
        return self.purpose
