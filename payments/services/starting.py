"""Asking a gateway for money: the row is committed before the first call, and its number never changes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from kernel.clock import now
from kernel.db import retry_on_conflict
from kernel.errors import DomainError
from kernel.models import Category
from kernel.money import yuan
from kernel.numbers import gateway_number
from kernel.secrets import lookup_hash
from kernel.shop import shop
from orders import services as orders
from orders.models import Order

from ..gateways import (
    ConfigError,
    CreateRequest,
    GatewayEvent,
    NextAction,
    Outcome,
    gateway_class,
    guard_no_transaction,
)
from ..models import GatewayAccount, Payment
from .accounts import gateway_of, notify_url
from .attempts import follow, lock_payment_by_id
from .choices import offered_to
from .journal import note
from .schedule import next_query_at
from .troubles import tell_config_error
from .unapplied import has_money_on_hold

LIFETIME = timedelta(hours=2)  # as long as gateways let a code live
SHORTEST = timedelta(seconds=30)  # nobody pays in less
PATIENCE = timedelta(seconds=15)  # longer than a gateway is waited for


class OrderNotPayable(DomainError):
    text = _("Order %(order_no)s is not waiting for a payment.")


class OrderIsClosing(DomainError):
    text = _("Order %(order_no)s is being closed. If you still want it, ask the shop.")


class MoneyArrived(DomainError):
    text = _("Money for order %(order_no)s has arrived and is being checked. Please do not pay again.")


class PaymentTimeOver(DomainError):
    text = _("The time to pay order %(order_no)s is over.")


class MethodNotAvailable(DomainError):
    text = _("This way of paying is not available at the moment. Choose another one, or ask the shop.")


class GatewayNotAnswering(DomainError):
    text = _("The payment service did not answer, and nothing was charged. Try again in a minute.")


class GatewayRefused(DomainError):
    text = _("The payment service refused this payment: %(words)s")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """
    How somebody wants to pay.

    :param method: qr, page, wap, h5 or jsapi
    :param gateway: empty for any; of its accounts, and of all, the first that takes this order is used
    :param payer_ref: who pays, where the gateway must be told
    :param return_path: where the gateway sends the browser back to, below PUBLIC_URL
    """

    method: str
    gateway: str = ""
    account_code: str = ""
    payer_ref: str = ""
    client_ip: str = ""
    return_path: str = ""

    @property
    def payer_hash(self) -> str:
        """Gateways bind these to one person or one phone, so that nobody else can use the attempt."""
        bound_to = self.payer_ref or (self.client_ip if self.method == "h5" else "")
        return lookup_hash(bound_to, kind="payer") if bound_to else ""


def start_attempt(*, order_id: int, ask: Ask, at: datetime) -> Payment:
    """
    Open an attempt to collect what an order still has to pay, or hand out the one that is open already.

    :return: the attempt, with what the customer does next in `next_action`
    :raises OrderNotPayable: if the order does not wait for money
    :raises OrderIsClosing: if its closing was asked for
    :raises MoneyArrived: if money for it came that is not applied yet
    :raises PaymentTimeOver: if there is no time left
    :raises MethodNotAvailable: if no account offers the method, or the account is set up wrongly
    :raises GatewayNotAnswering: if the gateway gave no clear answer; asking again is safe
    :raises GatewayRefused: if it said no
    """
    guard_no_transaction()
    payment = _open_row(order_id=order_id, ask=ask, at=at)
    return payment if _is_fresh(payment, at=at) else _ask_gateway(payment, ask, at=at)


@retry_on_conflict
@transaction.atomic
def _open_row(*, order_id: int, ask: Ask, at: datetime) -> Payment:
    """The row is committed before the gateway hears of it: whatever dies next, somebody will ask what became of it."""
    order = orders.lock_order(order_id=order_id)
    deadline = _check_payable(order, at=at)
    account = chosen_account(order=order, ask=ask)
    alive = _alive(order, account, ask, at=at)
    if alive is not None:
        return alive
    expires_at = min(deadline, at + LIFETIME)
    payment = Payment.objects.create(
        payment_no=gateway_number("P", at=at),
        order=order,
        account=account,
        method=ask.method,
        payer_hash=ask.payer_hash,
        amount_fen=order.due_fen,
        created_at=at,
        expires_at=expires_at,
        query_due_at=next_query_at(created_at=at, expires_at=expires_at, at=at),
    )
    facts = {"payment_no": payment.payment_no, "amount": yuan(payment.amount_fen)}
    note(order=order, code="payment_started", facts=facts, at=at)
    return payment


def chosen_account(*, order: Order, ask: Ask) -> GatewayAccount:
    """
    :raises MethodNotAvailable: if no account offers this for this order
    """
    for choice in offered_to(order):
        account = choice.account
        is_named = ask.account_code in ("", account.code) and ask.gateway in ("", account.gateway)
        if is_named and choice.method == ask.method:
            return account
    raise MethodNotAvailable


def _check_payable(order: Order, *, at: datetime) -> datetime:
    """The latest moment at which money is welcome."""
    if order.category != Category.PENDING_PAYMENT or order.due_fen <= 0:
        raise OrderNotPayable(order_no=order.order_no)
    if Payment.objects.filter(order=order).open().exclude(closing_reason="").exists():
        raise OrderIsClosing(order_no=order.order_no)
    payment_nos = list(Payment.objects.filter(order=order).values_list("payment_no", flat=True))
    if has_money_on_hold(order=order, payment_nos=payment_nos):
        raise MoneyArrived(order_no=order.order_no)
    deadline = order.payment_due_at or at + timedelta(minutes=shop().payment_minutes)
    if deadline < at + SHORTEST:
        raise PaymentTimeOver(order_no=order.order_no)
    return deadline


def _alive(order: Order, account: GatewayAccount, ask: Ask, *, at: datetime) -> Payment | None:
    """
    The attempt that can be handed out, or asked for, once more.

    :raises GatewayNotAnswering: if its code is on its way, and the gateway gives it no second time
    """
    alive = (
        Payment.objects.filter(order=order, account=account, method=ask.method, amount_fen=order.due_fen)
        .filter(closing=False, withdrawn_at=None, expires_at__gt=at + SHORTEST, payer_hash=ask.payer_hash)
        .open()
        .order_by("-pk")
        .first()
    )
    if alive is None or alive.next_action or gateway_class(code=account.gateway).capabilities.repeats_codes:
        return alive
    if alive.created_at + PATIENCE > at:
        raise GatewayNotAnswering
    return None


def _is_fresh(payment: Payment, *, at: datetime) -> bool:
    """A phone's link may end before the attempt does; the same attempt then gets another link."""
    ends_at = payment.next_action.get("expires_at")
    return bool(payment.next_action) and (ends_at is None or datetime.fromisoformat(ends_at) > at + SHORTEST)


def _ask_gateway(payment: Payment, ask: Ask, *, at: datetime) -> Payment:
    try:
        event, action = gateway_of(payment.account).create(request=_request(payment, ask))
    except ConfigError as error:
        tell_config_error(account=payment.account, error=error, at=at)
        raise MethodNotAvailable from error
    payment = _note_answer(payment_id=payment.pk, event=event, action=action, at=max(at, now()))
    if payment.closing:
        raise OrderNotPayable(order_no=payment.order.order_no)  # paid or given up while the gateway was asked
    if payment.next_action:
        return payment
    if event.outcome in (Outcome.FAILED, Outcome.CLOSED):
        raise GatewayRefused(words=event.message or event.code)
    raise GatewayNotAnswering


def _request(payment: Payment, ask: Ask) -> CreateRequest:
    return CreateRequest(
        payment_no=payment.payment_no,
        amount_fen=payment.amount_fen,
        subject=f"{shop().name} {payment.order.order_no}",
        method=payment.method,
        notify_url=notify_url(payment.account),
        return_url=f"{settings.PUBLIC_URL}{ask.return_path}" if ask.return_path else "",
        client_ip=ask.client_ip,
        payer_ref=ask.payer_ref,
        created_at=payment.created_at,
        expires_at=payment.expires_at,
    )


@retry_on_conflict
@transaction.atomic
def _note_answer(*, payment_id: int, event: GatewayEvent, action: NextAction, at: datetime) -> Payment:
    """A notification may have been faster than the answer: what is settled already stays as it is."""
    payment = lock_payment_by_id(payment_id=payment_id)
    if action.kind != "none" and payment.status in Payment.OPEN and not payment.closing:
        payment.next_action = _kept(action, until=payment.expires_at)
        payment.save(update_fields=["next_action"])
    return follow(payment=payment, report=event, at=at)


def _kept(action: NextAction, *, until: datetime) -> dict[str, object]:
    kept: dict[str, object] = {"kind": action.kind, "data": dict(action.data)}
    if action.expires_at is not None and action.expires_at < until:
        kept["expires_at"] = action.expires_at.isoformat()
    return kept
