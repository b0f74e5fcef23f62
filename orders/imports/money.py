"""The amounts of a row, made to agree with each other or refused."""

from __future__ import annotations

from typing import NamedTuple

from kernel.money import yuan

from .cells import BadCell
from .row import Row


class Figures(NamedTuple):
    """As the row tells them; None where it does not."""

    total_fen: int | None
    paid_fen: int | None
    refunded_fen: int | None
    shipping_fen: int | None


class Money(NamedTuple):
    """:param coupons_fen: what the marketplace paid in the buyer's place; the total is without it"""

    total_fen: int
    shipping_fen: int
    paid_fen: int
    refunded_fen: int
    coupons_fen: int = 0


def read_figures(row: Row) -> Figures:
    return Figures(
        total_fen=row.amount("total_fen"),
        paid_fen=row.amount("paid_fen"),
        refunded_fen=row.amount("refunded_fen"),
        shipping_fen=row.amount("shipping_fen"),
    )


def settle(row: Row, figures: Figures, *, is_paid: bool, is_closed: bool) -> Money:
    """
    What the order cost, what was paid and what went back; every assumption becomes a warning of the row.

    :raises BadCell: if the amounts contradict each other
    """
    total_fen = _total(row, figures)
    paid_fen, refunded_fen = _paid(row, figures, total_fen, is_paid=is_paid, is_closed=is_closed)
    money = Money(total_fen, figures.shipping_fen or 0, paid_fen, refunded_fen)
    _compare_goods(row, money)
    if is_paid and paid_fen != total_fen:
        money = _explain(row, money)
    _check(money, is_closed=is_closed)
    return money


def _total(row: Row, figures: Figures) -> int:
    if figures.total_fen is not None:
        return figures.total_fen
    if figures.paid_fen and row.layout.profile.total_from_paid:
        row.warn("total_assumed")
        return figures.paid_fen
    raise BadCell("no_amount", column=row.column("total_fen"))


def _paid(row: Row, figures: Figures, total_fen: int, *, is_paid: bool, is_closed: bool) -> tuple[int, int]:
    """A trade closed after its payment has given all of it back: a marketplace closes none otherwise."""
    paid_fen, refunded_fen = figures.paid_fen, figures.refunded_fen
    if not is_paid:
        return paid_fen or 0, refunded_fen or 0
    if paid_fen is None and row.layout.profile.paid_is_total:
        raise BadCell("no_amount", column=row.column("paid_fen"))
    if is_closed and not paid_fen and not refunded_fen:
        row.warn("refund_assumed")
        return total_fen, total_fen
    if paid_fen is None:
        row.warn("paid_assumed")
        paid_fen = total_fen
    if is_closed and refunded_fen is None:
        row.warn("refund_assumed")
        refunded_fen = paid_fen
    return paid_fen, refunded_fen or 0


def _compare_goods(row: Row, money: Money) -> None:
    goods_fen = row.amount("goods_fen")
    if goods_fen is not None and goods_fen + money.shipping_fen != money.total_fen:
        row.warn("goods_differ", goods=yuan(goods_fen + money.shipping_fen), total=yuan(money.total_fen))


def _explain(row: Row, money: Money) -> Money:
    """Why something else than the total was paid: by coupons to the fen, or it is told as it is."""
    if row.layout.profile.paid_is_total:
        raise BadCell("sums_differ", paid=yuan(money.paid_fen), total=yuan(money.total_fen))
    coupons_fen = row.amount("coupons_fen") or 0
    if coupons_fen and money.paid_fen + coupons_fen == money.total_fen:
        return money._replace(total_fen=money.paid_fen, coupons_fen=coupons_fen)
    if money.paid_fen < money.total_fen:
        row.warn("paid_below_total", paid=yuan(money.paid_fen), total=yuan(money.total_fen))
    return money


def _check(money: Money, *, is_closed: bool) -> None:
    if money.paid_fen > money.total_fen:
        raise BadCell("paid_above_total", paid=yuan(money.paid_fen), total=yuan(money.total_fen))
    if money.refunded_fen > money.paid_fen:
        raise BadCell("refunded_above_paid", refunded=yuan(money.refunded_fen), paid=yuan(money.paid_fen))
    if money.shipping_fen > money.total_fen:
        raise BadCell("shipping_above_total", shipping=yuan(money.shipping_fen), total=yuan(money.total_fen))
    if is_closed and money.paid_fen != money.refunded_fen:
        raise BadCell("closed_with_money", kept=yuan(money.paid_fen - money.refunded_fen))
