from __future__ import annotations

from pathlib import Path

import pytest
from django.utils.translation import override

from orders.imports import profiles, read_orders
from orders.imports.catalogue import FOLDER, read_profile
from orders.imports.native import HEADERS
from orders.models import Order

from .files import TAOBAO_2016, TAOBAO_2020, TAOBAO_XLSX, TMALL, save_csv

STATES = {"pending_payment", "awaiting_shipment", "partially_shipped", "shipped", "completed", "closed"}


class TestDetection:
    @pytest.mark.parametrize(
        ("headers", "code"),
        [
            (TAOBAO_2016, "taobao_order_2016"),
            (TAOBAO_2020, "taobao_order_2020"),
            (TAOBAO_XLSX, "taobao_order_2020"),
            (TMALL, "tmall_sample"),
            (list(HEADERS), "native"),
        ],
    )
    def test_knows_a_file_by_its_real_headers(self, tmp_path: Path, headers: list[str], code: str) -> None:
        with read_orders(save_csv(tmp_path, headers)) as file:
            assert file.profile.code == code
            assert len(file.matched_headers) == len(headers)

    @pytest.mark.parametrize(
        ("headers", "code"),
        [
            (TAOBAO_2016, "taobao_order_2016"),
            (TAOBAO_2020, "taobao_order_2020"),
            (TMALL, "tmall_sample"),
        ],
    )
    def test_minds_neither_order_nor_columns_it_has_never_seen(
        self, tmp_path: Path, headers: list[str], code: str
    ) -> None:
        with read_orders(save_csv(tmp_path, ["新列", *sorted(headers), "新列"])) as file:
            assert file.profile.code == code
            assert len(file.matched_headers) == len(headers)


class TestCatalogue:
    def test_has_the_layouts(self) -> None:
        assert set(profiles()) == {"native", "taobao_order_2016", "taobao_order_2020", "tmall_sample"}

    @pytest.mark.parametrize("code", ["native", "taobao_order_2016", "taobao_order_2020", "tmall_sample"])
    def test_names_each_in_both_languages(self, code: str) -> None:
        with override("en"):
            english = profiles()[code].label
        with override("zh-hans"):
            assert profiles()[code].label != english
        assert english.isascii()

    @pytest.mark.parametrize("path", sorted(FOLDER.glob("*.toml")), ids=lambda path: path.stem)
    def test_maps_columns_that_the_layout_knows_to_states_and_reasons_that_we_have(self, path: Path) -> None:
        profile = read_profile(path.read_text(encoding="utf-8"))
        terms = [term for amount in profile.amounts.values() for term in amount]
        columns = [column for group in (*profile.texts.values(), *profile.times.values(), *terms) for column in group]

        assert profile.code == path.stem
        assert set(columns) <= profile.known
        assert profile.needs_all <= profile.known
        assert profile.private <= profile.known
        assert set(profile.states.values()) <= STATES
        assert {reason for _piece, reason in profile.close_reasons} <= set(Order.CloseReason.values)

    def test_refuses_a_layout_with_a_field_we_do_not_have(self) -> None:
        text = (FOLDER / "tmall_sample.toml").read_text(encoding="utf-8").replace("placed_at =", "plaecd_at =")

        with pytest.raises(ValueError, match="tmall_sample: no such field: plaecd_at"):
            read_profile(text)
