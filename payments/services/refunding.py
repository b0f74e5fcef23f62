"""Asking for money back: the amount is reserved and the number fixed before any gateway hears of it."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from kernel import audit
from kernel.db import retry_on_conflict
from kernel.errors import DomainError
from kernel.events import publish
from kernel.failpoints import failpoint
from kernel.models import User
from kernel.money import yuan
from kernel.numbers import gateway_number
from kernel.queue import after_commit

from ..events import RefundRequested
from ..models import Payment, Refund, RefundLine, UnappliedMoney
from ..queries import left_to_refund
from . import ledger
from .accounts import gateway_of
from .attempts import lock_payment_by_id
from .four_eyes import ask_for_approval, first_status
from .journal import note
from .shares import Share, split

SEND = "payments.send_refund"


class RefundAboveRest(DomainError):
    text = _("Of this payment, %(left)s can be refunded; refunds on their way are taken off.")


class NothingCollected(DomainError):
    text = _("Payment %(payment_no)s collected no money for this order, so there is nothing to refund.")


class MoneyStillUnapplied(DomainError):
    text = _("The money of payment %(payment_no)s never became the order's. Deal with it under unapplied money.")


class RefundTooLate(DomainError):
    text = _("The gateway takes refunds for %(days)d days after the payment; that time is over.")


class ReasonMissing(DomainError):
    text = _("Write why the money goes back.")


class KeyUsedOtherwise(DomainError):
    text = _("This request was used for another refund. Load the page again.")


@retry_on_conflict
@transaction.atomic
def request_refund(
    *, payment_id: int, share: Share, reason: str, key: str, by_rule: bool = False, by: User | None, at: datetime
) -> Refund:
    """
    Reserve an amount of a payment for refunding and have it sent. The same key asks for the same refund.

    Above the person's cap or number of refunds a day, or by a rule, somebody else has to approve it first.

    :param share: fen, and of what
    :param key: of the form or the case that asks; up to 80 characters
    :param by: None for the shop itself, which has no cap
    :raises ReasonMissing: if nobody says why
    :raises NothingCollected: if the payment has no money
    :raises MoneyStillUnapplied: if its money is not the order's
    :raises RefundAboveRest: if less is left, refunds in flight taken off
    :raises RefundAboveCap: if the person may not refund so much, nor request it
    :raises RefundsADayReached: if the person may not refund so often, nor request it
    :raises RefundTooLate: if the gateway does not take refunds any more
    :raises KeyUsedOtherwise: if the key stands for another refund
    :raises DomainError: as `shares.split`, if the shares cannot be
    """
    payment = lock_payment_by_id(payment_id=payment_id)
    earlier = Refund.objects.filter(request_key=key).first()
    if earlier is not None:
        return _same(earlier, payment, share)
    _check(payment, share, reason=reason, at=at)
    status = first_status(amount_fen=share.amount_fen, by=by, by_rule=by_rule, at=at)
    lines = split(share=share, left=left_to_refund(order=payment.order))
    refund = _create(payment, share, reason=reason.strip(), key=key, status=status, by=by, at=at)
    RefundLine.objects.bulk_create(
        RefundLine(refund=refund, line_id=line_id, amount_fen=fen) for line_id, fen in lines.items()
    )
    payment.refunding_fen += refund.amount_fen
    payment.save(update_fields=["refunding_fen"])
    commission(refund, by=by, at=at)
    failpoint("refund_request.before_commit")
    return refund


def commission(refund: Refund, *, by: User | None, at: datetime) -> None:
    """Book the reserve, tell of it, and have the refund sent after the commit or approved first."""
    ledger.reserve_refund(refund=refund, at=at)
    waits = refund.status == Refund.Status.PENDING_APPROVAL
    facts = {"refund_no": refund.refund_no, "amount": yuan(refund.amount_fen), "reason": refund.reason}
    if refund.order is not None:
        code = "refund_awaits_approval" if waits else "refund_requested"
        note(order=refund.order, code=code, facts=facts, by=by, at=at)
    after = {"amount_fen": refund.amount_fen, "shipping_fen": refund.shipping_fen, "status": refund.status}
    audit.record(action="payments.request_refund", subject=refund, by=by, at=at, after=after, reason=refund.reason)
    publish(RefundRequested(refund_id=refund.pk))
    if waits:
        ask_for_approval(refund=refund, by=by, at=at)
    else:
        after_commit(SEND, refund_id=refund.pk)


def _create(
    payment: Payment, share: Share, *, reason: str, key: str, status: Refund.Status, by: User | None, at: datetime
) -> Refund:
    return Refund.objects.create(
        refund_no=gateway_number("R", at=at),
        request_key=key,
        payment=payment,
        order=payment.order,
        status=status,
        amount_fen=share.amount_fen,
        shipping_fen=share.shipping_fen,
        reason=reason[:200],
        requested_by=by,
        created_at=at,
        due_at=at if status == Refund.Status.PENDING else None,
    )


def _same(earlier: Refund, payment: Payment, share: Share) -> Refund:
    if (earlier.payment_id, earlier.amount_fen) != (payment.pk, share.amount_fen):
        raise KeyUsedOtherwise
    return earlier


def _check(payment: Payment, share: Share, *, reason: str, at: datetime) -> None:
    if not reason.strip():
        raise ReasonMissing
    if payment.status != Payment.Status.SUCCEEDED:
        raise NothingCollected(payment_no=payment.payment_no)
    if is_unapplied(payment):
        raise MoneyStillUnapplied(payment_no=payment.payment_no)
    if share.amount_fen > payment.refundable_fen:
        raise RefundAboveRest(left=yuan(payment.refundable_fen))
    window = gateway_of(payment.account).capabilities.refund_window
    if window is not None and payment.paid_at is not None and at > payment.paid_at + window:
        raise RefundTooLate(days=window.days)


def is_unapplied(payment: Payment) -> bool:
    """Whether what the payment collected is in suspense, or went back from there."""
    kept = UnappliedMoney.objects.filter(payment=payment, gateway_trade_no=payment.gateway_trade_no)
    return kept.exclude(resolution__in=(UnappliedMoney.Action.APPLY, UnappliedMoney.Action.REVIVE)).exists()
