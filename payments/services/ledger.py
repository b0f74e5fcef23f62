"""The books: immutable double entries, in fen. Positive debits an account, negative credits it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Sum

from kernel.bulk import fast_insert

from ..models import LedgerEntry, LedgerLine, Payment, Refund, Statement, UnappliedMoney

Account = LedgerLine.Account
COLLECT, APPLY = "collect", "apply"
KEEP, GIVE_UP = "keep", "give_up"  # each with a number: money that was kept can be taken up again
RESERVE, SETTLE, RELEASE, UNDO = "refund_reserve", "refund_settle", "refund_release", "refund_undo"
SETTLE_AGAIN = "refund_settle_again"  # after it was undone: the gateway said failed, and then that it went
SETTLES = (SETTLE, SETTLE_AGAIN)
GIVEN_BACK = (*SETTLES, UNDO)  # what these come to is what went back
FEES = "fees"


class Unbalanced(RuntimeError):
    """A booking whose lines do not add up to nothing: a fault of ours, never of what somebody typed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What a booking stands for; each kind of booking happens to it once."""

    kind: str
    type: str
    id: int
    reference: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Posting:
    account: LedgerLine.Account
    amount_fen: int
    gateway_account_id: int | None = None
    order_id: int | None = None


def book(*, source: Source, postings: Iterable[Posting], at: datetime) -> LedgerEntry:
    """
    Write an entry. The same source and kind a second time is refused by the database.

    :raises Unbalanced: if the postings do not add up to nothing
    """
    lines = list(postings)
    if sum(line.amount_fen for line in lines):
        raise Unbalanced(source)
    entry = LedgerEntry.objects.create(
        source_type=source.type, source_id=source.id, kind=source.kind, reference=source.reference, booked_at=at
    )
    LedgerLine.objects.bulk_create(_line(entry, line) for line in lines)
    return entry


def _line(entry: LedgerEntry, posting: Posting) -> LedgerLine:
    return LedgerLine(
        entry=entry,
        account=posting.account,
        amount_fen=posting.amount_fen,
        gateway_account_id=posting.gateway_account_id,
        order_id=posting.order_id,
    )


def has_collected(*, account_id: int, gateway_trade_no: str) -> bool:
    """Whether the money of a gateway's trade is in the books, whatever it was booked against."""
    return LedgerEntry.objects.filter(
        kind=COLLECT, reference=gateway_trade_no, lines__gateway_account_id=account_id
    ).exists()


def collect_payment(*, payment: Payment, gateway_trade_no: str, at: datetime) -> None:
    source = Source(kind=COLLECT, type="payment", id=payment.pk, reference=gateway_trade_no)
    clearing, receivable = _clearing(payment.account_id), _receivable(payment.order_id)
    book(source=source, postings=_move(payment.amount_fen, debit=clearing, credit=receivable), at=at)


def collect_payments(*, collected: Sequence[tuple[Payment, str]], at: datetime) -> None:
    """
    As `collect_payment`, for many at once.

    :param collected: each payment with the gateway's transaction id
    """
    entries = fast_insert(
        [
            LedgerEntry(source_type="payment", source_id=payment.pk, kind=COLLECT, reference=trade_no, booked_at=at)
            for payment, trade_no in collected
        ]
    )
    lines = [
        _line(entry, posting)
        for entry, (payment, _trade_no) in zip(entries, collected, strict=True)
        for posting in _move(
            payment.amount_fen, debit=_clearing(payment.account_id), credit=_receivable(payment.order_id)
        )
    ]
    fast_insert(lines)


def collect_unapplied(*, money: UnappliedMoney, at: datetime) -> None:
    source = Source(kind=COLLECT, type="unapplied", id=money.pk, reference=money.gateway_trade_no)
    clearing, suspense = _clearing(money.account_id), _suspense(money)
    book(source=source, postings=_move(money.amount_fen, debit=clearing, credit=suspense), at=at)


def apply_unapplied(*, money: UnappliedMoney, order_id: int, at: datetime) -> None:
    """Out of suspense, to the order it turned out to be for."""
    source = Source(kind=APPLY, type="unapplied", id=money.pk, reference=money.gateway_trade_no)
    postings = _move(money.amount_fen, debit=_suspense(money), credit=_receivable(order_id))
    book(source=source, postings=postings, at=at)


def keep_unapplied(*, money: UnappliedMoney, amount_fen: int, at: datetime) -> None:
    """Out of suspense: it becomes nobody's order, and does not go back."""
    _book_keeping(money, f"{KEEP}:{_times_kept(money) + 1}", amount_fen, at=at)


def give_up_kept(*, money: UnappliedMoney, at: datetime) -> None:
    """Back to suspense, all that was kept of it."""
    _book_keeping(money, f"{GIVE_UP}:{_times_kept(money)}", -kept_fen(money=money), at=at)


def kept_fen(*, money: UnappliedMoney) -> int:
    lines = LedgerLine.objects.filter(
        entry__source_type="unapplied", entry__source_id=money.pk, account=Account.OTHER_INCOME
    )
    return -(lines.aggregate(fen=Sum("amount_fen"))["fen"] or 0)


def _times_kept(money: UnappliedMoney) -> int:
    entries = LedgerEntry.objects.filter(source_type="unapplied", source_id=money.pk)
    return entries.filter(kind__startswith=f"{KEEP}:").count()


def _book_keeping(money: UnappliedMoney, kind: str, amount_fen: int, *, at: datetime) -> None:
    source = Source(kind=kind, type="unapplied", id=money.pk, reference=money.gateway_trade_no)
    income = Posting(account=Account.OTHER_INCOME, amount_fen=0, gateway_account_id=money.account_id)
    book(source=source, postings=_move(amount_fen, debit=_suspense(money), credit=income), at=at)


def reserve_refund(*, refund: Refund, at: datetime) -> None:
    payable = Posting(account=Account.REFUNDS_PAYABLE, amount_fen=0, order_id=refund.order_id)
    _book_refund(refund, RESERVE, debit=_origin(refund), credit=payable, at=at)


def release_refund(*, refund: Refund, at: datetime) -> None:
    """The refund will not happen: its reserve is turned back."""
    payable = Posting(account=Account.REFUNDS_PAYABLE, amount_fen=0, order_id=refund.order_id)
    _book_refund(refund, RELEASE, debit=payable, credit=_origin(refund), at=at)


def settle_refund(*, refund: Refund, reserved: bool, at: datetime) -> None:
    """:param reserved: not for a refund that a gateway's console made, or whose reserve was turned back"""
    payable = Posting(account=Account.REFUNDS_PAYABLE, amount_fen=0, order_id=refund.order_id)
    debit, kind = (payable, SETTLE) if reserved else (_origin(refund), _settling(refund))
    _book_refund(refund, kind, debit=debit, credit=_leaves(refund), at=at)


def undo_refund(*, refund: Refund, at: datetime) -> None:
    """It was booked as gone by somebody's word, and never went."""
    _book_refund(refund, UNDO, debit=_leaves(refund), credit=_origin(refund), at=at)


def settle_surplus(*, refund: Refund, at: datetime) -> None:
    """It went although it had failed, and by now nothing is left that it could be taken off: somebody must find it."""
    account_id = account_id_of(refund)
    missing = Posting(account=Account.SUSPENSE, amount_fen=0, gateway_account_id=account_id)
    _book_refund(refund, _settling(refund), debit=missing, credit=_clearing(account_id), at=at)


def is_gone(*, refund: Refund) -> bool:
    """Whether the money of a refund is booked as gone, and was not undone since."""
    booked = _kinds_of(refund)
    return SETTLE_AGAIN in booked or (SETTLE in booked and UNDO not in booked)


def is_gone_by_its_word(*, refund: Refund) -> bool:
    """Whether what is booked as gone had been turned back before, so that only the gateway can have said it went."""
    return bool(_kinds_of(refund) & {RELEASE, UNDO})


def was_undone(*, refund: Refund) -> bool:
    """Whether it was booked as gone by somebody's word, which its gateway denied."""
    return UNDO in _kinds_of(refund)


def _settling(refund: Refund) -> str:
    return SETTLE_AGAIN if was_undone(refund=refund) else SETTLE


def _kinds_of(refund: Refund) -> set[str]:
    return set(LedgerEntry.objects.filter(source_type="refund", source_id=refund.pk).values_list("kind", flat=True))


def book_fees(*, statement: Statement, amount_fen: int, at: datetime) -> None:
    """What a gateway kept for itself, as its statement says; negative gives a fee back."""
    source = Source(
        kind=f"{FEES}:{statement.revision}", type="statement", id=statement.pk, reference=str(statement.day)
    )
    fees = Posting(account=Account.FEES, amount_fen=0, gateway_account_id=statement.account_id)
    book(source=source, postings=_move(amount_fen, debit=fees, credit=_clearing(statement.account_id)), at=at)


def account_id_of(refund: Refund) -> int:
    """The gateway account that the money goes back through."""
    if refund.payment is not None:
        return refund.payment.account_id
    assert refund.unapplied is not None  # noqa: S101 - held by the constraint refund_of_something
    return refund.unapplied.account_id


def _book_refund(refund: Refund, kind: str, *, debit: Posting, credit: Posting, at: datetime) -> None:
    source = Source(kind=kind, type="refund", id=refund.pk, reference=refund.refund_no)
    book(source=source, postings=_move(refund.amount_fen, debit=debit, credit=credit), at=at)


def _move(amount_fen: int, *, debit: Posting, credit: Posting) -> tuple[Posting, Posting]:
    return _posting(debit, amount_fen), _posting(credit, -amount_fen)


def _posting(place: Posting, amount_fen: int) -> Posting:
    return Posting(
        account=place.account,
        amount_fen=amount_fen,
        gateway_account_id=place.gateway_account_id,
        order_id=place.order_id,
    )


def _clearing(account_id: int) -> Posting:
    return Posting(account=Account.CLEARING, amount_fen=0, gateway_account_id=account_id)


def _receivable(order_id: int | None) -> Posting:
    return Posting(account=Account.RECEIVABLE, amount_fen=0, order_id=order_id)


def _suspense(money: UnappliedMoney) -> Posting:
    return Posting(account=Account.SUSPENSE, amount_fen=0, gateway_account_id=money.account_id)


def _leaves(refund: Refund) -> Posting:
    """Which of our accounts the money leaves."""
    if refund.way != Refund.Way.GATEWAY:
        return Posting(account=Account.ELSEWHERE, amount_fen=0, order_id=refund.order_id)
    return _clearing(account_id_of(refund))


def _origin(refund: Refund) -> Posting:
    """Where the money that goes back is booked: with its order, or still in suspense."""
    return _suspense(refund.unapplied) if refund.unapplied is not None else _receivable(refund.order_id)
