"""The card on an order's page that says where its money is; two queries, however many attempts and refunds."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import BooleanField, Exists, ExpressionWrapper, IntegerField, OuterRef, Q, QuerySet, Subquery, Sum
from django.http import HttpRequest

from kernel.admin import actor
from kernel.clock import now
from kernel.models import Category
from orders.models import Order

from ..models import Notification, Payment, Refund, UnappliedMoney
from ..queries import payments_of, refunds_of
from . import looks
from .counts import REFUNDS_UNDER_WAY

APPLIED = (UnappliedMoney.Action.APPLY, UnappliedMoney.Action.REVIVE)
REFUSED = (Payment.Status.FAILED, Payment.Status.CANCELED, Payment.Status.UNKNOWN)
SEEN = "seen"  # the order's last event that the page shows


@dataclass(frozen=True, slots=True)
class Row:
    """An attempt, with what the page says of it besides its own columns."""

    payment: Payment
    badge: str
    method: str
    took: str
    told: str
    words: str  # of the gateway, where it refused
    unapplied_id: int | None  # somebody has to decide about its money
    is_open: bool
    may_refund: bool


def money_of(request: HttpRequest, order: Order, *, here: str) -> dict[str, object]:
    """
    What is paid, refunded, on its way back and refundable, and by which attempts.

    :param here: where actions return to
    """
    person = actor(request)
    payments = list(_payments(order))
    refunds = list(refunds_of(order_ids=[order.pk])) if payments or order.refunded_fen else []
    own = [it for it in payments if not getattr(it, "in_suspense")]  # noqa: B009
    return {
        "order": order,
        "here": here,
        "rows": [_row(it, is_own=it in own) for it in payments],
        "refunds": [(it, looks.refund_badge(it)) for it in refunds],
        "in_flight_fen": sum(it.refunding_fen for it in own),
        "refundable_fen": sum(it.refundable_fen for it in own),
        "elsewhere": order.is_imported and order.paid_fen > 0 and not payments,
        "may_ask": person.has_perm("payments.change_payment"),
        "may_refund": person.has_perm("payments.request_refund"),
        "may_settle": person.has_perm("payments.view_unappliedmoney"),
        "may_see_refunds": person.has_perm("payments.view_refund"),
        "is_live": is_live(order, payments, refunds),
        "at": now(),
    }


def on_page(request: HttpRequest, order: Order) -> dict[str, object]:
    return money_of(request, order, here=request.get_full_path())


def is_live(order: Order, payments: list[Payment], refunds: list[Refund]) -> bool:
    """
    Whether something may happen to the money without anybody here doing it. What is left open of an order that is
    paid is being closed, and nobody watches that.
    """
    awaited = order.category == Category.PENDING_PAYMENT and not order.is_imported
    return (
        awaited
        or any(payment.status in Payment.OPEN and not payment.closing for payment in payments)
        or any(refund.status in REFUNDS_UNDER_WAY for refund in refunds)
    )


def _payments(order: Order) -> QuerySet[Payment]:
    told = Notification.objects.filter(payment_no=OuterRef("payment_no")).order_by().values("payment_no")
    kept = UnappliedMoney.objects.filter(payment=OuterRef("pk"))
    own = kept.filter(gateway_trade_no=OuterRef("gateway_trade_no"))
    return payments_of(order_ids=[order.pk]).annotate(
        told=Subquery(told.annotate(times=Sum("copies")).values("times"), output_field=IntegerField()),
        unapplied_id=Subquery(kept.filter(resolved_at=None).order_by("pk").values("pk")[:1]),
        in_suspense=ExpressionWrapper(Exists(own.filter(~Q(resolution__in=APPLIED))), output_field=BooleanField()),
    )


def _row(payment: Payment, *, is_own: bool) -> Row:
    return Row(
        payment=payment,
        badge=looks.payment_badge(payment),
        method=looks.method(payment),
        took=looks.took(payment.created_at, payment.over_at),
        told=looks.told(getattr(payment, "told")),  # noqa: B009 - annotated in _payments
        words=payment.last_message if payment.status in REFUSED else "",
        unapplied_id=getattr(payment, "unapplied_id"),  # noqa: B009
        is_open=payment.status in Payment.OPEN,
        may_refund=is_own and payment.refundable_fen > 0,
    )
