"""The inbox as a log: every authentic message, what was checked, what became of it, and replaying it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl

from django import forms
from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from kernel import counters
from kernel.admin import Deed, ObjectAction, Panel, Tab, actor, copyable, counts_of, moment, money
from kernel.clock import now
from orders.queries import split_terms

from .. import services
from ..gateways import redact
from ..models import Notification, Payment, UnappliedMoney
from ..services import setting_aside
from ..services.verdicts import OK, Result
from . import looks
from .base import FactsAdmin
from .counts import GROUP
from .filters import AccountFilter
from .parts import InParts, Part, PartFilter, everything, with_status

State, Status = Notification.State, Payment.Status
REPLAY = "payments.change_notification"
KINDS = {
    "payment": gettext_lazy("Payment"),
    "refund": gettext_lazy("Refund"),
    "close": gettext_lazy("Closing"),
    "other": gettext_lazy("Something else"),
}
CHECKS = {
    "signature": gettext_lazy("Signature"),
    "time": gettext_lazy("Time"),
    "account": gettext_lazy("Account"),
    "order": gettext_lazy("Order"),
    "amount": gettext_lazy("Amount"),
    "currency": gettext_lazy("Currency"),
}
RESULTS: dict[str, Any] = {
    Result.TOLD_BEFORE: gettext_lazy("It was known already; nothing was booked twice."),
    Result.UNAPPLIED: gettext_lazy("The money fits no open order; it is kept as unapplied money."),
    Result.PARKED: gettext_lazy("It does not fit yet and is tried again."),
    Result.GIVEN_UP: gettext_lazy(
        "Nobody here knows its trade, and the days of trying are over. Replay tries it again."
    ),
    Result.NOT_OURS: gettext_lazy("Somebody knows that it is not ours. Replay tries it again."),
    Result.IGNORED: gettext_lazy("It is about nothing that is booked."),
    Result.REFUND_ASKED: gettext_lazy("The gateway is asked what became of the refund."),
    Result.REFUND_EXTERNAL: gettext_lazy("The refund was made at the gateway's own console; it is booked."),
    Status.PENDING: gettext_lazy("The customer has begun to pay and has not finished."),
    Status.SUCCEEDED: gettext_lazy("The payment is booked."),
    Status.FAILED: gettext_lazy("The payment has failed; no money came."),
    Status.CANCELED: gettext_lazy("The payment is closed; no money came."),
    Status.EXPIRED: gettext_lazy("The payment had expired before; no money came."),
    Status.UNKNOWN: gettext_lazy("It says nothing certain; the gateway is asked."),
}


class Replay(ObjectAction[Notification]):
    name = "replay"
    label = gettext_lazy("Replay")
    permission = REPLAY
    description = gettext_lazy("It is applied again within seconds. What is booked already is not booked twice.")
    done = gettext_lazy("It is applied again within seconds.")

    def run(self, deed: Deed[Notification]) -> object:
        services.replay(notification_ids=[deed.object.pk], by=deed.by, at=deed.at)
        return None


class NotOursForm(forms.Form):
    reason = forms.CharField(
        label=gettext_lazy("Whose it is, or how you know"), max_length=300, widget=forms.Textarea(attrs={"rows": 2})
    )


class NotOurs(ObjectAction[Notification]):
    name = "not_ours"
    label = gettext_lazy("Not ours")
    permission = REPLAY
    description = gettext_lazy(
        "For a message about a trade of another system that shares this account at the gateway. It is not tried again, "
        "its alert is closed, and it stays in the log; told again or replayed, it is looked at once more."
    )
    submit = gettext_lazy("Set it aside")
    done = gettext_lazy("It is set aside. The audit log keeps the reason.")
    form_class = NotOursForm

    def applies(self, row: Notification) -> bool:
        return row.state == State.PARKED

    def refusal(self, row: Notification) -> object:
        return _("Its trade is ours, so it waits until it can be applied.") if setting_aside.is_ours(row) else ""

    def run(self, deed: Deed[Notification]) -> object:
        reason = deed.form.cleaned_data["reason"]
        setting_aside.set_aside(notification_id=deed.object.pk, reason=reason, by=deed.by, at=deed.at)
        counters.recount(GROUP, at=deed.at)
        return None


def verdicts_panel(request: HttpRequest, row: Notification) -> dict[str, object]:
    """Each check with what was found; those after the first fault were not made."""
    result = row.verdicts.get("result", "")
    found = [(label, row.verdicts.get(code, "")) for code, label in CHECKS.items()]
    checks = [(label, _tone(verdict), _mark(verdict), _words(verdict)) for label, verdict in found]
    shown = {"checks": checks, "result": RESULTS.get(result, result), "error": row.last_error}
    if row.state != State.SET_ASIDE:
        return shown
    return {**shown, "aside": row, "set_aside_at": moment(row.set_aside_at, long=True)}


def message_panel(request: HttpRequest, row: Notification) -> dict[str, object]:
    """Headers and body as they came, without what is secret or personal."""
    text = readable(bytes(row.body))
    pairs = parse_qsl(text, keep_blank_values=True) if "=" in text and not text.lstrip().startswith(("{", "<")) else []
    headers = [(name, redact(f"{name}={value}").partition("=")[2]) for name, value in row.headers.items()]
    return {"pairs": pairs, "text": text, "headers": headers, "is_pruned": not row.body}


def readable(body: bytes) -> str:
    """A body as text, fit to be shown."""
    return redact(body.decode("utf-8", "replace"))


PARTS = (
    Part(code="", title=gettext_lazy("All"), narrow=everything),
    Part(code="waiting", title=gettext_lazy("Waiting"), narrow=with_status(State.RECEIVED, field="state")),
    Part(code="applied", title=gettext_lazy("Applied"), narrow=with_status(State.APPLIED, field="state")),
    Part(code="duplicate", title=gettext_lazy("Told before"), narrow=with_status(State.DUPLICATE, field="state")),
    Part(
        code="parked",
        title=gettext_lazy("Parked"),
        narrow=with_status(State.PARKED, field="state"),
        counter="parked",
        urgent=True,
    ),
    Part(code="set_aside", title=gettext_lazy("Set aside"), narrow=with_status(State.SET_ASIDE, field="state")),
)


@admin.register(Notification)
class NotificationAdmin(InParts, FactsAdmin[Notification]):
    parts = PARTS
    list_display = ("received", "kind_cell", "number", "amount", "checks", "state_cell", "copies", "error_start")
    list_display_links = None
    list_filter = (PartFilter, "received_at", AccountFilter)
    list_select_related = ("account",)
    search_fields = ("payment_no",)
    search_help_text = gettext_lazy("Payment number or event; paste up to 200")
    ordering = ("-received_at", "-pk")
    show_facets = admin.ShowFacets.NEVER
    object_actions = (Replay(), NotOurs())
    actions = ("replay_selected",)
    panels = (
        Panel(
            name="verdicts",
            title=gettext_lazy("Checks"),
            template="admin/payments/verdicts.html",
            context=verdicts_panel,
            position=10,
        ),
        Panel(
            name="message",
            title=gettext_lazy("As it came"),
            template="admin/payments/message.html",
            context=message_panel,
            position=20,
        ),
    )
    fields = (
        "event",
        ("number", "amount"),
        ("state_cell", "attempt"),
        ("account", "key_serial"),
        ("received", "last_received"),
        ("applied", "due"),
        ("kind_cell", "copies"),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Notification]:
        """Bodies are large and lists are long: a body is read by the page that shows it."""
        return super().get_queryset(request).defer("body", "headers")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Notification], search_term: str
    ) -> tuple[QuerySet[Notification], bool]:
        terms = split_terms(search_term)
        if not terms:
            return queryset, False
        return queryset.filter(Q(payment_no__in=terms) | Q(event_key__in=terms)), False

    def tabs(self, request: HttpRequest) -> Sequence[Tab]:
        """The refused ones were never stored; they are counted on a list of their own."""
        shown = list(super().tabs(request))
        if actor(request).has_perm("payments.view_notificationrefusal"):
            count = counts_of(request).get(f"{GROUP}:refused")
            link = reverse("admin:payments_notificationrefusal_changelist")
            shown.append(Tab(title=_("Refused"), link=link, count=count, urgent=True))
        return shown

    def has_replay_permission(self, request: HttpRequest) -> bool:
        return actor(request).has_perm(REPLAY)

    @admin.action(description=gettext_lazy("Replay"), permissions=["replay"])
    def replay_selected(self, request: HttpRequest, queryset: QuerySet[Notification]) -> None:
        ids = list(queryset.values_list("pk", flat=True))
        services.replay(notification_ids=ids, by=actor(request), at=now())
        self.message_user(request, _("%(count)d messages are applied again within seconds.") % {"count": len(ids)})

    @admin.display(description=gettext_lazy("received at"), ordering="received_at")
    def received(self, row: Notification) -> SafeString:
        return format_html('<a href="{}">{}</a>', self.address_of(row), moment(row.received_at, long=True))

    @admin.display(description=gettext_lazy("last received at"))
    def last_received(self, row: Notification) -> SafeString:
        return moment(row.last_received_at, long=True)

    @admin.display(description=gettext_lazy("applied at"))
    def applied(self, row: Notification) -> SafeString:
        return moment(row.applied_at, long=True)

    @admin.display(description=gettext_lazy("due at"))
    def due(self, row: Notification) -> SafeString:
        waits = row.state in (State.RECEIVED, State.PARKED)
        return moment(row.due_at, long=True) if waits else looks.faint("—")

    @admin.display(description=gettext_lazy("event"))
    def event(self, row: Notification) -> SafeString:
        return format_html('<span style="white-space:normal;overflow-wrap:anywhere">{}</span>', row.event_key)

    @admin.display(description=gettext_lazy("about what"))
    def kind_cell(self, row: Notification) -> str:
        return f"{KINDS.get(row.kind, row.kind)} {row.facts.get('native_state', '')}".strip()

    @admin.display(description=gettext_lazy("payment number"))
    def number(self, row: Notification) -> SafeString:
        return copyable(row.payment_no)

    @admin.display(description=gettext_lazy("amount"))
    def amount(self, row: Notification) -> SafeString:
        amount_fen = row.facts.get("amount_fen")
        return money(amount_fen) if amount_fen else looks.faint("—")

    @admin.display(description=gettext_lazy("checks"))
    def checks(self, row: Notification) -> SafeString:
        found = ((label, row.verdicts.get(code, "")) for code, label in CHECKS.items())
        marks = ((_tone(verdict), label, _words(verdict), _mark(verdict)) for label, verdict in found)
        return format_html(
            '<span class="bo-nowrap">{}</span>',
            format_html_join(" ", '<span class="bo-tone-{}" title="{}: {}">{}</span>', marks),
        )

    @admin.display(description=gettext_lazy("state"), ordering="state")
    def state_cell(self, row: Notification) -> SafeString:
        return looks.notification_badge(row)

    @admin.display(description=gettext_lazy("last error"))
    def error_start(self, row: Notification) -> str:
        return row.last_error[:80]


def _words(verdict: str) -> str:
    reasons = dict(UnappliedMoney.Reason.choices)
    return str({OK: _("as it should be"), "": _("not checked")}.get(verdict) or reasons.get(verdict, verdict))


def _mark(verdict: str) -> str:
    return {"ok": "✓", "": "·"}.get(verdict, "✗")


def _tone(verdict: str) -> str:
    return {"ok": "good", "": "neutral"}.get(verdict, "bad")
