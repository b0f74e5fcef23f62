from __future__ import annotations

import pytest

from orders.imports.cells import BadCell, BeyondExcel
from orders.imports.phones import NO_PHONE, Phone, read_phone


class TestReadPhone:
    @pytest.mark.parametrize(
        "text",
        [
            "13912345678",
            "86-13912345678",
            "+86 13912345678",
            "008613912345678",
            "8613912345678",
            "'13912345678",
            "\t13912345678\t",
            '="13912345678"',
            "139 1234 5678",
            "139-1234-5678",
            "１３９１２３４５６７８",
        ],
    )
    def test_finds_the_mobile_number_in_its_decoration(self, text: str) -> None:
        assert read_phone(text) == Phone("13912345678")

    @pytest.mark.parametrize(
        ("text", "number"),
        [
            ("0571-88888888", "0571-88888888"),
            ("86-0571-88888888", "0571-88888888"),
            ("057188888888", "0571-88888888"),
            ("400-800-1234", "4008001234"),
            ("13912345678-1234", "13912345678-1234"),  # the extension of a privacy number
            ("13912345678转1234", "13912345678-1234"),
            ("+85291234567", "+85291234567"),
            ("86123456", "86123456"),
        ],
    )
    def test_knows_other_numbers(self, text: str, number: str) -> None:
        assert read_phone(text) == Phone(number)

    @pytest.mark.parametrize("masked", ["1******6198", "138****8000", "##Xk2pQ##", "$$密文$$", "~AgEC~"])
    def test_keeps_a_masked_number_apart_from_real_ones(self, masked: str) -> None:
        assert read_phone(masked) == Phone(masked=masked)

    def test_takes_the_country_code_off_a_masked_number_too(self) -> None:
        assert read_phone("86-138****8000") == Phone(masked="138****8000")

    @pytest.mark.parametrize("nothing", ["", "-", "无", "86-", "'"])
    def test_tells_that_there_is_none(self, nothing: str) -> None:
        assert read_phone(nothing) == NO_PHONE

    def test_says_what_it_cannot_read(self) -> None:
        assert read_phone("问前台") == Phone(unreadable=True)

    @pytest.mark.parametrize("damaged", ["1.39123E+10", BeyondExcel("1391234567812345678")])
    def test_refuses_one_that_excel_has_damaged(self, damaged: str) -> None:
        with pytest.raises(BadCell) as refused:
            read_phone(damaged)

        assert refused.value.code == "damaged_number"
