"""Proving that every order's history is gapless and a path of its workflow version."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

from kernel.workflow import graph_of
from orders.models import Order, OrderEvent

Move = tuple[str, str, str]


class Entry(NamedTuple):
    order_id: int
    seq: int
    transition: str
    from_state: str
    to_state: str


class Subject(NamedTuple):
    order_id: int
    order_no: str
    state: str
    history_seq: int
    workflow_version_id: int


def check_histories(*, first: int, last: int) -> Iterator[tuple[str, str]]:
    """(order number, what is wrong with its history) of the orders with ids between two, both included."""
    rows = OrderEvent.objects.filter(order_id__gte=first, order_id__lte=last).order_by("order_id", "seq")
    entries = map(Entry._make, rows.values_list("order_id", "seq", "transition", "from_state", "to_state"))
    by_order = {order_id: list(group) for order_id, group in groupby(entries, attrgetter("order_id"))}
    orders = Order.objects.filter(pk__gte=first, pk__lte=last).order_by("pk")
    moves: dict[int, frozenset[Move]] = {}
    for row in orders.values_list("pk", "order_no", "state", "history_seq", "workflow_version_id"):
        subject = Subject(*row)
        version_id = subject.workflow_version_id
        if version_id not in moves:
            moves[version_id] = _moves_of(version_id)
        fault = find_fault(subject, by_order.get(subject.order_id, []), moves=moves[version_id])
        if fault:
            yield subject.order_no, fault


def _moves_of(version_id: int) -> frozenset[Move]:
    """Every transition of a version, with where it comes from and where it leads."""
    return frozenset((it.code, it.source, it.target) for it in graph_of(version_id).transitions)


def find_fault(subject: Subject, entries: Iterable[Entry], *, moves: frozenset[Move]) -> str:
    """What is wrong with a history; empty if nothing is. Its first state is where the order was born, or imported."""
    state, seq = "", 0
    for entry in entries:
        seq += 1
        if entry.seq != seq:
            return f"gap before entry {entry.seq}"
        if state and entry.from_state and entry.from_state != state:
            return f"entry {seq} leaves {entry.from_state}, but the order was in {state}"
        if entry.transition and entry[2:] not in moves:
            return f"entry {seq} moves from {entry.from_state} to {entry.to_state} by no transition of its version"
        state = entry.to_state or entry.from_state or state
    if seq != subject.history_seq:
        return f"{seq} entries, {subject.history_seq} counted"
    return "" if state in ("", subject.state) else f"the history ends in {state}, the order stands in {subject.state}"
