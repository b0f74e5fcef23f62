"""Which part of an order a refund gives back. Pure: what is left goes in, exact fen per line come out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from django.utils.translation import gettext_lazy as _

from kernel.errors import DomainError
from kernel.money import allocate, yuan

from ..queries import Left


class NothingToRefund(DomainError):
    text = _("Write how much goes back; it must be more than nothing.")


class ShippingAboveRest(DomainError):
    text = _("Of the shipping fee, %(left)s is left to refund.")


class GoodsAboveRest(DomainError):
    text = _("Of the goods, %(left)s is left to refund. Add the shipping fee, or refund less.")


class LineAboveRest(DomainError):
    text = _("Of “%(title)s”, %(left)s is left to refund.")


class LinesDoNotAddUp(DomainError):
    text = _("The chosen lines and the shipping fee add up to %(sum)s, not to %(amount)s.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """
    What a refund gives back.

    :param amount_fen: in all, the shipping fee included
    :param lines: order line id -> fen; empty: spread over what is left of the lines
    """

    amount_fen: int
    shipping_fen: int = 0
    lines: Mapping[int, int] = field(default_factory=dict)


def split(*, share: Share, left: Left) -> dict[int, int]:
    """
    Fen per order line, adding up to the amount less the shipping fee. Whoever takes all that is left gets all of it.

    :raises NothingToRefund: if nothing is asked for
    :raises ShippingAboveRest: if more of the shipping fee is asked for than is left
    :raises GoodsAboveRest: if the goods do not hold so much any more
    :raises LineAboveRest: if a chosen line does not
    :raises LinesDoNotAddUp: if the chosen lines are another sum
    """
    goods_fen = share.amount_fen - share.shipping_fen
    if share.amount_fen <= 0 or goods_fen < 0 or share.shipping_fen < 0:
        raise NothingToRefund
    if share.shipping_fen > left.shipping_fen:
        raise ShippingAboveRest(left=yuan(left.shipping_fen))
    return _chosen(share, left, goods_fen) if share.lines else _spread(left, goods_fen)


def everything_first(*, amount_fen: int, left: Left) -> Share:
    """Of an amount that nobody split: the goods first, what they do not hold from the shipping fee."""
    goods_fen = min(amount_fen, left.goods_fen)
    return Share(amount_fen=amount_fen, shipping_fen=amount_fen - goods_fen)


def _chosen(share: Share, left: Left, goods_fen: int) -> dict[int, int]:
    by_id = {line.line_id: line for line in left.lines}
    for line_id, asked_fen in share.lines.items():
        line = by_id.get(line_id)
        if line is None or not 0 <= asked_fen <= line.left_fen:
            raise LineAboveRest(title=line.title if line else "?", left=yuan(line.left_fen if line else 0))
    if sum(share.lines.values()) != goods_fen:
        chosen_fen = sum(share.lines.values()) + share.shipping_fen
        raise LinesDoNotAddUp(sum=yuan(chosen_fen), amount=yuan(share.amount_fen))
    return {line_id: asked_fen for line_id, asked_fen in share.lines.items() if asked_fen}


def _spread(left: Left, goods_fen: int) -> dict[int, int]:
    weights = [line.left_fen for line in left.lines]
    if goods_fen > sum(weights):
        raise GoodsAboveRest(left=yuan(sum(weights)))
    parts = allocate(total_fen=goods_fen, weights=weights) if goods_fen else []
    return {line.line_id: part for line, part in zip(left.lines, parts, strict=False) if part}
