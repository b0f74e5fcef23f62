from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders.services import AdjustmentTooLarge, AmountTooLarge, DiscountTooLarge, Goods, NegativeAmount, quote

goods = st.lists(
    st.builds(Goods, unit_price_fen=st.integers(0, 5_000_000), quantity=st.integers(1, 50)), min_size=1, max_size=12
)


@given(goods=goods, cut=st.floats(0, 1), lift=st.floats(-1, 1), shipping_fen=st.integers(0, 10_000))
def test_shares_add_up_and_no_line_falls_below_zero(
    goods: list[Goods], cut: float, lift: float, shipping_fen: int
) -> None:
    subtotal_fen = sum(it.gross_fen for it in goods)
    discount_fen = int(subtotal_fen * cut)
    left_fen = subtotal_fen - discount_fen
    adjustment_fen = max(int(left_fen * lift), -left_fen)

    priced = quote(goods, discount_fen=discount_fen, adjustment_fen=adjustment_fen, shipping_fen=shipping_fen)

    assert sum(line.discount_fen for line in priced.lines) == discount_fen
    assert sum(line.adjustment_fen for line in priced.lines) == adjustment_fen
    assert priced.total_fen == subtotal_fen - discount_fen + adjustment_fen + shipping_fen
    for line, good in zip(priced.lines, goods, strict=True):
        assert line.total_fen >= 0
        assert line.total_fen == good.gross_fen - line.discount_fen + line.adjustment_fen


def one(price_fen: int, quantity: int = 1) -> list[Goods]:
    return [Goods(unit_price_fen=price_fen, quantity=quantity)]


def test_goods_can_be_lowered_to_nothing_and_not_below() -> None:
    assert quote(one(100), adjustment_fen=-100, shipping_fen=900).total_fen == 900

    with pytest.raises(AdjustmentTooLarge, match=r"￥1\.00"):
        quote(one(100), adjustment_fen=-101, shipping_fen=900)


def test_a_discount_is_never_above_the_goods() -> None:
    with pytest.raises(DiscountTooLarge):
        quote(one(100), discount_fen=101)


@pytest.mark.parametrize("wrong", [{"discount_fen": -1}, {"shipping_fen": -1}])
def test_what_cannot_be_negative_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(NegativeAmount):
        quote(one(100), **wrong)


def test_a_negative_price_is_refused() -> None:
    with pytest.raises(NegativeAmount):
        quote(one(-1))


def test_a_typing_mistake_of_many_digits_is_refused() -> None:
    with pytest.raises(AmountTooLarge):
        quote(one(10**9, 10**5))
