from __future__ import annotations

from datetime import timedelta

import pytest

from kernel.cells import badge, copyable, countdown, duration, masked, money
from tests.helpers import NOON

HOUR = timedelta(hours=1)


class TestCountdown:
    def test_says_how_long_is_left(self) -> None:
        assert "5:12:08 left" in countdown(NOON + timedelta(hours=5, minutes=12, seconds=8), at=NOON)

    def test_is_calm_with_more_than_a_quarter_left(self) -> None:
        assert "bo-tone-neutral" in countdown(NOON + HOUR, at=NOON, since=NOON - 2 * HOUR)

    def test_is_amber_with_less_than_a_quarter_left(self) -> None:
        assert "bo-tone-warning" in countdown(NOON + HOUR, at=NOON, since=NOON - 4 * HOUR)

    def test_is_red_and_says_so_when_late(self) -> None:
        cell = countdown(NOON - HOUR, at=NOON)

        assert "bo-tone-bad" in cell
        assert "▲ 1:00:00 late" in cell

    def test_without_a_deadline_is_nothing(self) -> None:
        assert countdown(None, at=NOON) == ""

    def test_counts_days_in_front(self) -> None:
        assert duration(timedelta(days=2, hours=3)) == "2 d 3:00:00"


class TestText:
    def test_of_a_badge_says_the_same_as_its_colour(self) -> None:
        cell = badge("Paid", glyph="●", tone="good")

        assert "●" in cell
        assert "Paid" in cell

    @pytest.mark.parametrize("cell", [badge, copyable, masked])
    def test_from_outside_is_escaped(self, cell: object) -> None:
        made = badge("<b>", glyph="x") if cell is badge else cell("<b>")  # type: ignore[operator]

        assert "<b>" not in made

    def test_of_money_is_in_yuan(self) -> None:
        assert "￥1,234.50" in money(123_450)

    def test_that_is_missing_is_a_dash(self) -> None:
        assert "—" in copyable("")
