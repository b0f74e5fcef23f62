"""What a gateway keeps of each trade: its rate, in whole fen, halves upward."""

from __future__ import annotations

PARTS = 10_000


def fee_fen(amount_fen: int, *, rate: int) -> int:
    """:param rate: in hundredths of a percent; 60 is 0.60 %"""
    return (amount_fen * rate + PARTS // 2) // PARTS


def returned_fen(refund_fen: int, *, left_fen: int, rate: int) -> int:
    """
    What a refund brings back of the fee: all refunds of a trade together bring back all of it, and never more.

    :param left_fen: what was not refunded yet before this refund
    """
    return fee_fen(left_fen, rate=rate) - fee_fen(left_fen - refund_fen, rate=rate)


def percent(rate: int) -> str:
    return f"{rate // 100}.{rate % 100:02d}%"
