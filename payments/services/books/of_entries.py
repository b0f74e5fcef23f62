"""Every ledger entry: it adds up to nothing, and something happened that it stands for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from django.db.models import Count, Exists, OuterRef, QuerySet, Sum

from kernel.bulk import among
from orders.models import Order

from ...models import LedgerEntry, LedgerLine, Payment, Refund, Statement, UnappliedMoney
from ..elsewhere import PAID, REFUNDED, SOURCE
from ..ledger import APPLY, COLLECT, FEES, GIVE_UP, KEEP, RELEASE, RESERVE, SETTLE, SETTLE_AGAIN, SETTLES, UNDO
from .looking import Account, Offender, Span
from .of_money import TO_ORDERS

COLUMNS = ("pk", "source_type", "source_id", "kind", "reference")


def balanced(span: Span) -> Iterator[Offender]:
    """Every ledger entry has lines, and they add up to nothing."""
    lines = LedgerLine.objects.filter(span.by("entry_id")).order_by().values_list("entry_id")
    unsound = lines.annotate(fen=Sum("amount_fen"), count=Count("pk")).exclude(fen=0, count__gte=2)
    wrong = {entry_id: (fen, count) for entry_id, fen, count in unsound}
    none = LedgerLine.objects.filter(span.by("entry_id"), entry_id=OuterRef("pk"))
    bare = LedgerEntry.objects.filter(span.rows).exclude(Exists(none)).values_list("pk", flat=True)
    wrong |= dict.fromkeys(bare, (0, 0))
    rows = LedgerEntry.objects.filter(pk__in=wrong).order_by("pk")
    for pk, kind, reference in rows.values_list("pk", "kind", "reference"):
        facts = {"sum_fen": wrong[pk][0], "lines": wrong[pk][1]}
        yield Offender(check="entry_balance", reference=f"#{pk} {kind} {reference}", facts=facts)


def founded(span: Span) -> Iterator[Offender]:
    """What an entry stands for has happened: no money is booked that no payment, refund, file or import brought."""
    rows = LedgerEntry.objects.filter(span.rows).order_by("pk")
    by_kind: dict[tuple[str, str], dict[int, str]] = {}
    for pk, source_type, source_id, kind, reference in rows.values_list(*COLUMNS):
        told = by_kind.setdefault((source_type, kind.partition(":")[0]), {})
        told[source_id] = f"#{pk} {kind} {reference}"
    for (source_type, kind), told in by_kind.items():
        prove = PROOFS.get((source_type, kind), _nothing)
        for source_id in sorted(told.keys() - prove(list(told))):
            facts = {"source": f"{source_type} #{source_id}"}
            yield Offender(check="entry_unfounded", reference=told[source_id], facts=facts)


Prove = Callable[[list[int]], set[int]]


def _there(rows: QuerySet[Any]) -> Prove:
    return lambda keys: set(rows.filter(among("pk", keys)).values_list("pk", flat=True))


def _settled(keys: list[int]) -> set[int]:
    """Gone, or undone since."""
    return _gone(keys) | _booked(keys, UNDO)


def _settled_again(keys: list[int]) -> set[int]:
    """Undone before, and gone after all."""
    return _gone(keys) & _booked(keys, UNDO)


def _undone(keys: list[int]) -> set[int]:
    """Not gone; or gone after all, and booked as such."""
    failed = _there(Refund.objects.filter(status=Refund.Status.FAILED))(keys)
    return failed | _booked(keys, SETTLE_AGAIN)


def _gone(keys: list[int]) -> set[int]:
    """Gone; or gone although it had failed, which somebody has to ask the customer for."""
    done = _there(Refund.objects.filter(status=Refund.Status.SUCCEEDED))(keys)
    return done | _booked(keys, *SETTLES, lines__account=Account.SUSPENSE)


def _booked(keys: list[int], *kinds: str, **where: Any) -> set[int]:
    entries = LedgerEntry.objects.filter(among("source_id", keys), source_type="refund", kind__in=kinds, **where)
    return set(entries.values_list("source_id", flat=True))


def _nothing(_keys: list[int]) -> set[int]:
    return set()


PROOFS: dict[tuple[str, str], Prove] = {
    ("payment", COLLECT): _there(Payment.objects.filter(status=Payment.Status.SUCCEEDED)),
    ("unapplied", COLLECT): _there(UnappliedMoney.objects.all()),
    ("unapplied", APPLY): _there(UnappliedMoney.objects.filter(resolution__in=TO_ORDERS)),
    ("unapplied", KEEP): _there(UnappliedMoney.objects.all()),  # how much of it, `unapplied_resolved` proves
    ("unapplied", GIVE_UP): _there(UnappliedMoney.objects.all()),
    ("refund", RESERVE): _there(Refund.objects.all()),
    ("refund", RELEASE): _there(Refund.objects.all()),
    ("refund", SETTLE): _settled,
    ("refund", SETTLE_AGAIN): _settled_again,
    ("refund", UNDO): _undone,
    ("statement", FEES): _there(Statement.objects.all()),
    (SOURCE, PAID): _there(Order.objects.exclude(import_job=None)),
    (SOURCE, REFUNDED): _there(Order.objects.exclude(import_job=None)),
}
ENTRIES = (balanced, founded)
