"""News of refunds, ours and those that somebody made at the gateway's own console. None is dropped."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from hashlib import sha256

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from kernel import alerts
from kernel.db import retry_on_conflict
from kernel.errors import DomainError
from kernel.money import yuan
from kernel.numbers import gateway_number
from kernel.queue import after_commit

from ..gateways import GatewayEvent, Outcome, RefundRef
from ..models import GatewayAccount, Payment, Refund, RefundLine, UnappliedMoney
from ..queries import left_in_suspense, left_to_refund
from .accounts import gateway_of
from .attempts import PaymentNotFound, lock_payment_by_id
from .journal import note
from .ledger import account_id_of
from .querying import ask_soon
from .refund_outcomes import book_success
from .shares import everything_first, split
from .troubles import Severity, tell_refund
from .unapplied import Action, find_unapplied, take_up_again
from .verdicts import Result
from .words import shop_language

RESOLVE = "payments.resolve_refunds"
MADE_ELSEWHERE = "gw:"  # how the keys of refunds begin that were made at a gateway's console
Done = Callable[[str], None]


class RefundBeforePayment(DomainError):
    text = gettext_lazy("The gateway tells of a refund of payment %(payment_no)s, whose money is not booked yet.")


class RefundNotConfirmed(DomainError):
    text = gettext_lazy("The gateway tells of a refund of payment %(payment_no)s, but not yet how much went back.")


class RefundExceedsMoney(DomainError):
    text = gettext_lazy(
        "The gateway tells of a refund of %(amount)s; of that money only %(left)s is left in our books."
    )


def take_refund_news(*, report: GatewayEvent, account_id: int, done: Done, at: datetime) -> None:
    """
    Follow a notification about a refund.

    Of ours the gateway is asked, for it tells the running total and not the amount. One that we never asked for is
    booked as what it is: money that went back.

    :param done: called with the verdict, in the transaction of what was written
    :raises DomainError: if it does not fit yet; it must be told again
    """
    ours = _find_ours(report, account_id)
    if ours is not None:
        _look_into(ours, done, at=at)
        return
    payment = _find_payment(report, account_id)
    money = find_unapplied(account_id=account_id, gateway_trade_no=report.gateway_trade_no)
    if money is not None and money.resolution not in (Action.APPLY, Action.REVIVE):
        amount_fen = report.amount_fen or _ask_amount(report, money.account, asked_at=money.received_at)
        _book_from_suspense(money_id=money.pk, report=report, amount_fen=amount_fen, done=done, at=at)
    elif payment is None:
        raise PaymentNotFound(payment_no=report.payment_no or report.gateway_trade_no)
    else:
        _take_of_payment(payment, report, done, at=at)


def _take_of_payment(payment: Payment, report: GatewayEvent, done: Done, *, at: datetime) -> None:
    if payment.status != Payment.Status.SUCCEEDED:
        ask_soon(payment_id=payment.pk, at=at)
        raise RefundBeforePayment(payment_no=payment.payment_no)
    if not report.refund_no and report.refunded_total_fen in (None, payment.refunded_fen):
        _do(done, Result.TOLD_BEFORE)
        return
    amount_fen = report.amount_fen or _ask_amount(report, payment.account, asked_at=payment.created_at)
    _book_of_payment(payment_id=payment.pk, report=report, amount_fen=amount_fen, done=done, at=at)


def _find_payment(report: GatewayEvent, account_id: int) -> Payment | None:
    """Some gateways name only their own number of the payment in news of a refund."""
    own = Payment.objects.filter(account_id=account_id)
    if report.payment_no:
        return own.filter(payment_no=report.payment_no).first()
    return own.filter(gateway_trade_no=report.gateway_trade_no).exclude(gateway_trade_no="").first()


def _find_ours(report: GatewayEvent, account_id: int) -> Refund | None:
    if not report.refund_no:
        return None
    sent = Refund.objects.filter(refund_no=report.refund_no, way=Refund.Way.GATEWAY)
    refund = sent.select_related("payment", "unapplied").first()
    return refund if refund is not None and account_id_of(refund) == account_id else None


@retry_on_conflict
@transaction.atomic
def _look_into(refund: Refund, done: Done, *, at: datetime) -> None:
    if refund.status == Refund.Status.SUCCEEDED and not refund.is_settled_by_hand:
        done(Result.TOLD_BEFORE)
        return
    proved = Q(status=Refund.Status.SUCCEEDED, settled_by=None)
    Refund.objects.filter(pk=refund.pk).exclude(proved).update(due_at=at)
    Refund.objects.filter(pk=refund.pk, sent_at=None).update(sent_at=at)  # so that it is asked about, not sent
    after_commit(RESOLVE)
    done(Result.REFUND_ASKED)


@transaction.atomic
def _do(done: Done, verdict: str) -> None:
    done(verdict)


def _ask_amount(report: GatewayEvent, account: GatewayAccount, *, asked_at: datetime) -> int:
    """
    :raises RefundNotConfirmed: if the gateway does not say
    """
    if report.refund_no:
        ref = RefundRef(
            refund_no=report.refund_no,
            payment_no=report.payment_no,
            created_at=asked_at,
            gateway_trade_no=report.gateway_trade_no,
        )
        told = gateway_of(account).query_refund(ref=ref)
        if told.outcome is Outcome.SUCCEEDED and told.amount_fen:
            return told.amount_fen
    raise RefundNotConfirmed(payment_no=report.payment_no)


@retry_on_conflict
@transaction.atomic
def _book_of_payment(*, payment_id: int, report: GatewayEvent, amount_fen: int, done: Done, at: datetime) -> None:
    payment = lock_payment_by_id(payment_id=payment_id)
    key = _key(report, account_id=payment.account_id, trade_no=payment.gateway_trade_no)
    if _is_booked(key):
        done(Result.TOLD_BEFORE)
        return
    if amount_fen > payment.refundable_fen:
        raise RefundExceedsMoney(amount=yuan(amount_fen), left=yuan(payment.refundable_fen))
    left = left_to_refund(order=payment.order)
    share = everything_first(amount_fen=amount_fen, left=left)
    lines = split(share=share, left=left)
    refund = _create(report, key=key, amount_fen=amount_fen, at=at)
    refund.payment, refund.order, refund.shipping_fen = payment, payment.order, share.shipping_fen
    refund.save()
    RefundLine.objects.bulk_create(
        RefundLine(refund=refund, line_id=line_id, amount_fen=fen) for line_id, fen in lines.items()
    )
    _finish(refund, report, done, at=at)


@retry_on_conflict
@transaction.atomic
def _book_from_suspense(*, money_id: int, report: GatewayEvent, amount_fen: int, done: Done, at: datetime) -> None:
    money = lock_money(money_id=money_id)
    key = _key(report, account_id=money.account_id, trade_no=money.gateway_trade_no)
    if _is_booked(key):
        done(Result.TOLD_BEFORE)
        return
    left_fen = left_in_suspense(money)
    if amount_fen > left_fen:
        raise RefundExceedsMoney(amount=yuan(amount_fen), left=yuan(left_fen))
    if money.resolution == Action.INCOME:
        take_up_again(money=money, at=at)  # it was kept, and somebody gave it back all the same
    refund = _create(report, key=key, amount_fen=amount_fen, at=at)
    refund.unapplied, refund.payment, refund.order = money, money.payment, money.order
    refund.save()
    if amount_fen == left_fen:
        money.resolution, money.resolved_at = Action.REFUND, at
        money.resolution_note = refund.reason
        money.save(update_fields=["resolution", "resolved_at", "resolution_note"])
        alerts.resolve(kind="payments.unapplied", subject=money.gateway_trade_no, at=at)
    _finish(refund, report, done, at=at)


def lock_money(*, money_id: int) -> UnappliedMoney:
    """Money in suspense with the payment and order it came for: locked as everything else, the order first."""
    seen = UnappliedMoney.objects.only("pk", "payment_id").get(pk=money_id)
    payment = lock_payment_by_id(payment_id=seen.payment_id) if seen.payment_id else None
    money = UnappliedMoney.objects.select_for_update().get(pk=money_id)
    if payment is not None:
        money.payment, money.order = payment, payment.order
    return money


def _is_booked(key: str) -> bool:
    return Refund.objects.filter(request_key=key).exists()


def _key(report: GatewayEvent, *, account_id: int, trade_no: str) -> str:
    """A number that was given at a console is one of a kind within its trade; Alipay asks for no more."""
    identity = sha256(f"{account_id}:{trade_no}:{report.refund_no}".encode()).hexdigest()
    return f"{MADE_ELSEWHERE}{identity}"


def _create(report: GatewayEvent, *, key: str, amount_fen: int, at: datetime) -> Refund:
    with shop_language():
        reason = _("Refunded at the gateway's own console")
    return Refund(
        refund_no=gateway_number("R", at=at),
        request_key=key,
        gateway_refund_no=report.refund_no,
        amount_fen=amount_fen,
        reason=reason,
        created_at=at,
        sent_at=report.occurred_at or at,
        settled_at=report.occurred_at,
        last_message=report.message[:300],
    )


def _finish(refund: Refund, report: GatewayEvent, done: Done, *, at: datetime) -> None:
    book_success(refund=refund, reserved=False, at=at)
    refund.save()
    facts = {"amount": yuan(refund.amount_fen), "refund_no": refund.gateway_refund_no}
    if refund.order is not None:
        note(order=refund.order, code="refund_external", facts=facts, at=at)
    with shop_language():
        text = _("%(amount)s was refunded at the gateway's own console (%(refund_no)s), not from here.") % facts
    tell_refund(refund_no=refund.refund_no, text=text, severity=Severity.INFO, at=at)
    done(Result.REFUND_EXTERNAL)
