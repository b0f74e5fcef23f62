"""Every order: its sums, its shares, its money in the ledger, its history, its invoices."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from django.db.models import Case, F, Sum, Value, When

from orders.models import Order, OrderLine

from ...models import InvoiceRequest, LedgerLine, Refund
from ..elsewhere import PAID, REFUNDED
from ..ledger import SETTLES
from .histories import check_histories
from .looking import Account, Offender, Span, named, sums

SHARED = (
    "pk",
    "order_no",
    "subtotal_fen",
    "discount_fen",
    "adjustment_fen",
    "total_fen",
    "shipping_fen",
    "refunded_fen",
    "shipping_refunded_fen",
)
NO_LINES = (0, 0, 0, 0, 0)
DELIVERED_WITHIN = timedelta(minutes=5)
Paid = Order.PaymentStatus


def order_totals(span: Span) -> Iterator[Offender]:
    """Goods − discount + adjustment + shipping = total, as the row says."""
    right = F("subtotal_fen") - F("discount_fen") + F("adjustment_fen") + F("shipping_fen")
    broken = Order.objects.filter(span.rows).exclude(total_fen=right)
    names = ("order_no", "subtotal_fen", "discount_fen", "adjustment_fen", "shipping_fen", "total_fen")
    for row in broken.order_by("pk").values(*names):
        yield named("order_total", row, "order_no")


def shares(span: Span) -> Iterator[Offender]:
    """
    The lines add up to the order, and so do their shares of its discount, its adjustment and what it gave back.

    Files of other shops do not tell which line gave back what.
    """
    added = _added_lines(span)
    rows = Order.objects.filter(span.rows).order_by("pk")
    imported = set(rows.exclude(import_job=None).values_list("pk", flat=True))
    for row in rows.values_list(*SHARED):
        pk, order_no, *own, total_fen, shipping_fen, refunded_fen, shipping_refunded_fen = row
        *of_lines, given_fen = added.get(pk, NO_LINES)
        if of_lines != [*own, total_fen - shipping_fen]:
            facts = dict(zip(("goods_fen", "shares_fen", "adjusted_fen", "lines_fen"), of_lines, strict=True))
            yield Offender(check="line_shares", reference=order_no, facts={**facts, "total_fen": total_fen})
        if pk not in imported and refunded_fen != given_fen + shipping_refunded_fen:
            facts = {"refunded_fen": refunded_fen, "given_fen": given_fen, "shipping_fen": shipping_refunded_fen}
            yield Offender(check="refund_shares", reference=order_no, facts=facts)


def _added_lines(span: Span) -> dict[int, tuple[int, ...]]:
    """Goods, discount, adjustment, total and refunded of each order, from its lines."""
    added = OrderLine.objects.filter(span.by("order_id")).order_by().values_list("order_id")
    rows = added.annotate(
        goods=Sum(F("unit_price_fen") * F("quantity")),
        shares=Sum("discount_fen"),
        adjusted=Sum("adjustment_fen"),
        lines=Sum("total_fen"),
        given=Sum("refunded_fen"),
    )
    return {order_id: tuple(fen) for order_id, *fen in rows}


def payment_statuses(span: Span) -> Iterator[Offender]:
    """What an order says of its payment follows from its sums; files of other shops say what they like."""
    follows = Case(
        When(refunded_fen__gt=0, paid_fen__lte=F("refunded_fen"), then=Value(Paid.REFUNDED)),
        When(refunded_fen__gt=0, then=Value(Paid.PARTIALLY_REFUNDED)),
        When(paid_fen__gt=F("total_fen"), then=Value(Paid.OVERPAID)),
        When(paid_fen=F("total_fen"), then=Value(Paid.PAID)),
        When(paid_fen__gt=0, then=Value(Paid.PARTIALLY_PAID)),
        default=Value(Paid.UNPAID),
    )
    broken = Order.objects.filter(span.rows, import_job=None).exclude(payment_status=follows)
    for row in broken.order_by("pk").values("order_no", "payment_status", "total_fen", "paid_fen", "refunded_fen"):
        yield named("payment_status", row, "order_no")


def order_ledger(span: Span) -> Iterator[Offender]:
    """Paid − refunded = ledger. Refunds on their way are reserved in the ledger, and not yet off the order."""
    booked = sums(LedgerLine.objects.filter(span.by("order_id"), account=Account.RECEIVABLE), "order_id")
    own = Refund.objects.filter(span.by("order_id"), unapplied=None, status__in=Refund.IN_FLIGHT)
    reserved = sums(own, "order_id")
    rows = Order.objects.filter(span.rows).order_by("pk")
    for order_id, order_no, paid_fen, refunded_fen in rows.values_list("pk", "order_no", "paid_fen", "refunded_fen"):
        ledger_fen, in_flight_fen = -booked.get(order_id, 0), reserved.get(order_id, 0)
        if paid_fen - refunded_fen - in_flight_fen != ledger_fen:
            facts = {"paid_fen": paid_fen, "refunded_fen": refunded_fen, "ledger_fen": ledger_fen}
            yield Offender(check="order_ledger", reference=order_no, facts={**facts, "in_flight_fen": in_flight_fen})


def elsewhere(span: Span) -> Iterator[Offender]:
    """What left the money elsewhere is what was recorded as paid back outside the gateways, order by order."""
    own = LedgerLine.objects.filter(span.by("order_id"), account=Account.ELSEWHERE)
    booked = sums(own.exclude(entry__kind__in=(PAID, REFUNDED)), "order_id")
    done = Refund.objects.filter(span.by("order_id"), status=Refund.Status.SUCCEEDED)
    recorded = sums(done.exclude(way=Refund.Way.GATEWAY), "order_id")
    wrong = {it for it in booked.keys() | recorded.keys() if booked.get(it, 0) + recorded.get(it, 0)}
    for row in Order.objects.filter(pk__in=wrong).order_by("pk").values("pk", "order_no"):
        facts = {"ledger_fen": booked.get(row["pk"], 0), "paid_back_fen": recorded.get(row["pk"], 0)}
        yield Offender(check="elsewhere", reference=row["order_no"], facts=facts)


def histories(span: Span) -> Iterator[Offender]:
    """Every order's history is gapless, and a path of its workflow version."""
    for order_no, fault in check_histories(first=span.first, last=span.last):
        yield Offender(check="history", reference=order_no, facts={"fault": fault})


def invoiced(span: Span) -> Iterator[Offender]:
    """
    Invoices name no more than was paid and not refunded, red letters taken off.

    They follow a refund as soon as its news is delivered; until then, nothing is wrong with them.
    """
    asked = InvoiceRequest.objects.filter(span.by("order_id")).exclude(status=InvoiceRequest.Status.CANCELED)
    by_order = sums(asked, "order_id")
    news = LedgerLine.objects.filter(entry__kind__in=SETTLES, entry__booked_at__gt=span.at - DELIVERED_WITHIN)
    rows = Order.objects.filter(pk__in=by_order).exclude(pk__in=news.exclude(order=None).values("order_id"))
    columns = ("pk", "order_no", "paid_fen", "refunded_fen")
    for order_id, order_no, paid_fen, refunded_fen in rows.order_by("pk").values_list(*columns):
        if by_order[order_id] > paid_fen - refunded_fen:
            facts = {"paid_fen": paid_fen, "refunded_fen": refunded_fen, "invoiced_fen": by_order[order_id]}
            yield Offender(check="invoice_total", reference=order_no, facts=facts)


ORDERS = (
    order_totals,
    shares,
    payment_statuses,
    order_ledger,
    elsewhere,
    histories,
    invoiced,
)
