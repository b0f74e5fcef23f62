from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Rule(models.Model):
    """When something happens and all conditions hold, do these actions: written by staff as rows, without code."""

    code = models.CharField(_("code"), max_length=40, null=True, unique=True, editable=False)  # noqa: DJ001 - ours only
    name = models.CharField(_("name"), max_length=80)
    event = models.CharField(_("when"), max_length=40)  # a code of the registry
    is_enabled = models.BooleanField(_("switched on"), default=False)
    position = models.PositiveSmallIntegerField(_("position"), default=0)
    failures = models.PositiveIntegerField(_("failures in a row"), default=0)
    stopped_at = models.DateTimeField(_("stopped itself at"), null=True)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    class Meta:
        verbose_name = _("payment rule")
        verbose_name_plural = _("payment rules")

    def __str__(self) -> str:
        return self.name


class RuleCondition(models.Model):
    """A fact of what happened, compared with a value."""

    class Operator(models.TextChoices):
        EQ = "eq", "="
        NE = "ne", "≠"
        LT = "lt", "<"
        LE = "le", "≤"
        GT = "gt", ">"
        GE = "ge", "≥"
        IN = "in", _("is one of")
        NOT_IN = "not_in", _("is none of")

    rule = models.ForeignKey(Rule, models.CASCADE, related_name="conditions", verbose_name=_("rule"))
    position = models.PositiveSmallIntegerField(_("position"), default=0)
    field = models.CharField(_("fact"), max_length=40)
    op = models.CharField(_("comparison"), max_length=8, choices=Operator, default=Operator.EQ)
    value = models.CharField(_("value"), max_length=200)

    class Meta:
        verbose_name = _("condition")
        verbose_name_plural = _("conditions")

    def __str__(self) -> str:
        return f"{self.field} {self.op} {self.value}"


class RuleAction(models.Model):
    """What a rule does, with at most one setting."""

    rule = models.ForeignKey(Rule, models.CASCADE, related_name="actions", verbose_name=_("rule"))
    position = models.PositiveSmallIntegerField(_("position"), default=0)
    action = models.CharField(_("action"), max_length=40)  # a code of the registry
    value = models.CharField(_("with"), max_length=500, blank=True)

    class Meta:
        verbose_name = _("action")
        verbose_name_plural = _("actions")

    def __str__(self) -> str:
        return f"{self.action} {self.value}".strip()


class RuleRun(models.Model):
    """That a rule met an event, and what it did; at most one for a rule and an event."""

    class State(models.TextChoices):
        DONE = "done", _("Done")
        FAILED = "failed", _("Failed")

    rule = models.ForeignKey(Rule, models.CASCADE, related_name="runs", verbose_name=_("rule"))
    event_key = models.CharField(_("event key"), max_length=120)
    subject = models.CharField(_("about"), max_length=120)
    order_no = models.CharField(_("order number"), max_length=32, blank=True, db_index=True)
    state = models.CharField(_("state"), max_length=8, choices=State, default=State.DONE)
    results = models.JSONField(_("what was done"), default=list)  # one sentence per action
    error = models.CharField(_("error"), max_length=500, blank=True)
    ran_at = models.DateTimeField(_("at"), db_index=True)

    class Meta:
        verbose_name = _("rule run")
        verbose_name_plural = _("rule runs")
        constraints = (models.UniqueConstraint(fields=("rule", "event_key"), name="rule_run_once"),)

    def __str__(self) -> str:
        return f"{self.rule_id}: {self.subject}"
