"""What a script asks of the sandbox, read with care."""

from __future__ import annotations

from typing import Any

from sandbox.money import fen
from sandbox.web import BadRequest


def read_amount(wishes: dict[str, Any]) -> int | None:
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


def required_amount(order: dict[str, Any]) -> int:
    amount = read_amount(order)
    if amount is None:
        raise BadRequest("total_fen or total_amount is missing.")
    return amount
