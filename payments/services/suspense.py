"""Dealing with unapplied money: somebody takes it, and it goes to an order or back to whoever paid."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from kernel import alerts, audit
from kernel.db import retry_on_conflict
from kernel.errors import DomainError
from kernel.events import publish
from kernel.models import Category, User
from kernel.money import CNY, yuan
from kernel.numbers import gateway_number
from orders import services as orders
from orders.models import Order

from ..events import PaymentSucceeded
from ..models import Payment, Refund, UnappliedMoney
from ..queries import left_in_suspense
from . import ledger
from .attempts import close_others
from .external_refunds import lock_money
from .four_eyes import first_status
from .journal import note
from .refunding import ReasonMissing, RefundTooLate, commission
from .unapplied import Action, is_too_late, refund_window

NUMBER_LENGTH = 32


class AlreadyResolved(DomainError):
    text = _("This money was dealt with already. Load the page again.")


class DoesNotFitOrder(DomainError):
    text = _("%(amount)s does not fit order %(order_no)s, which has %(due)s left to pay. Refund the money instead.")


class NotForThisOrder(DomainError):
    text = _("This sum is not what its order has left to pay, so it cannot become the order's. Refund it instead.")


class PartlyReturned(DomainError):
    text = _("Part of this money went back already, so it cannot become an order's. Refund the rest.")


class NoOrderNamed(DomainError):
    text = _("Write the number of the order that this money is for.")


def take_ownership(*, unapplied_id: int, by: User, at: datetime) -> bool:
    """Make unapplied money one's own work; whether nobody else was faster."""
    free = UnappliedMoney.objects.filter(pk=unapplied_id, resolved_at=None, owner=None)
    with transaction.atomic():
        if free.update(owner=by) != 1:
            return False
        subject = UnappliedMoney.objects.get(pk=unapplied_id)
        audit.record(action="payments.own_unapplied", subject=subject, by=by, at=at)
    return True


@retry_on_conflict
@transaction.atomic
def resolve_unapplied(
    *,
    unapplied_id: int,
    action: str,
    reason: str,
    order_id: int | None = None,
    by_rule: bool = False,
    by: User | None,
    at: datetime,
) -> UnappliedMoney:
    """
    Revive the closed order that money came for, apply the money to an order, or give it back.

    Giving back above the person's cap, or by a rule, waits for somebody else's approval.

    :param action: REVIVE, APPLY or REFUND
    :param order_id: for APPLY; without it, the order that the money came for
    :raises ReasonMissing: if nobody says why
    :raises AlreadyResolved: if it was dealt with
    :raises NoOrderNamed: if there is no order to apply it to
    :raises DoesNotFitOrder: if the order does not wait for such an amount
    :raises PartlyReturned: if some of it was refunded at the gateway's console, and the rest shall go to an order
    :raises NotForThisOrder: if it is another currency, another order's, or a sum that neither was asked for nor fits
    :raises RefundAboveCap: if the person may not refund so much, nor request it
    :raises RefundTooLate: if the gateway does not take refunds of it any more
    :raises CannotRevive: if the order cannot come back
    """
    if not reason.strip():
        raise ReasonMissing
    money = lock_money(money_id=unapplied_id)
    if money.resolved_at is not None:
        raise AlreadyResolved
    match Action(action):
        case Action.REFUND:
            _refund(money, reason=reason.strip(), by_rule=by_rule, by=by, at=at)
        case Action.REVIVE:
            _revive(money, by=by, at=at)
        case Action.APPLY:
            _apply(money, order_id=order_id or money.order_id, at=at)
        case ending:
            raise ValueError(ending)  # `endings` asks for more: how it was paid back, and another right
    facts = {"amount": yuan(money.amount_fen), "trade_no": money.gateway_trade_no}
    note_resolution(money, Action(action), reason=reason.strip(), told=("unapplied_resolved", facts), by=by, at=at)
    return money


def _revive(money: UnappliedMoney, *, by: User | None, at: datetime) -> None:
    if money.order_id is None:
        raise NoOrderNamed
    if money.order is not None and money.order.is_closed:
        orders.revive(order_id=money.order_id, by=by, at=at)
    _apply(money, order_id=money.order_id, at=at)


def _apply(money: UnappliedMoney, *, order_id: int | None, at: datetime) -> None:
    if order_id is None:
        raise NoOrderNamed
    if left_in_suspense(money) != money.amount_fen:
        raise PartlyReturned
    order = orders.lock_order(order_id=order_id)
    payment = _payment_of(money, order, at=at)
    if order.category != Category.PENDING_PAYMENT or money.amount_fen > order.due_fen:
        raise DoesNotFitOrder(amount=yuan(money.amount_fen), order_no=order.order_no, due=yuan(order.due_fen))
    ledger.apply_unapplied(money=money, order_id=order.pk, at=at)
    order = orders.record_payment(order_id=order.pk, amount_fen=money.amount_fen, at=at)
    close_others(order=order, at=at)
    money.order, money.payment = order, payment
    publish(PaymentSucceeded(payment_id=payment.pk, order_id=order.pk))


def _payment_of(money: UnappliedMoney, order: Order, *, at: datetime) -> Payment:
    """The payment that collected exactly this money: later refunds go back through it."""
    payment = money.payment
    if payment is None:
        return _adopt(money, order, at=at)
    if payment.order_id != order.pk or money.currency != CNY:
        raise NotForThisOrder
    if payment.gateway_trade_no == money.gateway_trade_no:
        return payment
    if payment.status == Payment.Status.SUCCEEDED or money.amount_fen != order.due_fen:
        raise NotForThisOrder
    return _correct(payment, money)


def _correct(payment: Payment, money: UnappliedMoney) -> Payment:
    """It never collected what it asked for, but what its order costs now: it becomes a payment of that sum."""
    payment.status, payment.amount_fen = Payment.Status.SUCCEEDED, money.amount_fen
    payment.gateway_trade_no, payment.paid_at = money.gateway_trade_no, money.received_at
    payment.query_due_at = payment.ended_at = None
    payment.save(update_fields=["status", "amount_fen", "gateway_trade_no", "paid_at", "query_due_at", "ended_at"])
    return payment


def _adopt(money: UnappliedMoney, order: Order, *, at: datetime) -> Payment:
    """A payment that was made under a number we never gave out becomes one of ours, under that number."""
    if money.currency != CNY or not money.payment_no or len(money.payment_no) > NUMBER_LENGTH:
        raise NotForThisOrder
    payment, is_new = Payment.objects.get_or_create(
        payment_no=money.payment_no,
        defaults={
            "order": order,
            "account_id": money.account_id,
            "status": Payment.Status.SUCCEEDED,
            "amount_fen": money.amount_fen,
            "gateway_trade_no": money.gateway_trade_no,
            "created_at": money.received_at,
            "expires_at": money.received_at,
            "paid_at": money.received_at,
        },
    )
    if not is_new:
        raise NotForThisOrder
    return payment


def _refund(money: UnappliedMoney, *, reason: str, by_rule: bool, by: User | None, at: datetime) -> None:
    """All that is left of it, out of suspense, through the trade that brought it."""
    amount_fen = left_in_suspense(money)
    if amount_fen <= 0:
        raise AlreadyResolved
    if is_too_late(money=money, at=at):
        raise RefundTooLate(days=refund_window(money).days)
    status = first_status(amount_fen=amount_fen, by=by, by_rule=by_rule, at=at)
    refund = Refund.objects.create(
        refund_no=gateway_number("R", at=at),
        request_key=key_of_next(money),
        payment=money.payment,
        order=money.order,
        unapplied=money,
        status=status,
        amount_fen=amount_fen,
        reason=reason[:200],
        requested_by=by,
        created_at=at,
        due_at=at if status == Refund.Status.PENDING else None,
    )
    payment = money.payment
    if payment is not None and payment.gateway_trade_no == money.gateway_trade_no:
        payment.refunding_fen += amount_fen
        payment.save(update_fields=["refunding_fen"])
    commission(refund, by=by, at=at)


def key_of_next(money: UnappliedMoney) -> str:
    """Of the next refund of locked money: each is asked for once."""
    return f"unapplied:{money.pk}:{Refund.objects.filter(unapplied=money).count() + 1}"


def note_resolution(
    money: UnappliedMoney,
    action: UnappliedMoney.Action,
    *,
    reason: str,
    told: tuple[str, dict[str, str]],
    by: User | None,
    at: datetime,
) -> None:
    """
    Money that is locked has come to its end: into its row, the audit log and its order's timeline; its alert is over.

    :param told: the sentence of the timeline, and its facts
    """
    money.resolution, money.resolution_note, money.resolved_at = action, reason[:300], at
    money.owner = money.owner or by
    money.save()
    after = {"resolution": action.value, "order_id": money.order_id}
    audit.record(action="payments.resolve_unapplied", subject=money, by=by, at=at, after=after, reason=reason)
    alerts.resolve(kind="payments.unapplied", subject=money.gateway_trade_no, by=by, at=at)
    if money.order is not None:
        code, facts = told
        note(order=money.order, code=code, facts=facts, by=by, at=at)
