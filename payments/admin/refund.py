"""Money on its way back: the list, the page, and asking the gateway once more."""

from __future__ import annotations

from django import forms
from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from kernel import approvals, counters
from kernel.admin import Deed, ObjectAction, Panel, copyable, fen, moment, money
from kernel.clock import now
from kernel.models import Approval
from orders.queries import split_terms

from .. import services
from ..models import Refund, RefundLine
from ..services.external_refunds import MADE_ELSEWHERE
from ..services.refund_detours import can_redirect
from . import looks
from .approving import Approve, Reject, Withdraw, approval_panel
from .base import FactsAdmin
from .counts import GROUP, REFUNDS_UNDER_WAY
from .filters import OriginFilter, RefundAccountFilter
from .parts import InParts, Part, PartFilter, everything, with_status
from .redirecting import Redirect
from .refunding import outcome_of

Status = Refund.Status


class AskAgain(ObjectAction[Refund]):
    name = "ask"
    label = gettext_lazy("Ask the gateway")
    permission = "payments.change_refund"
    description = gettext_lazy(
        "The gateway is asked what became of this refund. If it never heard of it, it is sent again under the same "
        "number, so the money cannot go back twice."
    )
    atomic = False

    def refusal(self, row: Refund) -> object:
        if row.status == Status.PENDING_APPROVAL:
            return _("It awaits approval; the gateway has not heard of it.")
        return "" if row.status in Refund.IN_FLIGHT else _("It is settled.")

    def run(self, deed: Deed[Refund]) -> object:
        return outcome_of(services.ask_refund(refund_id=deed.object.pk, at=now()))


class SettleForm(forms.Form):
    outcome = forms.ChoiceField(
        label=gettext_lazy("The gateway's console shows that it"),
        choices=(("refunded", gettext_lazy("was refunded")), ("not_refunded", gettext_lazy("was not refunded"))),
        widget=forms.RadioSelect,
    )
    reason = forms.CharField(
        label=gettext_lazy("Where you saw it"), max_length=200, widget=forms.Textarea(attrs={"rows": 2})
    )


class Settle(ObjectAction[Refund]):
    name = "settle"
    label = gettext_lazy("Settle by hand")
    permission = "payments.settle_refund"
    description = gettext_lazy(
        "Look the refund up in the gateway's own console first. If the gateway later says otherwise, the books follow "
        "the gateway and an alert tells you."
    )
    done = gettext_lazy("Settled. The audit log keeps the reason.")
    form_class = SettleForm
    dangerous = True

    def applies(self, row: Refund) -> bool:
        return row.status in (Status.REQUIRES_ACTION, Status.UNKNOWN)

    def is_next(self, row: Refund) -> bool:
        return row.status == Status.REQUIRES_ACTION and not can_redirect(row)

    def refusal(self, row: Refund) -> object:
        if services.may_settle(refund=row, at=now()):
            return ""
        return _("The gateway is still being asked. Settle it by hand only once its outcome is unknown for an hour.")

    def run(self, deed: Deed[Refund]) -> object:
        services.settle_by_hand(
            refund_id=deed.object.pk,
            was_refunded=deed.form.cleaned_data["outcome"] == "refunded",
            reason=deed.form.cleaned_data["reason"],
            by=deed.by,
            at=deed.at,
        )
        counters.recount(GROUP, at=deed.at)
        return None


def lines_panel(request: HttpRequest, refund: Refund) -> dict[str, object] | None:
    """What of the order it gives back."""
    lines = list(RefundLine.objects.filter(refund=refund).select_related("line").order_by("line__line_no"))
    return {"lines": lines} if lines else None


ORIGINS = {"rule:": gettext_lazy("A rule"), MADE_ELSEWHERE: gettext_lazy("The gateway's console")}
PARTS = (
    Part(code="", title=gettext_lazy("All"), narrow=everything),
    Part(
        code="approval",
        title=gettext_lazy("Awaiting approval"),
        narrow=with_status(Status.PENDING_APPROVAL),
        counter="refund_approval",
        urgent=True,
    ),
    Part(
        code="open",
        title=gettext_lazy("Being refunded"),
        narrow=with_status(*REFUNDS_UNDER_WAY),
        counter="refunding",
    ),
    Part(
        code="person",
        title=gettext_lazy("Needs a person"),
        narrow=with_status(Status.REQUIRES_ACTION),
        counter="refund_trouble",
        urgent=True,
    ),
    Part(code="succeeded", title=pgettext_lazy("refund", "Refunded"), narrow=with_status(Status.SUCCEEDED)),
    Part(
        code="failed",
        title=gettext_lazy("Failed or closed"),
        narrow=with_status(Status.FAILED, Status.CANCELED, Status.REJECTED),
    ),
)


@admin.register(Refund)
class RefundAdmin(InParts, FactsAdmin[Refund]):
    parts = PARTS
    list_display = (
        "number",
        "order_cell",
        "amounts",
        "reason",
        "origin",
        "requester",
        "approver",
        "status_cell",
        "way_cell",
        "times",
    )
    list_display_links = None
    list_filter = (PartFilter, "created_at", OriginFilter, RefundAccountFilter)
    list_select_related = ("order", "payment__account", "requested_by", "unapplied", "settled_by")
    search_fields = ("refund_no",)
    search_help_text = gettext_lazy("Refund, payment, gateway or order number; paste up to 200")
    ordering = ("-created_at", "-pk")
    show_facets = admin.ShowFacets.NEVER
    object_actions = (Approve(), Reject(), Withdraw(), AskAgain(), Redirect(), Settle())
    panels = (
        Panel(
            name="approval",
            title=gettext_lazy("Approval"),
            template="admin/payments/approval.html",
            context=approval_panel,
            position=5,
        ),
        Panel(
            name="lines",
            title=gettext_lazy("What it gives back"),
            template="admin/payments/lines.html",
            context=lines_panel,
            position=10,
        ),
    )
    fields = (
        ("refund", "order_cell"),
        ("amount", "shipping"),
        ("status_cell", "last_message"),
        ("payment_cell", "gateway_no"),
        ("reason", "origin"),
        ("requested_by", "created"),
        ("way", "settled_by", "settled_reason"),
        ("sent", "settled"),
        ("due", "attempt"),
    )

    def prepare_rows(self, request: HttpRequest, rows: list[Refund]) -> None:
        super().prepare_rows(request, rows)
        found = approvals.latest_of(kind=services.REFUND, subject_ids=[row.pk for row in rows])
        for row in rows:
            setattr(row, "approval", found.get(row.pk))  # noqa: B010 - the model does not know of lists

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Refund], search_term: str
    ) -> tuple[QuerySet[Refund], bool]:
        terms = split_terms(search_term)
        if not terms:
            return queryset, False
        own = Q(refund_no__in=terms) | Q(gateway_refund_no__in=terms) | Q(order__order_no__in=terms)
        paid = Q(payment__payment_no__in=terms) | Q(payment__gateway_trade_no__in=terms)
        return queryset.filter(own | paid), False

    @admin.display(description=gettext_lazy("refund number"), ordering="refund_no")
    def number(self, row: Refund) -> SafeString:
        return looks.number(row.refund_no, href=self.address_of(row))

    @admin.display(description=gettext_lazy("refund number"))
    def refund(self, row: Refund) -> SafeString:
        return copyable(row.refund_no)

    @admin.display(description=gettext_lazy("order"))
    def order_cell(self, row: Refund) -> SafeString:
        return looks.order_link(row.order)

    @admin.display(description=gettext_lazy("payment"))
    def payment_cell(self, row: Refund) -> SafeString:
        return looks.payment_link(row.payment)

    @admin.display(description=gettext_lazy("amount / refundable"), ordering="amount_fen")
    def amounts(self, row: Refund) -> SafeString:
        left = money(row.payment.refundable_fen, faint=True) if row.payment else looks.faint("—")
        amount = money(row.amount_fen)
        return format_html('<span class="bo-stack">{}<span class="bo-small">{}</span></span>', amount, left)

    @admin.display(description=gettext_lazy("origin"))
    def origin(self, row: Refund) -> str:
        if row.unapplied is not None:
            return _("Unapplied money: %(why)s") % {"why": row.unapplied.get_reason_display()}
        if row.requested_by_id:
            return _("Requested here")
        return next((str(words) for head, words in ORIGINS.items() if row.request_key.startswith(head)), _("The shop"))

    @admin.display(description=gettext_lazy("requested by"), ordering="requested_by__username")
    def requester(self, row: Refund) -> object:
        return row.requested_by or looks.faint("—")

    @admin.display(description=gettext_lazy("approved by"))
    def approver(self, row: Refund) -> object:
        """Who decided; whoever said no, or took it back, is in the words beside the status."""
        approval = getattr(row, "approval", None)
        if approval is None or approval.state not in (Approval.State.APPROVED, Approval.State.USED):
            return looks.faint("—")
        return approval.decided_by

    @admin.display(description=gettext_lazy("goes back by"), ordering="way")
    def way_cell(self, row: Refund) -> str:
        if row.way != Refund.Way.GATEWAY or row.payment is None:
            return str(row.get_way_display())
        return _("The way it was paid · %(account)s") % {"account": row.payment.account}

    @admin.display(description=gettext_lazy("status"), ordering="status")
    def status_cell(self, row: Refund) -> SafeString:
        is_told = row.last_message and row.status != Status.SUCCEEDED
        words = looks.faint(row.last_message[:60]) if is_told else ""
        return format_html(
            '<span class="bo-stack">{}<span class="bo-small">{}</span></span>', looks.refund_badge(row), words
        )

    @admin.display(description=gettext_lazy("requested → done"), ordering="created_at")
    def times(self, row: Refund) -> SafeString:
        return looks.span(row.created_at, row.settled_at)

    @admin.display(description=gettext_lazy("gateway refund id"))
    def gateway_no(self, row: Refund) -> SafeString:
        return copyable(row.gateway_refund_no)

    @admin.display(description=gettext_lazy("created at"))
    def created(self, row: Refund) -> SafeString:
        return moment(row.created_at, long=True)

    @admin.display(description=gettext_lazy("first sent at"))
    def sent(self, row: Refund) -> SafeString:
        return moment(row.sent_at, long=True)

    @admin.display(description=gettext_lazy("settled at"))
    def settled(self, row: Refund) -> SafeString:
        return moment(row.settled_at, long=True)

    @admin.display(description=gettext_lazy("next step due"))
    def due(self, row: Refund) -> SafeString:
        return moment(row.due_at, long=True)

    amount = fen("amount_fen", gettext_lazy("amount"))
    shipping = fen("shipping_fen", gettext_lazy("of it shipping fee"))
