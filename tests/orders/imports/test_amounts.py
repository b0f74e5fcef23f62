from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.money import plain_yuan
from orders.imports.amounts import Amount, read_amount
from orders.imports.cells import BadCell


def code_of(text: str) -> str:
    with pytest.raises(BadCell) as refused:
        read_amount(text)
    return refused.value.code


class TestReadAmount:
    @pytest.mark.parametrize(
        ("text", "fen"),
        [
            ("178.8", 17_880),
            ("21.0", 2_100),
            ("100", 10_000),
            ("0.01", 1),
            ("￥1,234.50", 123_450),
            ("¥ 12.30", 1_230),
            ("1,234,567.89元", 123_456_789),
            ("12 元", 1_200),
            ("CNY 5", 500),
            ("９９．９", 9_990),
            ("0.10000", 10),
            (" 7.5\t", 750),
            ("`18.00", 1_800),
            ("-0.00", 0),
            (".5", 50),
        ],
    )
    def test_is_exact_whatever_stands_around_the_number(self, text: str, fen: int) -> None:
        assert read_amount(text) == Amount(fen)

    @pytest.mark.parametrize(("text", "fen"), [("178.79999999999998", 17_880), ("1902487.1500000001", 190_248_715)])
    def test_forgives_the_noise_of_a_binary_float(self, text: str, fen: int) -> None:
        assert read_amount(text) == Amount(fen)

    def test_tells_a_note_from_the_amount_and_says_it_is_provisional(self) -> None:
        assert read_amount("499.00（系统计算中，该值仅供参考）") == Amount(49_900, provisional=True)

    @pytest.mark.parametrize("nothing", ["", " ", "-", "--", "——", "无", "无退款申请", "null", "NaN"])
    def test_takes_a_blank_or_placeholder_for_unknown_not_for_zero(self, nothing: str) -> None:
        assert read_amount(nothing).fen is None
        assert read_amount("0").fen == 0

    @pytest.mark.parametrize(
        ("text", "code"),
        [
            ("1.005", "fraction_of_fen"),
            ("0.001", "fraction_of_fen"),
            ("-5", "negative_amount"),
            ("￥-5.00", "negative_amount"),
            ("(5.00)", "unreadable_amount"),  # a bookkeeper's minus
            ("$5", "unreadable_amount"),
            ("5 USD", "unreadable_amount"),
            ("1,23", "unreadable_amount"),
            ("1.2.3", "unreadable_amount"),
            ("一百", "unreadable_amount"),
            ("（暂无）", "unreadable_amount"),
            ("1E+5", "damaged_number"),
            ("2.02611E+11", "damaged_number"),
            ("#REF!", "damaged_number"),
            ("99999999999999", "amount_too_large"),
        ],
    )
    def test_refuses_what_is_not_exactly_an_amount(self, text: str, code: str) -> None:
        assert code_of(text) == code

    @given(st.integers(0, 10**14))
    def test_undoes_how_amounts_are_written(self, fen: int) -> None:
        assert read_amount(plain_yuan(fen)) == Amount(fen)

    @given(st.text(max_size=30))
    def test_answers_or_refuses_any_text(self, text: str) -> None:
        try:
            fen = read_amount(text).fen
        except BadCell:
            return
        assert fen is None or fen >= 0
