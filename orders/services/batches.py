"""One act on many orders: locked all at once in the one lock order, judged one by one, each with its outcome."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from kernel.errors import DomainError

from ..models import Order
from .locks import OrderNotFound, lock_orders


class Result(StrEnum):
    DONE = "done"
    SKIPPED = "skipped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """
    What became of one order of many.

    :param why: nothing was done to it, in the reader's words; empty if it was done
    """

    order_id: int
    order_no: str
    result: Result
    why: str = ""


def each(*, order_ids: Iterable[int], act: Callable[[Order], object]) -> list[Outcome]:
    """
    Do something to each order, in the caller's transaction; an order that refuses keeps back no other.

    :param act: says why there was nothing to do, or nothing; it raises DomainError before it writes
    """
    wanted = list(dict.fromkeys(order_ids))
    orders = lock_orders(order_ids=wanted)
    gone = set(wanted) - {order.pk for order in orders}
    missing = [_outcome(pk, "", Result.FAILED, str(OrderNotFound())) for pk in sorted(gone)]
    return [*(_one(order, act) for order in orders), *missing]


def _one(order: Order, act: Callable[[Order], object]) -> Outcome:
    try:
        skipped = str(act(order) or "")
    except DomainError as refused:
        return _outcome(order.pk, order.order_no, Result.FAILED, str(refused))
    return _outcome(order.pk, order.order_no, Result.SKIPPED if skipped else Result.DONE, skipped)


def _outcome(order_id: int, order_no: str, result: Result, why: str) -> Outcome:
    return Outcome(order_id=order_id, order_no=order_no, result=result, why=why)
