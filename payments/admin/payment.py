"""Attempts to collect: the list, the page, and what can be done with one."""

from __future__ import annotations

from collections.abc import Sequence

from django.contrib import admin
from django.db.models import Q, QuerySet, Sum
from django.http import HttpRequest
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from kernel.admin import Panel, actor, copyable, fen, moment, money
from orders.queries import split_terms

from ..gateways import Movement
from ..models import Notification, Payment, StatementLine
from . import looks
from .base import FactsAdmin
from .counts import stuck
from .filters import AccountFilter, MethodFilter
from .live import live_view
from .monitor import monitor_view
from .parts import InParts, Part, PartFilter, everything, with_status
from .payment_actions import Close, Query, ReplayNews
from .refunding import RefundPayment

Status = Payment.Status


def notes_panel(request: HttpRequest, payment: Payment) -> dict[str, object]:
    """What the gateway told us of a payment."""
    told = Notification.objects.filter(payment_no=payment.payment_no).defer("body", "headers").order_by("-pk")
    may_open = actor(request).has_perm("payments.view_notification")
    return {"rows": [(row, looks.notification_badge(row)) for row in told[:50]], "may_open": may_open}


def refunds_panel(request: HttpRequest, payment: Payment) -> dict[str, object] | None:
    rows = payment.refunds.select_related("requested_by").order_by("-pk")
    shown = [(row, looks.refund_badge(row)) for row in rows[:50]]
    return {"rows": shown} if shown else None


PARTS = (
    Part(code="", title=_("All"), narrow=everything),
    Part(code="open", title=_("Being paid"), narrow=with_status(Status.CREATED, Status.PENDING), counter="open"),
    Part(code="succeeded", title=_("Succeeded"), narrow=with_status(Status.SUCCEEDED)),
    Part(code="failed", title=_("Failed"), narrow=with_status(Status.FAILED)),
    Part(code="closed", title=_("Closed"), narrow=with_status(Status.CANCELED, Status.EXPIRED)),
    Part(
        code="unknown",
        title=_("Outcome unknown"),
        narrow=with_status(Status.UNKNOWN),
        counter="unknown",
        urgent=True,
    ),
    Part(
        code="stuck",
        title=_("Paid, order not moved on"),
        narrow=lambda rows, _request: stuck(rows),
        counter="stuck",
        urgent=True,
    ),
)


@admin.register(Payment)
class PaymentAdmin(InParts, FactsAdmin[Payment]):
    parts = PARTS
    list_display = (
        *("number", "order_cell", "method_cell", "amount", "status_cell"),
        *("trade_no", "times", "told_cell", "fee"),
    )
    list_display_links = None
    list_filter = (PartFilter, "created_at", MethodFilter, AccountFilter)
    list_select_related = ("order", "account")
    search_fields = ("payment_no",)
    search_help_text = _("Payment, gateway or order number; paste up to 200")
    ordering = ("-created_at", "-pk")
    show_facets = admin.ShowFacets.NEVER
    object_actions = (RefundPayment(), Query(), ReplayNews(), Close())
    panels = (
        Panel(
            name="notifications",
            title=_("Notifications"),
            template="admin/payments/notes.html",
            context=notes_panel,
            position=20,
        ),
        Panel(
            name="refunds",
            title=_("Refunds"),
            template="admin/payments/refunds.html",
            context=refunds_panel,
            permission="payments.view_refund",
            position=10,
        ),
    )
    fields = (
        ("payment", "order_cell"),
        ("method_cell", "status_cell"),
        ("amount", "refundable"),
        ("refunded", "refunding"),
        ("trade_no", "fee"),
        ("last_message",),
        ("created", "paid"),
        ("expires", "ended"),
        ("next_query",),
    )

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Payment], search_term: str
    ) -> tuple[QuerySet[Payment], bool]:
        terms = split_terms(search_term)
        if not terms:
            return queryset, False
        numbers = Q(payment_no__in=terms) | Q(gateway_trade_no__in=terms) | Q(order__order_no__in=terms)
        return queryset.filter(numbers), False

    def prepare_rows(self, request: HttpRequest, rows: list[Payment]) -> None:
        """How often the gateway told of each payment on the page, and what it kept of it: a query each."""
        super().prepare_rows(request, rows)
        copies, fees = told_of([row.payment_no for row in rows]), fees_of(rows)
        for row in rows:
            setattr(row, "fee_fen", fees.get(row.pk))  # noqa: B010 - as below
            setattr(row, "told", copies.get(row.payment_no, 0))  # noqa: B010 - the model does not know of lists

    def get_urls(self) -> list[URLPattern]:
        live, monitor = (self.admin_site.admin_view(view) for view in (live_view, monitor_view))
        return [
            path("of-order/<int:order_id>/", live, name="payments_of_order"),
            path("monitor/", monitor, name="payments_monitor"),
            *super().get_urls(),
        ]

    @admin.display(description=_("payment number"), ordering="payment_no")
    def number(self, row: Payment) -> SafeString:
        return looks.number(row.payment_no, href=self.address_of(row))

    @admin.display(description=_("payment number"))
    def payment(self, row: Payment) -> SafeString:
        return copyable(row.payment_no)

    @admin.display(description=_("order"))
    def order_cell(self, row: Payment) -> SafeString:
        return looks.order_link(row.order)

    @admin.display(description=_("method"))
    def method_cell(self, row: Payment) -> str:
        return looks.method(row)

    @admin.display(description=_("status"), ordering="status")
    def status_cell(self, row: Payment) -> SafeString:
        return format_html('<span class="bo-stack">{}{}</span>', looks.payment_badge(row), looks.stuck_badge(row))

    @admin.display(description=_("gateway transaction id"))
    def trade_no(self, row: Payment) -> SafeString:
        return format_html('<span class="bo-small">{}</span>', looks.number(row.gateway_trade_no))

    @admin.display(description=_("created → over"), ordering="created_at")
    def times(self, row: Payment) -> SafeString:
        return looks.span(row.created_at, row.over_at)

    @admin.display(description=_("notifications"))
    def told_cell(self, row: Payment) -> SafeString:
        return looks.told(getattr(row, "told", 0))

    @admin.display(description=_("fee"))
    def fee(self, row: Payment) -> SafeString:
        """Known from the statement of its day alone."""
        fee_fen = row.__dict__["fee_fen"] if "fee_fen" in row.__dict__ else fees_of([row]).get(row.pk)
        return money(fee_fen) if fee_fen is not None else looks.faint("—")

    @admin.display(description=_("refundable"))
    def refundable(self, row: Payment) -> SafeString:
        return money(row.refundable_fen)

    @admin.display(description=_("created at"))
    def created(self, row: Payment) -> SafeString:
        return moment(row.created_at, long=True)

    @admin.display(description=_("paid at"))
    def paid(self, row: Payment) -> SafeString:
        return moment(row.paid_at, long=True)

    @admin.display(description=_("expires at"))
    def expires(self, row: Payment) -> SafeString:
        return moment(row.expires_at, long=True)

    @admin.display(description=_("ended unpaid at"))
    def ended(self, row: Payment) -> SafeString:
        return moment(row.ended_at, long=True)

    @admin.display(description=_("next query"))
    def next_query(self, row: Payment) -> SafeString:
        return moment(row.query_due_at, long=True)

    amount = fen("amount_fen", _("amount"))
    refunded = fen("refunded_fen", _("refunded"))
    refunding = fen("refunding_fen", _("refunds in flight"))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Payment]:
        return super().get_queryset(request).select_related("order", "account")


def told_of(payment_nos: Sequence[str]) -> dict[str, int]:
    """How often gateways told us of payments, resends included."""
    told = Notification.objects.filter(payment_no__in=payment_nos).order_by().values_list("payment_no")
    return dict(told.annotate(times=Sum("copies")))


def fees_of(rows: Sequence[Payment]) -> dict[int, int]:
    """What gateways kept of payments, by their statements."""
    by_trade = {(row.account_id, row.gateway_trade_no): row.pk for row in rows if row.gateway_trade_no}
    lines = StatementLine.objects.filter(gateway_trade_no__in=[trade_no for _account, trade_no in by_trade])
    told = lines.filter(movement=Movement.PAYMENT).values_list("statement__account_id", "gateway_trade_no", "fee_fen")
    return {by_trade[account, trade_no]: fee for account, trade_no, fee in told if (account, trade_no) in by_trade}
