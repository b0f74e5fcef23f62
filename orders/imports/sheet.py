"""The XML inside a workbook, fed to expat piece by piece; every size is bounded before it is held."""

from __future__ import annotations

import posixpath
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import IO
from xml.parsers import expat

from django.utils.translation import gettext as _

from .cells import BeyondExcel
from .moments import from_serial

PIECE_BYTES = 1 << 16
TOKEN_BYTES = 1 << 20
CELL_CHARS = 32_767  # Excel's own limit
COLUMNS = 1_000
DAYS_TO_1904 = 1_462
DATE_FORMATS = frozenset([*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)])
LITERAL_IN_FORMAT = re.compile(r'"[^"]*"|\\.|\[(?!h|m|s)[^\]]*\]|_.|\*.', re.IGNORECASE)
ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
# What XML 1.0 cannot hold or would alter, and text that would be taken for an escape.
TO_ESCAPE = re.compile(r"[\x00-\x08\x0b-\x1f\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")
SURROGATES = range(0xD800, 0xE000)
LARGEST_EXACT = 10**15
Attributes = Mapping[str, str]


class TooMuch(ValueError):
    """More than any order list has; the text says of what."""


def local(name: str) -> str:
    return name.rpartition(":")[2] if ":" in name else name


class XmlReader:
    """Feeds a member to expat and refuses what only attackers put there."""

    def __init__(self) -> None:
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartDoctypeDeclHandler = self._refuse_doctype

    def feed(self, member: IO[bytes]) -> Iterator[None]:
        """Yields after each piece, so that whoever listens can hand out what has come together."""
        fed = 0
        while piece := member.read(PIECE_BYTES):
            self.parser.Parse(piece)
            fed += len(piece)
            if fed - self.parser.CurrentByteIndex > TOKEN_BYTES:
                raise TooMuch(_("a tag of more than a megabyte"))
            yield
        self.parser.Parse(b"", True)
        yield

    def _refuse_doctype(self, *_declared: object) -> None:
        raise TooMuch(_("it declares entities"))


def each(member: IO[bytes], handle: Callable[[str, Attributes], None]) -> None:
    """Every element of a small member."""
    reader = XmlReader()
    reader.parser.StartElementHandler = lambda name, attributes: handle(local(name), attributes)
    for _piece in reader.feed(member):
        pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Workbook:
    """:param date_styles: indexes of the cell styles that show a number as a date"""

    sheet: str
    texts: list[str]
    date_styles: frozenset[str]
    days_offset: int

    @classmethod
    def read(cls, archive: zipfile.ZipFile) -> Workbook:
        """Its first visible sheet."""
        sheets: list[Attributes] = []
        properties: dict[str, str] = {}

        def note(name: str, attributes: Attributes) -> None:
            if name == "sheet":
                sheets.append(attributes)
            elif name == "workbookPr":
                properties.update(attributes)

        with archive.open("xl/workbook.xml") as member:
            each(member, note)
        first = next((it for it in sheets if it.get("state", "visible") == "visible"), sheets[0])
        targets = _targets(archive)
        relation = next(value for name, value in first.items() if local(name) == "id")
        return cls(
            sheet=targets[relation],
            texts=_texts(archive),
            date_styles=_date_styles(archive),
            days_offset=DAYS_TO_1904 if properties.get("date1904") in {"1", "true"} else 0,
        )


def _targets(archive: zipfile.ZipFile) -> dict[str, str]:
    targets: dict[str, str] = {}

    def note(name: str, attributes: Attributes) -> None:
        if name == "Relationship":
            targets[attributes["Id"]] = posixpath.normpath(posixpath.join("/xl", attributes["Target"]))[1:]

    with archive.open("xl/_rels/workbook.xml.rels") as member:
        each(member, note)
    return targets


def _date_styles(archive: zipfile.ZipFile) -> frozenset[str]:
    dates, used, inside = set(DATE_FORMATS), list[int](), [False]

    def note(name: str, attributes: Attributes) -> None:
        if name == "numFmt" and re.search("[ymdhs]", LITERAL_IN_FORMAT.sub("", attributes["formatCode"]).lower()):
            dates.add(int(attributes["numFmtId"]))
        elif name in {"cellStyleXfs", "cellXfs", "cellStyles"}:
            inside[0] = name == "cellXfs"
        elif name == "xf" and inside[0]:
            used.append(int(attributes.get("numFmtId", "0")))

    if "xl/styles.xml" in archive.namelist():
        with archive.open("xl/styles.xml") as member:
            each(member, note)
    return frozenset(str(index) for index, number_format in enumerate(used) if number_format in dates)


def _texts(archive: zipfile.ZipFile) -> list[str]:
    if "xl/sharedStrings.xml" not in archive.namelist():
        return []
    with archive.open("xl/sharedStrings.xml") as member:
        return SharedTexts().read(member)


class TextCollector(XmlReader):
    """Gathers the text of <t> elements, but not the pronunciation that Japanese Excel adds."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[str] = []
        self.size = 0
        self.listening = False
        self.parser.StartElementHandler = self.start
        self.parser.EndElementHandler = self.end
        self.parser.CharacterDataHandler = self._collect

    def start(self, name: str, attributes: Attributes) -> None:
        raise NotImplementedError

    def end(self, name: str) -> None:
        raise NotImplementedError

    def _collect(self, text: str) -> None:
        if not self.listening:
            return
        self.size += len(text)
        if self.size > CELL_CHARS:
            raise TooMuch(_("a cell of more than %d characters") % CELL_CHARS)
        self.pieces.append(text)

    def take(self) -> str:
        text = self.pieces[0] if len(self.pieces) == 1 else "".join(self.pieces)
        self.pieces, self.size = [], 0
        return text


class SharedTexts(TextCollector):
    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.aside = False

    def read(self, member: IO[bytes]) -> list[str]:
        for _piece in self.feed(member):
            pass
        return self.texts

    def start(self, name: str, attributes: Attributes) -> None:
        name = local(name)
        self.aside = name == "rPh" or (self.aside and name != "si")
        if name == "t" and not self.aside:
            self.listening = True

    def end(self, name: str) -> None:
        name = local(name)
        if name == "t":
            self.listening = False
        elif name == "rPh":
            self.aside = False
        elif name == "si":
            self.texts.append(unescape(self.take()))


class SheetRows(TextCollector):
    """Rows as they come together: (row number, cells), without blank ones."""

    def __init__(self, workbook: Workbook) -> None:
        super().__init__()
        self.workbook = workbook
        self.places: dict[str, int] = {}
        self.ready: list[tuple[int, list[str]]] = []
        self.cells: list[str] = []
        self.row_no = 0
        self.kind = self.style = ""
        self.place = -1

    def read(self, member: IO[bytes]) -> Iterator[tuple[int, list[str]]]:
        for _piece in self.feed(member):
            ready, self.ready = self.ready, []
            yield from ready

    def start(self, name: str, attributes: Attributes) -> None:
        if ":" in name:
            name = local(name)
        if name == "c":
            self.kind, self.style = attributes.get("t", "n"), attributes.get("s", "")
            self.place = self._place(attributes.get("r", ""))
        elif name in {"v", "t"}:
            self.listening = True
        elif name == "row":
            self.row_no = int(attributes.get("r", self.row_no + 1))
            self.cells, self.place = [], -1

    def end(self, name: str) -> None:
        if ":" in name:
            name = local(name)
        if name in {"v", "t"}:
            self.listening = False
        elif name == "c" and self.pieces:
            self._put(self._value(self.take()))
        elif name == "row" and any(map(str.strip, self.cells)):
            self.ready.append((self.row_no, self.cells))

    def _put(self, text: str) -> None:
        missing = self.place - len(self.cells)
        if missing > 0:
            self.cells.extend([""] * missing)
        self.cells[self.place :] = (text,)

    def _place(self, reference: str) -> int:
        letters = reference.rstrip("0123456789")
        if not letters:
            return self._within(self.place + 1)
        if letters not in self.places:
            self.places[letters] = self._within(column_index(letters))
        return self.places[letters]

    def _within(self, place: int) -> int:
        if place >= COLUMNS:
            raise TooMuch(_("more than %d columns") % COLUMNS)
        return place

    def _value(self, text: str) -> str:
        if self.kind == "s":
            return self.workbook.texts[int(text)]
        if self.kind == "n":
            return self._number(text)
        if self.kind == "b":
            return "TRUE" if text == "1" else "FALSE"
        return unescape(text)  # inlineStr, str (of a formula), e (#N/A), d (a date in ISO)

    def _number(self, text: str) -> str:
        if self.style in self.workbook.date_styles:
            return self._date(text)
        if text.isdigit() and len(text) <= 15:
            return text
        return number_text(text)

    def _date(self, text: str) -> str:
        serial = float(text) + self.workbook.days_offset
        try:
            return from_serial(serial).isoformat(sep=" ")
        except (OverflowError, ValueError):
            return text


def column_index(letters: str) -> int:
    """A is 0, Z 25, AA 26."""
    if len(letters) > 3 or not (letters.isascii() and letters.isupper()):
        raise TooMuch(_("a cell at “%s”") % letters[:20])
    index = 0
    for letter in letters:
        index = index * 26 + ord(letter) - 64
    return index - 1


def number_text(text: str) -> str:
    """As Excel shows it, with the 15 digits that it keeps; more than that was no number of Excel's."""
    value = float(text)
    if abs(value) >= LARGEST_EXACT:
        return BeyondExcel(text)
    return f"{Decimal(f'{value:.15g}'):f}"


def unescape(text: str) -> str:
    """Control characters are written as _x000D_ in XML, and a literal _x000D_ as _x005F_x000D_."""
    return ESCAPED.sub(_character, text) if "_x" in text else text


def _character(escaped: re.Match[str]) -> str:
    code = int(escaped[1], 16)
    return escaped[0] if code == 0 or code in SURROGATES else chr(code)  # no database takes those as text


def escape(text: str) -> str:
    return TO_ESCAPE.sub(lambda match: f"_x{ord(match[0]):04X}_", text)
