from __future__ import annotations

import pytest

from kernel.phones import is_masked, mask_address, mask_name, mask_phone, mask_phones_in, normalise, phone_columns
from kernel.secrets import lookup_hash


@pytest.mark.parametrize(
    "given",
    [
        "13800138000",
        "+86 138-0013-8000",
        "86-13800138000",
        "0086 138 0013 8000",
        "'13800138000",
        "１３８００１３８０００",
        " 138 0013 8000 ",
    ],
)
def test_a_mobile_has_one_form(given: str) -> None:
    assert normalise(given) == "13800138000"


@pytest.mark.parametrize(
    ("given", "digits"),
    [("010-8888 6666", "01088886666"), ("400-820-8820", "4008208820"), ("+1 (650) 253-0000", "16502530000"), ("", "")],
)
def test_other_numbers_keep_their_digits(given: str, digits: str) -> None:
    assert normalise(given) == digits


@pytest.mark.parametrize("given", ["138****8000", "1******6198", "##kx2/9dk", "$$AbC"])
def test_what_a_platform_masked_stays_masked(given: str) -> None:
    assert normalise(given) == given
    assert is_masked(given)
    assert phone_columns(given)["hash"] == ""


def test_a_phone_is_found_whole_and_by_its_last_four_digits() -> None:
    assert phone_columns("13800138000", prefix="phone_") == {
        "phone_hash": lookup_hash("13800138000", kind="phone"),
        "phone_tail_hash": lookup_hash("8000", kind="phone_tail"),
    }


def test_a_masked_phone_is_still_found_by_its_last_four_digits() -> None:
    assert phone_columns("138****8000")["tail_hash"] == lookup_hash("8000", kind="phone_tail")


def test_no_phone_is_found_by_nothing() -> None:
    assert phone_columns("") == {"hash": "", "tail_hash": ""}


@pytest.mark.parametrize(
    ("phone", "shown"),
    [
        ("13800138000", "138****8000"),
        ("01088886666", "010****6666"),
        ("4008208820", "********20"),
        ("8820", "****"),
        ("", ""),
        ("138****8000", "138****8000"),
    ],
)
def test_a_phone_is_shown_masked(phone: str, shown: str) -> None:
    assert mask_phone(phone) == shown


@pytest.mark.parametrize(("name", "shown"), [("张三", "张*"), ("欧阳小明", "欧*"), ("L", "L*"), ("", "")])
def test_of_a_name_the_first_character_is_shown(name: str, shown: str) -> None:
    assert mask_name(name) == shown


@pytest.mark.parametrize("detail", ["世纪大道8号", "中山北路二段100弄8号楼601", "某地"])
def test_an_address_shows_no_digit_and_no_name(detail: str) -> None:
    shown = mask_address(detail)

    assert not any(character.isdigit() for character in shown)
    assert detail[:2] not in shown
    assert mask_address("") == ""


@pytest.mark.parametrize(
    ("given", "masked"),
    [
        ("送到前打 13800138000", "送到前打 138****8000"),
        ("+86 138-0013-8000 或 010-88886666", "138****8000 或 010****6666"),
        ("单号 6917926768823643751，周六 2026-11-22 送", "单号 6917926768823643751，周六 2026-11-22 送"),
        ("", ""),
    ],
)
def test_phones_in_free_text_are_masked_and_other_numbers_are_not(given: str, masked: str) -> None:
    assert mask_phones_in(given) == masked
