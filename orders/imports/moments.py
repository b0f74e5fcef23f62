"""Times as files write them. All are Shanghai's unless they say otherwise; day and month are never guessed."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from kernel.clock import SHANGHAI

from .cells import BadCell, plain, unwrap

TIME = r"(?:[ T]*(\d{1,2})[:时](\d{1,2})(?:[:分](\d{1,2})(?:\.(\d{1,6}))?)?[分秒]?)?"
YEAR_FIRST = re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?" + TIME, re.ASCII)
YEAR_LAST = re.compile(r"(\d{1,2})[-/.](\d{1,2})[-/.](\d{2}|\d{4})" + TIME, re.ASCII)
YEAR_SHORT = re.compile(r"\d{2}[-/.年]\d{1,2}[-/.月]\d{1,2}日?" + TIME, re.ASCII)
WITH_OFFSET = re.compile(r"(.{10,26}?) ?(Z|[+-]\d{2}:?\d{2})", re.ASCII)
SERIAL = re.compile(r"\d{5}(?:\.\d+)?", re.ASCII)
NOTHING = frozenset({"", "-", "--", "——", "—", "无", "null", "none", "0000-00-00 00:00:00", "0000-00-00"})

SINCE_1992 = "+08:00"  # no summer time any more; saves the look-up
EXCEL_EPOCH = datetime(1899, 12, 30)  # noqa: DTZ001 - a wall clock, as in the sheet
FIRST_YEAR, LAST_YEAR = 1990, 2100
SERIALS = range(32_874, 73_416)  # the same span in days
FORMATS = frozenset({"ymd", "dmy", "mdy", "excel_serial"})


class MomentReader:
    """:param formats: ymd, dmy, mdy, excel_serial; a layout never declares both dmy and mdy"""

    def __init__(self, formats: tuple[str, ...]) -> None:
        self.year_last = "dmy" if "dmy" in formats else "mdy" if "mdy" in formats else ""
        self.serials = "excel_serial" in formats

    def read(self, text: str) -> datetime | None:
        """
        The moment in UTC; None where the file says nothing.

        :raises BadCell: unreadable_date, or ambiguous_date
        """
        if len(text) == 19 and text[4] == "-" and text[7] == "-" and text[10] == " ":
            try:
                return _moment(datetime.fromisoformat(text + SINCE_1992 if text > "1992" else text))
            except ValueError:
                pass  # the careful way finds out what is wrong with it
        bare = unwrap(plain(text))
        if bare.lower() in NOTHING:
            return None
        return self._careful(bare)

    def _careful(self, text: str) -> datetime:
        try:
            if (match := WITH_OFFSET.fullmatch(text)) and ":" in match[1]:
                return _aware(_wall_clock(match[1]), offset=match[2])
            if SERIAL.fullmatch(text):
                return _moment(self._from_serial(text))
            if YEAR_LAST.fullmatch(text) or YEAR_SHORT.fullmatch(text):
                return _moment(self._from_year_last(text))
            return _moment(_wall_clock(text))
        except (ValueError, OverflowError) as error:
            raise (error if isinstance(error, BadCell) else BadCell("unreadable_date")) from error

    def _from_serial(self, text: str) -> datetime:
        if not self.serials or int(text[:5]) not in SERIALS:
            raise BadCell("unreadable_date")
        return from_serial(float(text))

    def _from_year_last(self, text: str) -> datetime:
        match = YEAR_LAST.fullmatch(text)
        if not self.year_last or match is None or len(match[3]) == 2:
            raise BadCell("ambiguous_date")
        first, second, year = match[1], match[2], match[3]
        day, month = (first, second) if self.year_last == "dmy" else (second, first)
        return _wall_clock(f"{year}-{month}-{day}{text[match.end(3) :]}")


def from_serial(serial: float) -> datetime:
    """Excel's days since 1900 as a wall clock, to the second: a float has no more of it."""
    return EXCEL_EPOCH + timedelta(seconds=round(serial * 86_400))


def _wall_clock(text: str) -> datetime:
    match = YEAR_FIRST.fullmatch(text)
    if match is None:
        raise BadCell("unreadable_date")
    parts = [int(part or 0) for part in match.groups()[:6]]
    micros = int((match[7] or "0").ljust(6, "0"))
    return datetime(*parts[:3], *parts[3:], micros)  # type: ignore[call-arg,arg-type]  # noqa: DTZ001


def _aware(naive: datetime, *, offset: str) -> datetime:
    return _moment(datetime.fromisoformat(f"{naive.isoformat()}{offset}"))


def _moment(moment: datetime) -> datetime:
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise BadCell("unreadable_date")
    return (moment if moment.tzinfo else moment.replace(tzinfo=SHANGHAI)).astimezone(UTC)
