from __future__ import annotations

from django.db import models
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _


class Category(models.TextChoices):
    """What a state means whatever the merchant calls it: reports, tabs and rules read this and no state's name."""

    DRAFT = "draft", _("Draft")
    PENDING_PAYMENT = "pending_payment", _("Awaiting payment")
    AWAITING_FULFILLMENT = "awaiting_fulfillment", _("To ship")
    IN_TRANSIT = "in_transit", _("Shipped")
    DELIVERED = "delivered", _("Delivered")
    COMPLETED = "completed", _("Completed")
    CLOSED = "closed", _("Closed")
    ON_HOLD = "on_hold", _("On hold")
    PROBLEM = "problem", _("Problem")


class Trigger(models.TextChoices):
    """What can set a transition off."""

    MANUAL = "manual", _("By staff")
    PAYMENT_SUCCEEDED = "payment_succeeded", _("Payment succeeded")
    SHIPPED = "shipped", _("A part shipped")
    ALL_SHIPPED = "all_shipped", _("Everything shipped")
    TIMEOUT = "timeout", _("Time ran out")
    REFUND_SUCCEEDED = "refund_succeeded", _("Refund succeeded")
    ORDER_CLOSED = "order_closed", _("Order closed")
    ORDER_REVIVED = "order_revived", _("Order revived")


class Bilingual(models.Model):
    name = models.CharField(_("name"), max_length=60)
    name_en = models.CharField(_("English name"), max_length=60, blank=True)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.name_en if self.name_en and (get_language() or "").startswith("en") else self.name


class Workflow(Bilingual):
    """A merchant's flow for one kind of object; what it means at a time is a version."""

    code = models.SlugField(_("code"), max_length=40, unique=True)
    owner = models.CharField(_("used for"), max_length=20)  # orders, aftersales

    class Meta:
        verbose_name = _("workflow")
        verbose_name_plural = _("workflows")


class WorkflowVersion(models.Model):
    """A numbered state of a workflow; published ones never change, and objects stay on the one they were born with."""

    workflow = models.ForeignKey(Workflow, models.PROTECT, related_name="versions", verbose_name=_("workflow"))
    number = models.PositiveIntegerField(_("version"))
    published_at = models.DateTimeField(_("published at"), null=True)

    class Meta:
        verbose_name = _("workflow version")
        verbose_name_plural = _("workflow versions")
        constraints = (models.UniqueConstraint(fields=("workflow", "number"), name="workflow_version_once"),)

    def __str__(self) -> str:
        return f"{self.workflow} v{self.number}"


class State(Bilingual):
    version = models.ForeignKey(WorkflowVersion, models.CASCADE, related_name="states", verbose_name=_("version"))
    code = models.SlugField(_("code"), max_length=40)
    category = models.CharField(_("category"), max_length=24, choices=Category)
    is_initial = models.BooleanField(_("first state"), default=False)
    position = models.PositiveSmallIntegerField(_("position"), default=0)

    class Meta:
        verbose_name = _("state")
        verbose_name_plural = _("states")
        constraints = (models.UniqueConstraint(fields=("version", "code"), name="state_code_once"),)


class Transition(Bilingual):
    """An arrow between two states: what sets it off, under which conditions, and who may."""

    version = models.ForeignKey(WorkflowVersion, models.CASCADE, related_name="transitions", verbose_name=_("version"))
    code = models.SlugField(_("code"), max_length=40)
    from_state = models.ForeignKey(State, models.CASCADE, related_name="+", verbose_name=_("from"))
    to_state = models.ForeignKey(State, models.CASCADE, related_name="+", verbose_name=_("to"))
    trigger = models.CharField(_("trigger"), max_length=24, choices=Trigger)
    after_seconds = models.PositiveIntegerField(_("after (seconds)"), null=True, blank=True)  # of a timeout
    conditions = models.JSONField(_("conditions"), default=list, blank=True)  # [{"field", "op", "value"}]
    permission = models.CharField(_("permission"), max_length=80, blank=True)  # app.codename, of a manual move
    position = models.PositiveSmallIntegerField(_("position"), default=0)  # order of evaluation, and of buttons

    class Meta:
        verbose_name = _("transition")
        verbose_name_plural = _("transitions")
        constraints = (models.UniqueConstraint(fields=("version", "code"), name="transition_code_once"),)
