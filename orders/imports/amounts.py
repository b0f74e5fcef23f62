"""Yuan as files write them, to exact fen. A blank is unknown, never zero."""

from __future__ import annotations

import re
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

from .cells import BadCell, is_damaged, plain, unwrap

PLAIN = re.compile(r"(\d{1,13})(?:\.(\d{1,2}))?", re.ASCII)
NUMBER = re.compile(r"\d{1,40}(?:\.\d{0,60})?|\.\d{1,60}", re.ASCII)
GROUPED = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d*)?", re.ASCII)
NOTE = re.compile(r"\((?![\d.,]+\))[^()]*\)")  # (5.00) is how bookkeepers write minus five, no note
CURRENCY = re.compile(r"^(?:¥|CNY|RMB|人民币)\s*|\s*(?:元|圆|CNY|RMB)$", re.IGNORECASE)
NOTHING = frozenset({"", "-", "--", "——", "—", "无", "无退款申请", "null", "none", "nan", "n/a", "\\n"})
LARGEST_FEN = 10**15
EXACT_DIGITS = 15  # of a binary float: what follows is noise of whoever computed it
CURRENCIES = frozenset({"", "cny", "rmb", "人民币"})


class Amount(NamedTuple):
    fen: int | None
    provisional: bool = False


@lru_cache(maxsize=16_384)
def read_amount(text: str) -> Amount:
    """
    Exact fen of an amount in yuan; None where the file says nothing.

    :raises BadCell: unreadable_amount, fraction_of_fen, negative_amount, amount_too_large or damaged_number
    """
    match = PLAIN.fullmatch(text)
    if match is None:
        return _untidy(text)
    return Amount(int(match[1]) * 100 + int((match[2] or "0").ljust(2, "0")))


def _untidy(text: str) -> Amount:
    bare = unwrap(plain(text))
    if bare.lower() in NOTHING:
        return Amount(None)
    if is_damaged(bare):
        raise BadCell("damaged_number")
    noted = NOTE.sub("", bare).strip()
    number = CURRENCY.sub("", CURRENCY.sub("", noted)).strip()
    return Amount(_fen(number), provisional=noted != bare)


def _fen(number: str) -> int:
    digits = number.removeprefix("+").removeprefix("-").removeprefix("¥").strip()
    if GROUPED.fullmatch(digits):
        digits = digits.replace(",", "")
    if not NUMBER.fullmatch(digits):
        raise BadCell("unreadable_amount")
    fen = _exact_fen(digits)
    if number.startswith("-") and fen:
        raise BadCell("negative_amount")
    if fen > LARGEST_FEN:
        raise BadCell("amount_too_large")
    return fen


def _exact_fen(digits: str) -> int:
    whole, _dot, decimals = digits.partition(".")
    decimals = decimals.rstrip("0")
    if len(decimals) > 2 and len((whole + decimals).lstrip("0")) > EXACT_DIGITS:
        decimals = _without_noise(digits)  # 178.79999999999998 is 178.80 from a spreadsheet
    if len(decimals) > 2:
        raise BadCell("fraction_of_fen")
    return int(whole or "0") * 100 + int(decimals.ljust(2, "0"))


def _without_noise(digits: str) -> str:
    rounded = Decimal(f"{Decimal(digits):.{EXACT_DIGITS}g}")
    return f"{rounded:f}".partition(".")[2].rstrip("0")
