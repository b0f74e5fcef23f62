"""Money is a whole number of fen; yuan exist only as text, at the edges."""

from __future__ import annotations

import re
from collections.abc import Sequence

from django.utils.translation import gettext_lazy as _

from .errors import DomainError

CNY = "CNY"
YUAN = re.compile(r"(?P<sign>-?)(?P<yuan>\d{1,12})(?:\.(?P<fen>\d{1,2})0*)?")


class NotAnAmount(DomainError):
    text = _("“%(given)s” is not an amount. Write yuan with at most two decimals, for example 178.00.")


def yuan(amount_fen: int) -> str:
    """For people: ￥1,234.50."""
    sign = "-" if amount_fen < 0 else ""
    whole, cents = divmod(abs(amount_fen), 100)
    return f"{sign}￥{whole:,}.{cents:02d}"


def plain_yuan(amount_fen: int) -> str:
    """For files and forms: 1234.50."""
    sign = "-" if amount_fen < 0 else ""
    whole, cents = divmod(abs(amount_fen), 100)
    return f"{sign}{whole}.{cents:02d}"


def parse_yuan(given: str) -> int:
    """
    Exact fen of an amount that a person typed in yuan.

    :raises NotAnAmount: if it is no number, or finer than a fen
    """
    match = YUAN.fullmatch(given.strip().replace(",", "").removeprefix("￥").removeprefix("¥"))
    if match is None:
        raise NotAnAmount(given=given)
    fen = int(match["yuan"]) * 100 + int((match["fen"] or "0").ljust(2, "0"))
    return -fen if match["sign"] else fen


def allocate(*, total_fen: int, weights: Sequence[int]) -> list[int]:
    """
    Split an amount in proportion to whole weights so that the parts add up to it (largest remainder).

    Nobody gets more than a fen above or below the exact share; equal remainders go to the earlier part.
    """
    whole = sum(weights)
    if whole == 0:
        return [total_fen] + [0] * (len(weights) - 1) if weights else []
    sign = -1 if total_fen < 0 else 1
    exact = [abs(total_fen) * weight for weight in weights]
    parts = [share // whole for share in exact]
    by_remainder = sorted(range(len(exact)), key=lambda place: (-(exact[place] % whole), place))
    for place in by_remainder[: abs(total_fen) - sum(parts)]:
        parts[place] += 1
    return [sign * part for part in parts]
