"""One row of a mapped layout, asked for by field instead of by column."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from hashlib import blake2b
from operator import itemgetter
from typing import TypeVar

from orders.records import TEXT_LIMITS, Reason, Rejected

from .amounts import read_amount
from .cells import INVISIBLE, LOST_DIGITS, BadCell, clip, read_number_text, unguard
from .headers import REJECT_HEADERS
from .moments import MomentReader
from .phones import NO_PHONE, Phone, read_phone
from .profile import Columns, Profile

Places = tuple[int, ...]
Told = TypeVar("Told")
HASH_BYTES = 16


class Layout:
    """A profile bound to the columns of one file."""

    def __init__(self, *, profile: Profile, headers: Sequence[str]) -> None:
        self.profile = profile
        self.headers = tuple(headers)
        self.moments = MomentReader(profile.time_formats)
        place = {header: index for index, header in enumerate(headers)}

        def places(columns: Columns) -> Places:
            return tuple(place[column] for column in columns if column in place)

        self.texts = {name: places(columns) for name, columns in profile.texts.items() if places(columns)}
        self.times = {name: places(columns) for name, columns in profile.times.items()}
        self.amounts = {name: tuple(places(term) for term in terms) for name, terms in profile.amounts.items()}
        taken = _mapped(profile) | profile.private | set(REJECT_HEADERS)
        self.kept = [(header, place[header]) for header in headers if header not in taken]
        own = [place for place, header in enumerate(headers) if header not in REJECT_HEADERS]
        in_order = sorted(own, key=self.headers.__getitem__)
        self._hashed = itemgetter(*in_order, in_order[0])  # one more, so that it is a tuple for any width

    def knows(self, name: str) -> bool:
        """Whether the file has a column for this field."""
        found = self.texts.get(name) or self.times.get(name)
        return bool(found) or any(self.amounts.get(name, ()))

    def hash(self, cells: Sequence[str]) -> bytes:
        """The same whatever the order of the columns."""
        return blake2b("\x1f".join(self._hashed(cells)).encode(), digest_size=HASH_BYTES).digest()

    def raw(self, cells: Sequence[str]) -> dict[str, str]:
        return dict(zip(self.headers, cells, strict=True))

    def reject(self, *, row_no: int, cells: Sequence[str], bad: BadCell) -> Rejected:
        return Rejected(row_no=row_no, reason=Reason(bad.code, bad.facts), raw=self.raw(cells))


def _mapped(profile: Profile) -> set[str]:
    terms = [term for amount in profile.amounts.values() for term in amount]
    return {column for group in (*profile.texts.values(), *profile.times.values(), *terms) for column in group}


class Row:
    """Cleaned on demand; what had to be assumed is collected in `warnings`."""

    __slots__ = ("cells", "layout", "warnings")

    def __init__(self, *, layout: Layout, cells: Sequence[str]) -> None:
        self.layout = layout
        self.cells = cells
        self.warnings: list[Reason] = []

    def warn(self, code: str, **facts: str) -> None:
        self.warnings.append(Reason(code, facts))

    def text(self, name: str) -> str:
        """Trimmed; empty where every column of the field says nothing. Cut to what an order can hold."""
        for place in self.layout.texts.get(name, ()):
            text = self.cells[place].strip(INVISIBLE)
            if text and text not in self.layout.profile.nothing:
                return self._fitting(name, place, unguard(text))
        return ""

    def _fitting(self, name: str, place: int, text: str) -> str:
        limit = TEXT_LIMITS.get(name)
        if limit is None or len(text) <= limit:
            return text
        self.warn("shortened", column=self.layout.headers[place], limit=str(limit))
        return text[:limit]

    def number(self, name: str) -> str:
        """
        An identifier, whole.

        :raises BadCell: damaged_number, or too_long
        """
        for place in self.layout.texts.get(name, ()):
            number = self._asking(read_number_text, place)
            for prefix in self.layout.profile.number_prefixes:
                number = number.removeprefix(prefix)
            if number and number not in self.layout.profile.nothing:
                return self._sound(name, place, number)
        return ""

    def _sound(self, name: str, place: int, number: str) -> str:
        column, limit = self.layout.headers[place], TEXT_LIMITS[name]
        if len(number) > limit:
            raise BadCell("too_long", value=clip(number), column=column, limit=str(limit))
        if len(number) > 15 and LOST_DIGITS.fullmatch(number):
            self.warn("number_suspicious", value=number, column=column)
        return number

    def amount(self, name: str) -> int | None:
        """
        The sum of the field's terms in fen; None if none of them says anything.

        :raises BadCell: unreadable_amount and its kin
        """
        total: int | None = None
        for term in self.layout.amounts.get(name, ()):
            for place in term:
                fen, provisional = self._asking(read_amount, place)
                if provisional:
                    self._warn_about("provisional_amount", place)
                if fen is not None:
                    total = fen if total is None else total + fen
                    break
        return total

    def moment(self, name: str) -> datetime | None:
        """:raises BadCell: unreadable_date, or ambiguous_date"""
        for place in self.layout.times.get(name, ()):
            moment = self._asking(self.layout.moments.read, place)
            if moment is not None:
                return moment
        return None

    def phone(self, name: str) -> Phone:
        """The first real number, before any masked one."""
        found = [self._asking(read_phone, place) for place in self.layout.texts.get(name, ())]
        real = [phone for phone in found if phone.number]
        return next(iter(real), max(found, key=lambda phone: bool(phone.masked), default=NO_PHONE))

    def column(self, name: str) -> str:
        """For messages: the field's header in this file."""
        terms = self.layout.amounts.get(name, ())
        places = self.layout.texts.get(name) or self.layout.times.get(name) or (terms[0] if terms else ())
        return self.layout.headers[places[0]] if places else name

    def kept(self) -> Mapping[str, str]:
        """The columns that no field of ours takes."""
        cells, nothing = self.cells, self.layout.profile.nothing
        texts = ((header, unguard(cells[place].strip(INVISIBLE))) for header, place in self.layout.kept)
        return {header: text for header, text in texts if text and text not in nothing}

    def _asking(self, read: Callable[[str], Told], place: int) -> Told:
        try:
            return read(self.cells[place])
        except BadCell as bad:
            bad.facts |= {"column": self.layout.headers[place], "value": clip(self.cells[place])}
            raise

    def _warn_about(self, code: str, place: int) -> None:
        self.warn(code, column=self.layout.headers[place], value=clip(self.cells[place]))
