"""What an order costs: a pure function of its lines, discount, adjustment and shipping fee."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _

from kernel.errors import DomainError
from kernel.money import allocate, yuan

HIGHEST_FEN = 10**13  # a hundred billion yuan: a typing mistake, and far from what a BigInteger overflows at


class DiscountTooLarge(DomainError):
    text = _("The discount of %(discount)s is more than the goods cost (%(goods)s).")


class AdjustmentTooLarge(DomainError):
    text = _("The price can be lowered by at most %(most)s. To waive the shipping fee, set it to 0.")


class AmountTooLarge(DomainError):
    text = _("%(amount)s is too large to be meant. Check price and quantity.")


class NegativeAmount(DomainError):
    text = _("Prices, discounts and the shipping fee cannot be below zero. To lower a price, adjust it.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Goods:
    unit_price_fen: int
    quantity: int

    @property
    def gross_fen(self) -> int:
        return self.unit_price_fen * self.quantity


@dataclass(frozen=True, slots=True, kw_only=True)
class LineShare:
    discount_fen: int
    adjustment_fen: int
    total_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """Sums in fen. total = subtotal - discount + adjustment + shipping, and the same line by line without shipping."""

    subtotal_fen: int
    discount_fen: int
    adjustment_fen: int
    shipping_fen: int
    total_fen: int
    lines: tuple[LineShare, ...]


def quote(goods: Sequence[Goods], *, discount_fen: int = 0, adjustment_fen: int = 0, shipping_fen: int = 0) -> Quote:
    """
    Price an order; discount and adjustment are spread over the lines by what these cost, to the fen.

    :param adjustment_fen: by staff, up or down
    :raises DiscountTooLarge: if it is above the goods
    :raises AdjustmentTooLarge: if it would make the goods cost less than nothing
    """
    _check_signs(goods, discount_fen, shipping_fen)
    gross = [it.gross_fen for it in goods]
    subtotal_fen = sum(gross)
    if discount_fen > subtotal_fen:
        raise DiscountTooLarge(discount=yuan(discount_fen), goods=yuan(subtotal_fen))
    if subtotal_fen - discount_fen + adjustment_fen < 0:
        raise AdjustmentTooLarge(most=yuan(subtotal_fen - discount_fen))
    lines = _shares(gross, discount_fen, adjustment_fen)
    total_fen = sum(line.total_fen for line in lines) + shipping_fen
    if max(subtotal_fen, total_fen) > HIGHEST_FEN:
        raise AmountTooLarge(amount=yuan(max(subtotal_fen, total_fen)))
    return Quote(
        subtotal_fen=subtotal_fen,
        discount_fen=discount_fen,
        adjustment_fen=adjustment_fen,
        shipping_fen=shipping_fen,
        total_fen=total_fen,
        lines=lines,
    )


def _check_signs(goods: Sequence[Goods], discount_fen: int, shipping_fen: int) -> None:
    if min(discount_fen, shipping_fen, *(it.unit_price_fen for it in goods)) < 0:
        raise NegativeAmount


def _shares(gross: Sequence[int], discount_fen: int, adjustment_fen: int) -> tuple[LineShare, ...]:
    discounts = allocate(total_fen=discount_fen, weights=gross)
    nets = [line_fen - share_fen for line_fen, share_fen in zip(gross, discounts, strict=True)]
    adjustments = allocate(total_fen=adjustment_fen, weights=nets)  # by what is left: none falls below zero
    return tuple(
        LineShare(discount_fen=discount, adjustment_fen=adjustment, total_fen=net + adjustment)
        for discount, adjustment, net in zip(discounts, adjustments, nets, strict=True)
    )
