from __future__ import annotations

import pytest
from django import forms
from django.core.exceptions import ValidationError

from kernel.admin import PhoneField, YuanField


class TestYuanField:
    @pytest.mark.parametrize(("typed", "fen"), [("178", 17_800), ("￥1,234.5", 123_450), ("0.29", 29), (" 2.01 ", 201)])
    def test_takes_yuan_and_holds_fen(self, typed: str, fen: int) -> None:
        assert YuanField().clean(typed) == fen

    @pytest.mark.parametrize("typed", ["12.345", "abc", "1e3", "--1"])
    def test_refuses_what_is_no_amount(self, typed: str) -> None:
        with pytest.raises(ValidationError, match="is not an amount"):
            YuanField().clean(typed)

    def test_refuses_what_is_below_its_limit(self) -> None:
        with pytest.raises(ValidationError, match="At least"):
            YuanField(min_fen=100).clean("0.99")

    def test_refuses_what_is_above_its_limit(self) -> None:
        with pytest.raises(ValidationError, match="At most"):
            YuanField(max_fen=100).clean("1.01")

    def test_lets_a_price_go_down_where_that_is_meant(self) -> None:
        assert YuanField(min_fen=None).clean("-5.00") == -500

    def test_shows_fen_as_yuan(self) -> None:
        class Prices(forms.Form):
            price = YuanField()

        assert 'value="99.00"' in str(Prices(initial={"price": 9_900})["price"])

    def test_left_empty_is_nothing(self) -> None:
        assert YuanField(required=False).clean("") is None

    def test_notices_no_change_where_there_is_none(self) -> None:
        assert not YuanField().has_changed(9_900, "99.00")


class TestPhoneField:
    @pytest.mark.parametrize("typed", ["138 0013 8000", "+86 13800138000", "010-12345678 转 12", ""])
    def test_takes_numbers_as_people_write_them(self, typed: str) -> None:
        assert PhoneField(required=False).clean(typed) == typed

    @pytest.mark.parametrize("typed", ["139-ABC", "12", "138****8000", "none"])
    def test_refuses_what_would_reach_nobody(self, typed: str) -> None:
        with pytest.raises(ValidationError, match="is not a phone number"):
            PhoneField(required=False).clean(typed)
