"""Money that fits no open order, as work: how old, what to do with it, whose it is."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Q, QuerySet, prefetch_related_objects
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from kernel import counters
from kernel.admin import Deed, ObjectAction, Panel, action_address, actor, badge, button, copyable, fen, moment
from kernel.clock import now
from orders.models import Order
from orders.queries import split_terms

from .. import services
from ..models import UnappliedMoney
from . import looks
from .base import FactsAdmin
from .counts import GROUP
from .endings import KeepAsIncome, PayBackOutside, TakeUpKept
from .filters import AccountFilter
from .parts import InParts, Part, PartFilter, everything

Action, Reason = UnappliedMoney.Action, UnappliedMoney.Reason
RESOLVE = "payments.change_unappliedmoney"

EXPLANATIONS = {
    Reason.PAYMENT_NOT_FOUND: gettext_lazy(
        "The payment number is not ours. Somebody may have collected with this merchant account from elsewhere."
    ),
    Reason.OTHER_AMOUNT: gettext_lazy("The sum is not the one that was asked for."),
    Reason.OTHER_CURRENCY: gettext_lazy("It came in another currency than was asked for."),
    Reason.ORDER_CLOSED: gettext_lazy("The order was closed before the money came."),
    Reason.ALREADY_PAID: gettext_lazy("The order was paid already, so the customer has paid twice."),
}


class Take(ObjectAction[UnappliedMoney]):
    name = "take"
    label = gettext_lazy("I look after it")
    permission = RESOLVE
    description = gettext_lazy("Others see that it is yours.")
    position = 10

    def applies(self, row: UnappliedMoney) -> bool:
        return row.resolved_at is None

    def refusal(self, row: UnappliedMoney) -> object:
        return _("%(name)s looks after it.") % {"name": row.owner} if row.owner else ""

    def run(self, deed: Deed[UnappliedMoney]) -> object:
        if services.take_ownership(unapplied_id=deed.object.pk, by=deed.by, at=deed.at):
            return _("It is yours now.")
        return _("Somebody was faster; load the page again.")


class ResolveForm(forms.Form):
    action = forms.ChoiceField(label=gettext_lazy("What to do"), widget=forms.RadioSelect)
    order_no = forms.CharField(
        label=gettext_lazy("Order number"),
        max_length=40,
        required=False,
        help_text=gettext_lazy("Only to apply the money to an order: one that waits for payment."),
    )
    reason = forms.CharField(label=gettext_lazy("Reason"), max_length=300, widget=forms.Textarea(attrs={"rows": 2}))

    def __init__(self, *args: Any, money: UnappliedMoney, **options: Any) -> None:
        super().__init__(*args, **options)
        chosen = self.fields["action"]
        assert isinstance(chosen, forms.ChoiceField)  # noqa: S101 - declared above
        proposed = services.proposal_now(money, at=now())
        chosen.choices = [(code, _proposed(label, code == proposed)) for code, label in _open_to(money)]

    def clean_order_no(self) -> str:
        number: str = self.cleaned_data["order_no"].strip()
        self.order = Order.objects.filter(order_no=number).first() if number else None
        if number and self.order is None:
            raise forms.ValidationError(_("There is no order %(order_no)s.") % {"order_no": number})
        return number


class Resolve(ObjectAction[UnappliedMoney]):
    name = "resolve"
    label = gettext_lazy("Deal with it")
    permission = RESOLVE
    done = gettext_lazy("Done. The audit log keeps the reason.")
    position = 20

    def applies(self, row: UnappliedMoney) -> bool:
        return row.resolved_at is None

    def is_next(self, row: UnappliedMoney) -> bool:
        return services.proposal_now(row, at=now()) != Action.OUTSIDE

    def form(self, row: UnappliedMoney, request: HttpRequest, **given: Any) -> forms.Form:
        proposed = services.proposal_now(row, at=now())
        initial = {"action": proposed, "order_no": row.order.order_no if row.order else ""}
        return ResolveForm(money=row, initial=initial, **given)

    def run(self, deed: Deed[UnappliedMoney]) -> object:
        given = deed.form.cleaned_data
        services.resolve_unapplied(
            unapplied_id=deed.object.pk,
            action=given["action"],
            reason=given["reason"],
            order_id=deed.form.order.pk if deed.form.order else None,
            by=deed.by,
            at=deed.at,
        )
        counters.recount(GROUP, at=deed.at)
        return None


def refunds_panel(request: HttpRequest, row: UnappliedMoney) -> dict[str, object] | None:
    rows = row.refunds.select_related("requested_by").order_by("-pk")
    shown = [(it, looks.refund_badge(it)) for it in rows[:50]]
    return {"rows": shown} if shown else None


def _is_open(rows: QuerySet[UnappliedMoney], request: HttpRequest) -> QuerySet[UnappliedMoney]:
    return rows.filter(resolved_at=None)


def _is_mine(rows: QuerySet[UnappliedMoney], request: HttpRequest) -> QuerySet[UnappliedMoney]:
    return rows.filter(resolved_at=None, owner=actor(request))


def _is_done(rows: QuerySet[UnappliedMoney], request: HttpRequest) -> QuerySet[UnappliedMoney]:
    return rows.filter(resolved_at__isnull=False)


PARTS = (
    Part(code="", title=gettext_lazy("To be dealt with"), narrow=_is_open, counter="unapplied", urgent=True),
    Part(code="mine", title=gettext_lazy("Mine"), narrow=_is_mine),
    Part(code="done", title=gettext_lazy("Dealt with"), narrow=_is_done),
    Part(code="all", title=gettext_lazy("All"), narrow=everything),
)


@admin.register(UnappliedMoney)
class UnappliedMoneyAdmin(InParts, FactsAdmin[UnappliedMoney]):
    parts = PARTS
    list_display = (
        "age",
        "amount",
        "why",
        "order_cell",
        "numbers",
        "proposal",
        "owner_cell",
        "state_cell",
        "next_step",
    )
    list_display_links = None
    list_filter = (PartFilter, "reason", "received_at", AccountFilter)
    list_select_related = ("account", "order", "owner", "payment")
    search_fields = ("gateway_trade_no",)
    search_help_text = gettext_lazy("Gateway, payment or order number; paste up to 200")
    ordering = ("received_at", "pk")
    show_facets = admin.ShowFacets.NEVER
    object_actions = (Take(), Resolve(), PayBackOutside(), KeepAsIncome(), TakeUpKept())
    panels = (
        Panel(
            name="refunds",
            title=gettext_lazy("Refunds"),
            template="admin/payments/refunds.html",
            context=refunds_panel,
            permission="payments.view_refund",
        ),
    )
    fields = (
        ("amount", "state_cell"),
        ("why", "meaning"),
        ("proposal", "owner_cell"),
        ("order_cell", "account"),
        ("trade", "payment_cell"),
        ("received", "resolved"),
        ("resolution_note",),
    )

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[UnappliedMoney], search_term: str
    ) -> tuple[QuerySet[UnappliedMoney], bool]:
        terms = split_terms(search_term)
        if not terms:
            return queryset, False
        numbers = Q(gateway_trade_no__in=terms) | Q(payment_no__in=terms) | Q(order__order_no__in=terms)
        return queryset.filter(numbers), False

    def prepare_rows(self, request: HttpRequest, rows: list[UnappliedMoney]) -> None:
        super().prepare_rows(request, rows)
        prefetch_related_objects(rows, "refunds")  # whether the gateway denied one already
        person = actor(request)
        for row in rows:
            setattr(row, "back", request.get_full_path() if person.has_perm(RESOLVE) else "")  # noqa: B010
            setattr(row, "may_record", person.has_perm(PayBackOutside.permission))  # noqa: B010

    @admin.display(description=gettext_lazy("age"), ordering="received_at")
    def age(self, row: UnappliedMoney) -> SafeString:
        return format_html(
            '<a href="{}" title="{}">{}</a>',
            self.address_of(row),
            row.received_at.isoformat(),
            looks.age(row.received_at, at=row.resolved_at or now()),
        )

    @admin.display(description=gettext_lazy("why"), ordering="reason")
    def why(self, row: UnappliedMoney) -> SafeString:
        return badge(row.get_reason_display(), glyph="!", tone="warning")

    @admin.display(description=gettext_lazy("what it means"))
    def meaning(self, row: UnappliedMoney) -> str:
        return str(EXPLANATIONS[Reason(row.reason)])

    @admin.display(description=gettext_lazy("order"))
    def order_cell(self, row: UnappliedMoney) -> SafeString:
        return looks.order_link(row.order)

    @admin.display(description=gettext_lazy("gateway / payment number"))
    def numbers(self, row: UnappliedMoney) -> SafeString:
        return format_html(
            '<span class="bo-stack">{}<span class="bo-small">{}</span></span>',
            looks.number(row.gateway_trade_no),
            looks.number(row.payment_no),
        )

    @admin.display(description=gettext_lazy("gateway transaction id"))
    def trade(self, row: UnappliedMoney) -> SafeString:
        return copyable(row.gateway_trade_no)

    @admin.display(description=gettext_lazy("payment number"))
    def payment_cell(self, row: UnappliedMoney) -> SafeString:
        return looks.payment_link(row.payment) if row.payment else copyable(row.payment_no)

    @admin.display(description=gettext_lazy("proposed"))
    def proposal(self, row: UnappliedMoney) -> str:
        is_open = row.resolved_at is None
        return str((services.proposal_now(row, at=now()) if is_open else Action(row.proposed_action)).label)

    @admin.display(description=gettext_lazy("owner"))
    def owner_cell(self, row: UnappliedMoney) -> object:
        return row.owner or looks.faint(_("nobody"))

    @admin.display(description=gettext_lazy("state"))
    def state_cell(self, row: UnappliedMoney) -> SafeString:
        return looks.unapplied_badge(row)

    @admin.display(description=gettext_lazy("received at"))
    def received(self, row: UnappliedMoney) -> SafeString:
        return moment(row.received_at, long=True)

    @admin.display(description=gettext_lazy("resolved at"))
    def resolved(self, row: UnappliedMoney) -> SafeString:
        return moment(row.resolved_at, long=True)

    @admin.display(description=gettext_lazy("next step"))
    def next_step(self, row: UnappliedMoney) -> SafeString:
        back: str = getattr(row, "back", "")
        if row.resolved_at is not None or not back:
            return SafeString()
        take = button(Take.label, href=action_address(row, "take", back=back)) if row.owner is None else ""
        goes_outside = services.proposal_now(row, at=now()) == Action.OUTSIDE and getattr(row, "may_record", False)
        deed = PayBackOutside if goes_outside else Resolve
        resolve = button(deed.label, href=action_address(row, deed.name, back=back), primary=True)
        return format_html('<span class="bo-row bo-nowrap">{}{}</span>', resolve, take)

    amount = fen("amount_fen", gettext_lazy("amount"))


def _open_to(money: UnappliedMoney) -> list[tuple[str, Any]]:
    """A wrong sum or a number that is not ours revives nothing."""
    may_revive = money.order is not None and money.order.is_closed
    offered = (Action.REVIVE, Action.APPLY, Action.REFUND) if may_revive else (Action.APPLY, Action.REFUND)
    return [(it.value, it.label) for it in offered]


def _proposed(label: Any, is_proposed: bool) -> str:
    return _("%(action)s (proposed)") % {"action": label} if is_proposed else str(label)
