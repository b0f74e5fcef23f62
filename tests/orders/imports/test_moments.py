from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders.imports.cells import BadCell
from orders.imports.moments import MomentReader

READER = MomentReader(("ymd", "excel_serial"))
TWO_IN_THE_AFTERNOON = datetime(2016, 5, 23, 14, 2, tzinfo=UTC)  # 22:02 in Shanghai


def code_of(text: str, reader: MomentReader = READER) -> str:
    with pytest.raises(BadCell) as refused:
        reader.read(text)
    return refused.value.code


class TestMomentReader:
    @pytest.mark.parametrize(
        "text",
        [
            "2016/5/23 22:02",
            "2016-05-23 22:02:00",
            "2016-05-23 22：02：00",  # full-width colons
            "2016年5月23日 22:02",
            "2016年05月23日22时02分00秒",
            "2016.05.23 22:02",
            "2016-05-23T22:02:00",
            "2016-05-23 22:02:00 +0800",
            "2016-05-23T14:02:00Z",
            "\t2016-05-23 22:02:00",
            "'2016-05-23 22:02:00",
        ],
    )
    def test_takes_every_spelling_for_the_same_shanghai_moment(self, text: str) -> None:
        assert READER.read(text) == TWO_IN_THE_AFTERNOON

    @pytest.mark.parametrize(
        ("serial", "moment"),
        [
            ("45292.5", datetime(2024, 1, 1, 4, tzinfo=UTC)),
            ("42513.9180555556", TWO_IN_THE_AFTERNOON),  # its 15 digits are no whole second any more
        ],
    )
    def test_reads_the_days_that_excel_counts(self, serial: str, moment: datetime) -> None:
        assert READER.read(serial) == moment

    def test_knows_the_summers_when_shanghai_had_other_clocks(self) -> None:
        assert READER.read("1990-07-01 12:00:00") == datetime(1990, 7, 1, 3, tzinfo=UTC)
        assert READER.read("1992-07-01 12:00:00") == datetime(1992, 7, 1, 4, tzinfo=UTC)

    @pytest.mark.parametrize("text", ["02-10-2017 10:56", "2/10/2017", "25-10-2017 10:56", "17/2/10 10:56"])
    def test_never_guesses_which_is_the_day_and_which_the_month(self, text: str) -> None:
        assert code_of(text) == "ambiguous_date"

    def test_reads_the_day_first_where_the_layout_says_so(self) -> None:
        assert MomentReader(("dmy",)).read("02-10-2017 10:56") == datetime(2017, 10, 2, 2, 56, tzinfo=UTC)
        assert MomentReader(("mdy",)).read("02/10/2017 10:56") == datetime(2017, 2, 10, 2, 56, tzinfo=UTC)

    @pytest.mark.parametrize(
        "text",
        [
            "2017-13-01 00:00:00",
            "2017-02-30 10:00",
            "20170210",
            "2017-02-10 25:00:00",
            "99999",
            "昨天",
            "1700-01-01",
            "12345.1",
        ],
    )
    def test_refuses_what_is_no_time(self, text: str) -> None:
        assert code_of(text) == "unreadable_date"

    def test_refuses_excels_days_where_the_layout_has_none(self) -> None:
        assert code_of("45292.5", MomentReader(("ymd",))) == "unreadable_date"

    @pytest.mark.parametrize("nothing", ["", " ", "-", "--", "无", "0000-00-00 00:00:00"])
    def test_tells_that_nothing_is_said(self, nothing: str) -> None:
        assert READER.read(nothing) is None

    @given(st.text(max_size=40))
    def test_answers_or_refuses_any_text(self, text: str) -> None:
        try:
            moment = READER.read(text)
        except BadCell:
            return
        assert moment is None or moment.tzinfo is UTC

    @given(st.from_regex(r"\d{1,5}[-/.]\d{1,3}[-/.]\d{1,5}( \d{1,3}:\d{1,3}(:\d{1,3})?)?", fullmatch=True))
    def test_answers_or_refuses_whatever_looks_like_a_date(self, text: str) -> None:
        try:
            moment = READER.read(text)
        except BadCell:
            return
        assert moment is None or 1989 <= moment.year <= 2101
