"""Tax inside a price, and tax numbers. Pure: no row is read."""

from __future__ import annotations

import re

LETTERS = "0123456789ABCDEFGHJKLMNPQRTUWXY"  # of a unified social credit code: no I, O, S, V, Z
OLDER = re.compile(r"[0-9A-Z]{15}|[0-9A-Z]{20}")
BASE = 31
WHOLE = 1000


def split_tax(*, amount_fen: int, rate_permille: int) -> tuple[int, int]:
    """(without tax, tax) of an amount that includes it, rounded half up; they add up to the amount."""
    sign = -1 if amount_fen < 0 else 1
    whole = WHOLE + rate_permille
    net_fen = sign * ((2 * abs(amount_fen) * WHOLE + whole) // (2 * whole))
    return net_fen, amount_fen - net_fen


def percent(rate_permille: int) -> str:
    """As it stands on an invoice: 13%, 0.5%."""
    whole, rest = divmod(rate_permille, 10)
    return f"{whole}.{rest}%" if rest else f"{whole}%"


def tidy_tax_no(given: str) -> str:
    return re.sub(r"[\s-]", "", given).upper()


def is_tax_no(number: str) -> bool:
    """A unified social credit code whose check digit is right, or an older number of 15 or 20 characters."""
    if len(number) == 18:
        return set(number) <= set(LETTERS) and check_digit(number[:17]) == number[17]
    return OLDER.fullmatch(number) is not None


def check_digit(first: str) -> str:
    """The 18th character of a unified social credit code, from its first 17 (GB 32100-2015)."""
    total = sum(LETTERS.index(letter) * pow(3, place, BASE) for place, letter in enumerate(first))
    return LETTERS[-total % BASE]
