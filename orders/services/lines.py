"""The goods of an order, from the product book or as staff write them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _

from kernel.db import bulk_insert
from kernel.errors import DomainError

from ..models import Order, OrderLine, Product
from .pricing import Goods, Quote

MOST_PIECES = 1_000_000


class NoGoods(DomainError):
    text = _("An order needs at least one line of goods.")


class LineIncomplete(DomainError):
    text = _("Line %(line)s needs a title and a price, or a product from the book.")


class WrongQuantity(DomainError):
    text = _("The quantity of line %(line)s must be between 1 and %(most)s.")


class NoSuchProduct(DomainError):
    text = _("Line %(line)s names a product that is not on sale.")


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftLine:
    """
    A line to be ordered. With a product, what is not given comes from the book.

    :param unit_price_fen: of one piece
    """

    quantity: int = 1
    product_id: int | None = None
    sku: str = ""
    title: str = ""
    unit_price_fen: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CompleteLine:
    quantity: int
    unit_price_fen: int
    title: str
    sku: str = ""
    product_id: int | None = None


def complete_lines(lines: Sequence[DraftLine]) -> list[CompleteLine]:
    """
    :raises NoGoods: if there are none
    :raises LineIncomplete: if a free line lacks a title or a price
    """
    if not lines:
        raise NoGoods
    wanted = {line.product_id for line in lines if line.product_id is not None}
    book = Product.objects.filter(is_active=True).in_bulk(wanted) if wanted else {}
    return [_complete(line, number, book) for number, line in enumerate(lines, start=1)]


def goods_of(lines: Sequence[CompleteLine]) -> list[Goods]:
    return [Goods(unit_price_fen=line.unit_price_fen, quantity=line.quantity) for line in lines]


def new_lines(order: Order, lines: Sequence[CompleteLine], priced: Quote) -> None:
    bulk_insert(
        [
            OrderLine(
                order=order,
                line_no=number,
                product_id=line.product_id,
                sku=line.sku,
                title=line.title,
                quantity=line.quantity,
                unit_price_fen=line.unit_price_fen,
                discount_fen=share.discount_fen,
                adjustment_fen=share.adjustment_fen,
                total_fen=share.total_fen,
            )
            for number, (line, share) in enumerate(zip(lines, priced.lines, strict=True), start=1)
        ]
    )


def _complete(line: DraftLine, number: int, book: dict[int, Product]) -> CompleteLine:
    if not 1 <= line.quantity <= MOST_PIECES:
        raise WrongQuantity(line=number, most=f"{MOST_PIECES:,}")
    product = book.get(line.product_id) if line.product_id is not None else None
    if line.product_id is not None and product is None:
        raise NoSuchProduct(line=number)
    title = line.title.strip() or (product.title if product else "")
    price_fen = line.unit_price_fen if line.unit_price_fen is not None else product.price_fen if product else None
    if not title or price_fen is None:
        raise LineIncomplete(line=number)
    sku = line.sku.strip() or (product.sku if product else "")
    return CompleteLine(
        quantity=line.quantity, unit_price_fen=price_fen, title=title, sku=sku, product_id=line.product_id
    )
