from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.queries import Left, LineLeft
from payments.services import (
    GoodsAboveRest,
    LineAboveRest,
    LinesDoNotAddUp,
    NothingToRefund,
    Share,
    ShippingAboveRest,
)
from payments.services.shares import everything_first, split


def left(*fen: int, shipping_fen: int = 0) -> Left:
    lines = tuple(LineLeft(line_id=number, title=f"L{number}", left_fen=it) for number, it in enumerate(fen, start=1))
    return Left(lines=lines, shipping_fen=shipping_fen)


def test_spreads_an_amount_over_what_is_left_of_the_lines() -> None:
    assert split(share=Share(amount_fen=100), left=left(200, 100)) == {1: 67, 2: 33}


def test_takes_the_shipping_fee_only_where_it_is_asked_for() -> None:
    assert split(share=Share(amount_fen=150, shipping_fen=50), left=left(200, shipping_fen=80)) == {1: 100}


def test_gives_the_chosen_lines_exactly_their_part() -> None:
    assert split(share=Share(amount_fen=70, lines={2: 70}), left=left(200, 100)) == {2: 70}


def test_refunds_the_shipping_fee_alone() -> None:
    assert split(share=Share(amount_fen=80, shipping_fen=80), left=left(200, shipping_fen=80)) == {}


@pytest.mark.parametrize(
    ("share", "refusal"),
    [
        (Share(amount_fen=0), NothingToRefund),
        (Share(amount_fen=-1), NothingToRefund),
        (Share(amount_fen=10, shipping_fen=11), NothingToRefund),
        (Share(amount_fen=10, shipping_fen=-1), NothingToRefund),
        (Share(amount_fen=81, shipping_fen=81), ShippingAboveRest),
        (Share(amount_fen=301), GoodsAboveRest),
        (Share(amount_fen=201, lines={1: 201}), LineAboveRest),
        (Share(amount_fen=10, lines={9: 10}), LineAboveRest),
        (Share(amount_fen=10, lines={1: -10, 2: 20}), LineAboveRest),
        (Share(amount_fen=10, lines={1: 9}), LinesDoNotAddUp),
    ],
)
def test_refuses_what_is_not_there(share: Share, refusal: type[Exception]) -> None:
    with pytest.raises(refusal):
        split(share=share, left=left(200, 100, shipping_fen=80))


@given(
    st.lists(st.integers(min_value=0, max_value=100_000), min_size=1, max_size=8),
    st.lists(st.integers(min_value=1, max_value=50_000), max_size=12),
)
def test_any_series_of_refunds_adds_up_and_the_last_one_takes_the_rest(lines: list[int], amounts: list[int]) -> None:
    rest = list(lines)
    for wanted in [*amounts, sum(lines)]:
        amount_fen = min(wanted, sum(rest))
        if amount_fen == 0:
            break
        parts = split(share=Share(amount_fen=amount_fen), left=left(*rest))
        assert sum(parts.values()) == amount_fen
        rest = [fen - parts.get(number, 0) for number, fen in enumerate(rest, start=1)]
        assert min(rest) >= 0
    assert sum(rest) == 0


@pytest.mark.parametrize(("amount_fen", "shipping_fen"), [(300, 0), (301, 1), (380, 80)])
def test_takes_an_amount_that_nobody_split_from_the_goods_first(amount_fen: int, shipping_fen: int) -> None:
    share = everything_first(amount_fen=amount_fen, left=left(200, 100, shipping_fen=80))

    assert share.shipping_fen == shipping_fen
