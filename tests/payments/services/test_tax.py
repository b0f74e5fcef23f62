from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.services.capitals import capitals
from payments.services.tax import LETTERS, check_digit, is_tax_no, split_tax, tidy_tax_no


class TestTaxNumbers:
    @pytest.mark.parametrize(
        "number",
        [
            "91350100M000100Y43",  # the example of GB 32100-2015
            "914403001922038216",
            "91110000802100433B",
            "913301087458306077",
            "110108600105896",  # 15, before 2015
            "11010819600105896X12",  # 20, of sole traders
        ],
    )
    def test_are_taken_when_they_are_right(self, number: str) -> None:
        assert is_tax_no(number)

    @pytest.mark.parametrize(
        "number",
        [
            "91350100M000100Y44",
            "91350100M000100Y34",
            "91350100M000100Y4",
            "91350100M000100Y433",
            "91350100I000100Y43",  # no I in a code
            "",
            "914403001922038217",
            "９１３５０１００M000100Y43",
            "110108600105896!",
        ],
    )
    def test_are_refused_when_they_are_not(self, number: str) -> None:
        assert not is_tax_no(number)

    @given(st.text(LETTERS, min_size=17, max_size=17), st.integers(0, 16), st.sampled_from(LETTERS))
    def test_show_every_single_wrong_character(self, first: str, place: int, other: str) -> None:
        number = first + check_digit(first)
        wrong = number[:place] + other + number[place + 1 :]

        assert is_tax_no(number)
        assert is_tax_no(wrong) == (wrong == number)

    def test_are_tidied_up(self) -> None:
        assert tidy_tax_no(" 9135 0100-m000100y43\n") == "91350100M000100Y43"


class TestSplitting:
    @pytest.mark.parametrize(
        ("amount_fen", "rate", "net_fen"),
        [
            (17_800, 130, 15_752),
            (11_300, 130, 10_000),
            (100, 10, 99),
            (0, 130, 0),
            (999, 0, 999),
            (-17_800, 130, -15_752),
        ],
    )
    def test_takes_the_tax_out_of_the_price(self, amount_fen: int, rate: int, net_fen: int) -> None:
        assert split_tax(amount_fen=amount_fen, rate_permille=rate) == (net_fen, amount_fen - net_fen)

    @given(st.integers(-(10**12), 10**12), st.integers(0, 200))
    def test_is_exact_to_half_a_fen_and_adds_up(self, amount_fen: int, rate: int) -> None:
        net_fen, tax_fen = split_tax(amount_fen=amount_fen, rate_permille=rate)
        exact = Fraction(amount_fen * 1000, 1000 + rate)

        assert net_fen + tax_fen == amount_fen
        assert abs(net_fen - exact) <= Fraction(1, 2)
        assert abs(net_fen) >= abs(exact) or abs(net_fen - exact) < Fraction(1, 2)  # half is rounded up
        assert split_tax(amount_fen=-amount_fen, rate_permille=rate) == (-net_fen, -tax_fen)


class TestCapitals:
    @pytest.mark.parametrize(
        ("amount_fen", "words"),
        [
            (17_800, "壹佰柒拾捌圆整"),
            (0, "零圆整"),
            (5, "伍分"),
            (50, "伍角整"),
            (105, "壹圆零伍分"),
            (150, "壹圆伍角整"),
            (123_456, "壹仟贰佰叁拾肆圆伍角陆分"),
            (100_000, "壹仟圆整"),
            (100_500, "壹仟零伍圆整"),
            (101_000, "壹仟零壹拾圆整"),
            (1_000_000, "壹万圆整"),
            (1_000_100, "壹万零壹圆整"),
            (1_010_000, "壹万零壹佰圆整"),
            (10_000_000_000, "壹亿圆整"),
            (10_000_000_100, "壹亿零壹圆整"),
            (10_001_000_000, "壹亿零壹万圆整"),
            (1_000_000_000_000, "壹佰亿圆整"),
            (-100, "负壹圆整"),
        ],
    )
    def test_are_written_as_on_a_cheque(self, amount_fen: int, words: str) -> None:
        assert capitals(amount_fen) == words
