"""What an account's clearing and suspense hold is what its payments, refunds, statements and open cases come to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet, Sum

from ...models import GatewayAccount, LedgerEntry, LedgerLine, Payment, Refund, Statement, UnappliedMoney
from ..ledger import SETTLE, SETTLE_AGAIN, UNDO
from .looking import Account, Offender, sums
from .of_money import TO_ORDERS, Action

Succeeded = Payment.Status.SUCCEEDED
NOT_HELD = (*TO_ORDERS, Action.INCOME)
HELD = (*Refund.IN_FLIGHT, Refund.Status.SUCCEEDED)


def clearing() -> Iterator[Offender]:
    """Clearing = captured − refunded − fees, account by account."""
    parts = (_collected(), _kept(), _negative(_returned()), _negative(_fees()))
    yield from _compare("clearing", Account.CLEARING, parts)


def suspense() -> Iterator[Offender]:
    """Suspense = money that became nobody's, less what of it went back or is on its way; and what went back twice."""
    kept = UnappliedMoney.objects.exclude(resolution__in=NOT_HELD)
    back = Refund.objects.filter(status__in=HELD, unapplied__isnull=False)
    back = back.exclude(unapplied__resolution__in=NOT_HELD)
    twice = _by_account(_surplus())
    parts = (_negative(sums(kept, "account_id")), sums(back, "unapplied__account_id"), *twice)
    yield from _compare("suspense", Account.SUSPENSE, parts)


def other_income() -> Iterator[Offender]:
    """Other income = money that is kept, less what of it went back before."""
    kept = UnappliedMoney.objects.filter(resolution=Action.INCOME)
    back = Refund.objects.filter(status__in=HELD, unapplied__resolution=Action.INCOME)
    parts = (_negative(sums(kept, "account_id")), sums(back, "unapplied__account_id"))
    yield from _compare("other_income", Account.OTHER_INCOME, parts)


def elsewhere() -> Iterator[Offender]:
    """What left the money elsewhere for no order is what was paid back outside the gateways of unapplied money."""
    lines = LedgerLine.objects.filter(account=Account.ELSEWHERE, order=None)
    done = Refund.objects.filter(status=Refund.Status.SUCCEEDED, order=None).exclude(way=Refund.Way.GATEWAY)
    booked_fen, recorded_fen = (rows.aggregate(fen=Sum("amount_fen"))["fen"] or 0 for rows in (lines, done))
    if booked_fen + recorded_fen:
        facts = {"ledger_fen": booked_fen, "paid_back_fen": recorded_fen}
        yield Offender(check="elsewhere", reference="no order", facts=facts)


def _compare(check: str, account: LedgerLine.Account, parts: tuple[dict[int, int], ...]) -> Iterator[Offender]:
    booked = sums(LedgerLine.objects.filter(account=account), "gateway_account_id")
    codes = dict(GatewayAccount.objects.values_list("pk", "code"))
    for pk in sorted(booked.keys() | {it for part in parts for it in part}, key=lambda it: it or 0):
        wanted_fen = sum(part.get(pk, 0) for part in parts)
        if booked.get(pk, 0) != wanted_fen:
            facts = {"ledger_fen": booked.get(pk, 0), "should_be_fen": wanted_fen}
            yield Offender(check=check, reference=codes.get(pk, "?"), facts=facts)


def _collected() -> dict[int, int]:
    return sums(Payment.objects.filter(status=Succeeded), "account_id")


def _kept() -> dict[int, int]:
    """Money in suspense whose payment did not collect it as its own."""
    own = Payment.objects.filter(
        account=OuterRef("account_id"), gateway_trade_no=OuterRef("gateway_trade_no"), status=Succeeded
    )
    return sums(UnappliedMoney.objects.exclude(Exists(own)), "account_id")


def _returned() -> dict[int, int]:
    done = Refund.objects.filter(way=Refund.Way.GATEWAY, status=Refund.Status.SUCCEEDED)
    return _added(*_by_account(done), *_by_account(_surplus()))


def _surplus() -> QuerySet[Refund]:
    """Failed for good, and gone all the same: booked as gone, and not undone."""
    entries = LedgerEntry.objects.filter(source_type="refund", source_id=OuterRef("pk"))
    once, undone, again = (Exists(entries.filter(kind=kind)) for kind in (SETTLE, UNDO, SETTLE_AGAIN))
    return Refund.objects.exclude(status__in=HELD).filter(again | (once & ~undone))


def _by_account(refunds: QuerySet[Refund]) -> tuple[dict[Any, int], dict[Any, int]]:
    return (
        sums(refunds.filter(payment__isnull=False), "payment__account_id"),
        sums(refunds.filter(payment=None, unapplied__isnull=False), "unapplied__account_id"),
    )


def _fees() -> dict[int, int]:
    return sums(Statement.objects.exclude(fees_booked_fen=0), "account_id", "fees_booked_fen")


def _added(*parts: dict[Any, int]) -> dict[int, int]:
    return {pk: sum(part.get(pk, 0) for part in parts) for pk in {it for part in parts for it in part}}


def _negative(part: dict[int, int]) -> dict[int, int]:
    return {pk: -amount_fen for pk, amount_fen in part.items()}


BALANCES = (clearing, suspense, other_income, elsewhere)
