"""Rules are written here: an event, conditions and actions as rows, tried on the past before they are switched on."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Count, Model, QuerySet
from django.forms.models import BaseInlineFormSet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from kernel import audit
from kernel.cells import Tone, badge
from kernel.clock import now
from kernel.errors import DomainError
from kernel.models import Rule, RuleAction, RuleCondition, RuleRun
from kernel.rules import action_of, actions, back_test, event_of, events, switch, to_codes, to_words

from ..actions import Deed, ObjectAction
from ..base import BackofficeAdmin, BackofficeInline, ReadOnlyAdmin
from ..fields import BackofficeModelForm
from ..people import actor

CHANGE = "kernel.change_rule"
DAYS = (1, 7, 30, 90)
STATES: dict[str, tuple[str, Tone]] = {RuleRun.State.DONE: ("✓", "good"), RuleRun.State.FAILED: ("✕", "bad")}


class SwitchOn(ObjectAction[Rule]):
    name = "switch_on"
    label = _("Switch on")
    permission = CHANGE
    description = _("From now on this rule acts by itself, once per event. Try it on the past first.")

    def applies(self, row: Rule) -> bool:
        return not row.is_enabled

    def refusal(self, row: Rule) -> object:
        return "" if row.actions.exists() else _("A rule without an action does nothing. Add one first.")

    def run(self, deed: Deed[Rule]) -> object:
        switch(rule_id=deed.object.pk, on=True, by=deed.by, at=deed.at)
        return None


class SwitchOff(ObjectAction[Rule]):
    name = "switch_off"
    label = _("Switch off")
    permission = CHANGE
    description = _("What it has done stays; it does nothing more.")

    def applies(self, row: Rule) -> bool:
        return row.is_enabled

    def run(self, deed: Deed[Rule]) -> object:
        switch(rule_id=deed.object.pk, on=False, by=deed.by, at=deed.at)
        return None


class BackTestForm(forms.Form):
    days = forms.TypedChoiceField(label=_("Past days"), choices=[(it, it) for it in DAYS], coerce=int, initial=30)


class BackTest(ObjectAction[Rule]):
    """Reads alone; the same for whoever may see the rule."""

    name = "back_test"
    label = _("Try on the past")
    submit = _("Show what it would have done")
    permission = "kernel.view_rule"
    description = _("Nothing is done and nothing is sent. Conditions are judged by how things stand today.")
    atomic = False

    def form(self, row: Rule, request: HttpRequest, **given: Any) -> forms.Form:
        return BackTestForm(**given)

    def run(self, deed: Deed[Rule]) -> object:
        found = back_test(rule_id=deed.object.pk, days=deed.form.cleaned_data["days"], at=deed.at)
        context = {
            **admin.site.each_context(deed.request),
            "title": self.label,
            "rule": deed.object,
            "opts": Rule._meta,
            "found": found,
            "back": reverse("admin:kernel_rule_change", args=(deed.object.pk,)),
        }
        return TemplateResponse(deed.request, "backoffice/rules/back_test.html", context)


class ConditionForm(BackofficeModelForm[RuleCondition]):
    """What can be asked, and what it can be compared with, follow from the rule's event."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        kind = event_of(self.instance.rule.event) if self.instance.pk else None
        field = kind.field_of(self.instance.field) if kind else None
        if field is not None:
            self.initial["value"] = to_words(field=field, stored=self.instance.value)

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        kind = event_of(self.instance.rule.event)
        field = kind.field_of(given.get("field", "")) if kind else None
        if field is not None and "op" in given and "value" in given:
            try:
                given["value"] = to_codes(field=field, op=given["op"], given=given["value"])
            except DomainError as refused:
                raise ValidationError({"value": str(refused)}) from refused
        return given


class ActionForm(BackofficeModelForm[RuleAction]):
    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        action = action_of(self.instance.action)
        if action is not None:
            names = {code: str(label) for code, label in action.choices()}
            self.initial["value"] = names.get(self.instance.value, self.instance.value)

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        action = action_of(given.get("action", ""))
        if action is not None:
            labels = {str(label): code for code, label in action.choices()}
            given["value"] = labels.get(given.get("value", ""), given.get("value", ""))
            try:
                action.check(given["value"])
            except DomainError as refused:
                raise ValidationError({"value": str(refused)}) from refused
        return given


class ConditionInline(BackofficeInline):
    model = RuleCondition
    form = ConditionForm
    fields = ("field", "op", "value")
    extra = 1
    can_delete = True
    hide_title = True

    def get_formset(self, request: HttpRequest, obj: Rule | None = None, **options: Any) -> type[BaseInlineFormSet]:  # type: ignore[type-arg]
        formset = super().get_formset(request, obj, **options)
        kind = event_of(obj.event) if obj else None
        offered = [("", "---"), *((it.code, it.label) for it in (kind.fields if kind else ()))]
        formset.form.base_fields["field"] = forms.ChoiceField(label=_("fact"), choices=offered)
        formset.form.base_fields["value"].widget.attrs["placeholder"] = _("such as 199.00, 09:30, or a name")
        formset.form.base_fields["value"].help_text = "; ".join(
            f"{it.label}: {', '.join(str(label) for _code, label in it.choices())}"
            for it in (kind.fields if kind else ())
            if it.choices()
        )
        return formset


class ActionInline(BackofficeInline):
    model = RuleAction
    form = ActionForm
    fields = ("action", "value")
    extra = 1
    can_delete = True
    hide_title = True

    def get_formset(self, request: HttpRequest, obj: Rule | None = None, **options: Any) -> type[BaseInlineFormSet]:  # type: ignore[type-arg]
        formset = super().get_formset(request, obj, **options)
        kind = event_of(obj.event) if obj else None
        possible = [it for it in actions.values() if kind is not None and it.needs <= kind.gives]
        offered = [("", "---"), *((it.code, it.label) for it in possible)]
        formset.form.base_fields["action"] = forms.ChoiceField(label=_("action"), choices=offered)
        formset.form.base_fields["value"].help_text = "; ".join(
            f"{it.label}: {it.value_label}" for it in possible if it.value_label
        )
        return formset


class RuleForm(BackofficeModelForm[Rule]):
    event = forms.ChoiceField(label=_("when"))

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if "event" in self.fields:
            self.fields["event"].choices = [(it.code, it.label) for it in events.values()]  # type: ignore[attr-defined]


@admin.register(Rule)
class RuleAdmin(BackofficeAdmin[Rule]):
    list_display = ("name", "when", "standing", "runs_count", "position")
    ordering = ("position", "pk")
    fields = ("name", "event", "position")
    inlines = (ConditionInline, ActionInline)
    object_actions = (BackTest(), SwitchOn(), SwitchOff())

    def get_queryset(self, request: HttpRequest) -> QuerySet[Rule]:
        return super().get_queryset(request).annotate(runs_total=Count("runs"))

    def get_readonly_fields(self, request: HttpRequest, obj: Rule | None = None) -> tuple[str, ...]:
        return ("when", "standing") if obj else ()

    def get_fields(self, request: HttpRequest, obj: Rule | None = None) -> tuple[str, ...]:
        return ("name", "when", "standing", "position") if obj else ("name", "event", "position")

    def get_form(self, request: HttpRequest, obj: Rule | None = None, change: bool = False, **options: Any) -> Any:
        """The event is chosen once: conditions and actions hang on it."""
        form = BackofficeModelForm if obj else RuleForm
        return super().get_form(request, obj, change, **{**options, "form": form})

    def get_inlines(self, request: HttpRequest, obj: Rule | None) -> Any:
        """Facts and actions follow from the event, so that is chosen first."""
        return self.inlines if obj else ()

    def response_add(self, request: HttpRequest, obj: Rule, post_url_continue: str | None = None) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:kernel_rule_change", args=(obj.pk,)))

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        before = _told(form.instance)
        super().save_related(request, form, formsets, change)
        after = _told(form.instance)
        if before != after:
            audit.record(
                action="rules.edit", subject=form.instance, by=actor(request), at=now(), before=before, after=after
            )

    @admin.display(description=_("when"))
    def when(self, row: Rule) -> str:
        kind = event_of(row.event)
        return str(kind.label) if kind else row.event

    @admin.display(description=_("state"), ordering="is_enabled")
    def standing(self, row: Rule) -> SafeString:
        if row.stopped_at is not None:
            return badge(_("Stopped itself"), glyph="✕", tone="bad")
        return badge(_("On"), glyph="●", tone="good") if row.is_enabled else badge(_("Off"), glyph="○")

    @admin.display(description=_("runs"), ordering="runs_total")
    def runs_count(self, row: Any) -> SafeString:
        link = f"{reverse('admin:kernel_rulerun_changelist')}?rule__id__exact={row.pk}"
        return format_html('<a href="{}">{}</a>', link, row.runs_total)


@admin.register(RuleRun)
class RuleRunAdmin(ReadOnlyAdmin[RuleRun]):
    list_display = ("ran_at", "rule", "subject", "order_no", "standing", "done")
    list_filter = ("state", ("rule", admin.RelatedOnlyFieldListFilter))
    list_select_related = ("rule",)
    search_fields = ("order_no", "subject")
    ordering = ("-ran_at", "-pk")
    fields = ("rule", "subject", "order_no", "standing", "done", "error", "ran_at")

    def get_readonly_fields(self, request: HttpRequest, obj: RuleRun | None = None) -> tuple[str, ...]:
        return self.fields

    @admin.display(description=_("state"), ordering="state")
    def standing(self, row: RuleRun) -> SafeString:
        glyph, tone = STATES[row.state]
        return badge(row.get_state_display(), glyph=glyph, tone=tone)

    @admin.display(description=_("what was done"))
    def done(self, row: RuleRun) -> str:
        return row.error or " ".join(row.results)


def _told(rule: Model) -> dict[str, object]:
    """The rows of a rule as the audit log keeps them."""
    assert isinstance(rule, Rule)  # noqa: S101 - the form is of this model
    return {
        "conditions": [str(it) for it in rule.conditions.order_by("position", "pk")],
        "actions": [str(it) for it in rule.actions.order_by("position", "pk")],
    }
