"""Money of imported orders: it was collected elsewhere, so it is in our books and in no comparison with a gateway."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.db import transaction

from kernel.bulk import among, insert_values
from orders.models import Order

from ..models import LedgerEntry, LedgerLine

SOURCE = "imported_order"
PAID, REFUNDED = "collect_elsewhere", "refund_elsewhere"
CHUNK = 1_000
ELSEWHERE, RECEIVABLE = LedgerLine.Account.ELSEWHERE.value, LedgerLine.Account.RECEIVABLE.value


class Money(NamedTuple):
    order_id: int
    order_no: str
    kind: str
    amount_fen: int


@transaction.atomic
def book_imported(*, order_ids: Iterable[int], at: datetime) -> int:
    """
    Book what imported orders say was paid and refunded, as a set, each order once.

    :return: how many entries were written
    """
    wanted = sorted(set(order_ids))
    chunks = (wanted[start : start + CHUNK] for start in range(0, len(wanted), CHUNK))
    return sum(_book(chunk, at=at) for chunk in chunks)


def _book(order_ids: Sequence[int], *, at: datetime) -> int:
    booked = set(
        LedgerEntry.objects.filter(among("source_id", order_ids), source_type=SOURCE).values_list("source_id", "kind")
    )
    news = [money for money in _moneys(order_ids) if (money.order_id, money.kind) not in booked]
    keys = insert_values(
        LedgerEntry,
        [
            {
                "source_type": SOURCE,
                "source_id": money.order_id,
                "kind": money.kind,
                "reference": money.order_no,
                "booked_at": at,
            }
            for money in news
        ],
    )
    insert_values(LedgerLine, [line for key, money in zip(keys, news, strict=True) for line in _lines(key, money)])
    return len(news)


def _moneys(order_ids: Sequence[int]) -> Iterator[Money]:
    wanted = set(order_ids)
    rows = Order.objects.filter(among("pk", order_ids), import_job__isnull=False, paid_fen__gt=0).order_by("pk")
    for order_id, order_no, paid_fen, refunded_fen in rows.values_list("pk", "order_no", "paid_fen", "refunded_fen"):
        if order_id not in wanted:
            continue
        yield Money(order_id, order_no, PAID, paid_fen)
        if refunded_fen:
            yield Money(order_id, order_no, REFUNDED, -refunded_fen)


def _lines(entry_id: int, money: Money) -> Iterator[dict[str, Any]]:
    """Paid: elsewhere holds it, the order owes it no more. Refunded: the other way round."""
    for account, amount_fen in ((ELSEWHERE, money.amount_fen), (RECEIVABLE, -money.amount_fen)):
        yield {"entry_id": entry_id, "account": account, "amount_fen": amount_fen, "order_id": money.order_id}
