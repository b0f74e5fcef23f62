"""Unapplied money that its gateway does not give back: paid back otherwise, or kept; by whom, and why."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from kernel import audit
from kernel.db import retry_on_conflict
from kernel.errors import DomainError
from kernel.models import User
from kernel.money import yuan
from kernel.numbers import gateway_number
from kernel.shop import refund_cap_fen

from ..models import Refund, UnappliedMoney
from ..queries import left_in_suspense
from . import ledger
from .external_refunds import lock_money
from .four_eyes import ensure_within_limits
from .journal import note
from .refund_letters import tell_paid_back
from .refund_outcomes import book_success
from .refunding import ReasonMissing
from .suspense import AlreadyResolved, key_of_next, note_resolution
from .unapplied import Action, take_up_again


class NotAWayOutside(DomainError):
    text = _("Choose how the money was paid back: by bank transfer, in cash or in another way.")


class KeepsAboveCap(DomainError):
    text = _("You may keep up to %(cap)s at a time. Ask somebody with a higher limit.")


class NotKept(DomainError):
    text = _("This money is not kept as other income. Load the page again.")


@retry_on_conflict
@transaction.atomic
def pay_back_outside(
    *, unapplied_id: int, way: str, reason: str, tells_customer: bool = False, by: User, at: datetime
) -> Refund:
    """
    Book unapplied money, all that is left of it, as paid back outside the gateway. Nothing is sent.

    :param way: a Refund.Way other than GATEWAY
    :param reason: why, and the number of the receipt
    :param tells_customer: whether the customer of the order that it came for is written to
    :raises ReasonMissing: if nobody says why
    :raises NotAWayOutside: if it is no such way
    :raises AlreadyResolved: if it was dealt with, or is on its way back
    :raises RefundAboveCap: if the person may not refund so much
    :raises RefundsADayReached: if the person may not refund so often
    """
    if way not in set(Refund.Way.values) - {Refund.Way.GATEWAY.value}:
        raise NotAWayOutside
    money, amount_fen = _lock_left(unapplied_id, reason=reason)
    ensure_within_limits(amount_fen=amount_fen, by=by, at=at)
    refund = Refund.objects.create(
        refund_no=gateway_number("R", at=at),
        request_key=key_of_next(money),
        payment=money.payment,
        order=money.order,
        unapplied=money,
        way=Refund.Way(way),
        amount_fen=amount_fen,
        reason=reason.strip()[:200],
        requested_by=by,
        settled_by=by,
        created_at=at,
    )
    book_success(refund=refund, reserved=False, at=at)
    refund.save()
    facts = {"refund_no": refund.refund_no, "amount": yuan(amount_fen), "reason": refund.reason}
    note_resolution(money, Action.OUTSIDE, reason=reason.strip(), told=("refund_offline", facts), by=by, at=at)
    if tells_customer and refund.order is not None:
        tell_paid_back(refund=refund, at=at)
    return refund


@retry_on_conflict
@transaction.atomic
def keep_as_income(*, unapplied_id: int, reason: str, by: User, at: datetime) -> UnappliedMoney:
    """
    Book unapplied money, all that is left of it, as other income. It can be taken up again.

    :raises ReasonMissing: if nobody says why
    :raises AlreadyResolved: if it was dealt with, or is on its way back
    :raises KeepsAboveCap: if it is more than the person may refund at a time
    """
    money, amount_fen = _lock_left(unapplied_id, reason=reason)
    cap_fen = refund_cap_fen(by)
    if cap_fen is not None and amount_fen > cap_fen:
        raise KeepsAboveCap(cap=yuan(cap_fen))
    ledger.keep_unapplied(money=money, amount_fen=amount_fen, at=at)
    facts = {"amount": yuan(amount_fen), "trade_no": money.gateway_trade_no, "reason": reason.strip()}
    note_resolution(money, Action.INCOME, reason=reason.strip(), told=("unapplied_kept", facts), by=by, at=at)
    return money


@retry_on_conflict
@transaction.atomic
def take_up_kept(*, unapplied_id: int, reason: str, by: User, at: datetime) -> UnappliedMoney:
    """
    Make money that was kept somebody's work again: whoever paid has asked for it.

    :raises ReasonMissing: if nobody says why
    :raises NotKept: if it is not kept
    """
    if not reason.strip():
        raise ReasonMissing
    money = lock_money(money_id=unapplied_id)
    if money.resolution != Action.INCOME:
        raise NotKept
    before = {"resolution": money.resolution, "reason": money.resolution_note}
    take_up_again(money=money, at=at)
    money.resolution_note = ""
    money.save(update_fields=["resolution_note"])
    audit.record(
        action="payments.take_up_kept", subject=money, by=by, at=at, before=before, after={}, reason=reason.strip()
    )
    if money.order is not None:
        facts = {"amount": yuan(left_in_suspense(money)), "trade_no": money.gateway_trade_no, "reason": reason.strip()}
        note(order=money.order, code="unapplied_taken_up", facts=facts, by=by, at=at)
    return money


def _lock_left(unapplied_id: int, *, reason: str) -> tuple[UnappliedMoney, int]:
    """The money and the fen that are left of it."""
    if not reason.strip():
        raise ReasonMissing
    money = lock_money(money_id=unapplied_id)
    amount_fen = left_in_suspense(money)
    if money.resolved_at is not None or amount_fen <= 0:
        raise AlreadyResolved
    return money, amount_fen
