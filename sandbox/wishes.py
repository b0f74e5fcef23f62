"""What a script asks of the sandbox, read with care."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sandbox import dice, faults
from sandbox.box import Box
from sandbox.faults import Control
from sandbox.money import fen
from sandbox.web import BadRequest

Wishes = dict[str, Any]
BULK_COUNTS = ("paid", "other_amount", "duplicated", "dropped", "reordered", "forged", "notifications")


@dataclass(frozen=True)
class Struck:
    """
    What the dice have in store for one payment among many.

    :param controls: of its honest notification
    :param forged: of a forged one beside it; empty if there is none
    """

    other_amount: bool
    controls: Sequence[Control]
    forged: Sequence[Control]


def read_amount(wishes: Wishes) -> int | None:
    """`amount_fen` (int) or `amount` (yuan), also named `total_…`; None if neither is given."""
    in_fen = wishes.get("amount_fen", wishes.get("total_fen"))
    in_yuan = wishes.get("amount", wishes.get("total_amount"))
    if in_fen is None and in_yuan is None:
        return None
    try:
        amount = fen(str(in_yuan)) if in_fen is None else int(in_fen)
    except (TypeError, ValueError):
        amount = 0
    if amount < 1:
        raise BadRequest("Give an amount: amount_fen, a whole number of fen, or amount, yuan with two decimals.")
    return amount


def required_amount(order: Wishes) -> int:
    amount = read_amount(order)
    if amount is None:
        raise BadRequest("total_fen or total_amount is missing.")
    return amount


def controls_of(wishes: Wishes, *, number: str) -> Sequence[Control]:
    """The faults that a script asks for with one act on one trade."""
    values = dict(wishes.get("faults") or {})
    if "copies" in wishes:
        values["duplicate_notify"] = wishes["copies"]
    return faults.just_now(values, scope=number)


def strike(
    box: Box, *, number: str, wishes: Wishes, counts: dict[str, int], forgeries: Mapping[str, Sequence[str]]
) -> Struck:
    """
    Roll the dice of a payment in bulk, by the percentages that were asked for; the same seed strikes the same ones.

    :param forgeries: the gateway's fault that forges, and the ways it knows
    """

    def rolls(name: str) -> bool:
        struck = dice.happens(box.seed, name, number, percent=float(wishes.get(f"{name}_percent", 0)))
        counts[name] += struck
        return struck

    values: dict[str, object] = {}
    if rolls("duplicated"):
        values["duplicate_notify"] = wishes.get("copies", 2)
    if rolls("dropped"):
        values["drop_notify"] = ""
    if rolls("reordered"):
        values["reorder_notify"] = wishes.get("reorder_seconds", 5)
    forged: Sequence[Control] = ()
    if rolls("forged"):
        ((fault, ways),) = forgeries.items()
        forged = faults.just_now({fault: ways[dice.number(box.seed, "forgery", number, below=len(ways))]}, scope=number)
    honest = faults.just_now(values, scope=faults.EVERYWHERE)
    return Struck(other_amount=rolls("other_amount"), controls=honest, forged=forged)


def announce(send: Callable[..., Sequence[object]], struck: Struck, counts: dict[str, int]) -> None:
    """A payment in bulk is told of, the forgery first; `send` takes `extra` controls, and whether it is sent `once`."""
    counts["paid"] += 1
    if struck.forged:
        counts["notifications"] += len(send(extra=struck.forged, once=True))
    counts["notifications"] += len(send(extra=struck.controls))
