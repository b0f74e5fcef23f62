from __future__ import annotations

import pytest

from orders.imports.cells import BadCell, BeyondExcel, read_number_text, unguard, unwrap


class TestNumbers:
    @pytest.mark.parametrize(
        "wrapped",
        [
            '="1930123456789012345"',  # Taobao
            "'1930123456789012345",
            "\t1930123456789012345",  # Douyin
            "`1930123456789012345",  # WeChat Pay
            "1930123456789012345\t",  # Pinduoduo, Alipay
            "\t'1930123456789012345 ",
            "\ufeff1930123456789012345\u200b",
        ],
    )
    def test_lose_what_marketplaces_wrap_around_them(self, wrapped: str) -> None:
        assert read_number_text(wrapped) == "1930123456789012345"

    @pytest.mark.parametrize("number", ["260517-607198974342211", "A'1", "000123", "1E5", "=12", '="'])
    def test_keep_everything_else(self, number: str) -> None:
        assert unwrap(number) == number

    @pytest.mark.parametrize(
        "damaged", ["2.02611E+11", "6.91793E+18", "4.00123E+27", "1E+17", "#N/A", "########", "'1.9E+18"]
    )
    def test_are_refused_once_excel_has_made_an_approximation_of_them(self, damaged: str) -> None:
        with pytest.raises(BadCell) as refused:
            read_number_text(damaged)

        assert refused.value.code == "damaged_number"

    def test_are_refused_from_a_numeric_cell_of_more_than_15_digits(self) -> None:
        with pytest.raises(BadCell) as refused:
            read_number_text(BeyondExcel("6917926768823643751"))

        assert refused.value.code == "damaged_number"


class TestGuardedText:
    @pytest.mark.parametrize("formula", ["=1+1", "+86", "-5", "@SUM(A1)", "\t=1", "＝1", "＠x"])
    def test_loses_the_apostrophe_that_kept_it_from_running(self, formula: str) -> None:
        assert unguard(f"'{formula}") == formula

    @pytest.mark.parametrize("text", ["'tis", "=1+1", "'", ""])
    def test_is_otherwise_left_alone(self, text: str) -> None:
        assert unguard(text) == text
