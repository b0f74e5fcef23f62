"""Separated text: its encoding and separator are found out, then it is decoded row by row."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from django.utils.translation import gettext as _

from .errors import NotATable, UnknownEncoding, UnsafeFile, WrongEncoding

BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
SUPERSETS = {"gbk": "gb18030", "gb2312": "gb18030", "cp936": "gb18030", "gb18030": "gb18030"}  # 㐂 is not in GBK
ENCODINGS = ("utf-8", "utf-8-sig", "gb18030", "utf-16", "big5")
SEPARATORS = ",\t;|"
BLOCK_BYTES = 1 << 16
LINE_CHARS = 1_000_000
CELL_CHARS = 131_072
COLUMNS = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SeparatedText:
    encoding: str
    separator: str
    lines: int
    rows: Iterator[tuple[int, list[str]]]


def open_csv(path: Path, *, encoding: str | None, encodings: tuple[str, ...]) -> SeparatedText:
    """
    Separated text, decoded to its end before the first row is handed out, so that no row is garbled.

    :raises WrongEncoding: if some line is not in the encoding that staff chose, or in none of `encodings`
    :raises UnknownEncoding: if there is no such encoding
    :raises UnsafeFile: if a line is too long to be one
    """
    found, lines = _find_encoding(path, encoding=encoding, encodings=encodings)
    with path.open(encoding=found, newline="") as file:
        separator, skip = _find_separator(path, file)
    return SeparatedText(
        encoding=found,
        separator=separator,
        lines=lines,
        rows=_rows(path, encoding=found, separator=separator, skip=skip),
    )


def _find_encoding(path: Path, *, encoding: str | None, encodings: tuple[str, ...]) -> tuple[str, int]:
    tried = (_canonical(encoding),) if encoding else (_from_bom(path) or encodings)
    furthest = 0
    for name in tried:
        lines, failed_line = _decode_all(path, name)
        if not failed_line:
            return name, lines
        furthest = max(furthest, failed_line)  # a wrong encoding fails at once, the right one where the damage is
    raise WrongEncoding(name=path.name, encoding=" / ".join(tried), line=furthest)


def _canonical(encoding: str) -> str:
    try:
        name = codecs.lookup(encoding).name
    except LookupError as error:
        raise UnknownEncoding(encoding=encoding, known=", ".join(ENCODINGS)) from error
    name = SUPERSETS.get(name, name)
    if name not in ENCODINGS:
        raise UnknownEncoding(encoding=encoding, known=", ".join(ENCODINGS))
    return "utf-8-sig" if name == "utf-8" else name  # reads both


def _from_bom(path: Path) -> tuple[str, ...]:
    with path.open("rb") as file:
        head = file.read(4)
    return tuple(name for bom, name in BOMS if head.startswith(bom))


def _decode_all(path: Path, encoding: str) -> tuple[int, int]:
    """How many lines there are, and the number of the first that is not in this encoding, or 0."""
    decoder = codecs.getincrementaldecoder(encoding)()
    lines = 1
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            try:
                decoder.decode(block)
            except UnicodeDecodeError as error:
                return lines, lines + error.object.count(b"\n", 0, error.start)
            except UnicodeError:
                return lines, lines  # UTF-16 without the mark it starts with
            lines += block.count(b"\n")
        try:
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return lines, lines
    return lines, 0


def _find_separator(path: Path, file: TextIO) -> tuple[str, int]:
    """The sign that the first full lines have most of, and how many lines (sep=;) stand before the table."""
    lines = [line for line in (next(_lines(path, file), "") for _line in range(5)) if line.strip()]
    first = lines[0].strip().strip("\ufeff") if lines else ""
    if first.lower().startswith("sep=") and len(first) == 5:
        return first[4], 1
    counts = {sign: sum(_outside_quotes(line).count(sign) for line in lines) for sign in SEPARATORS}
    return max(SEPARATORS, key=lambda sign: counts[sign]), 0


def _outside_quotes(line: str) -> str:
    return "".join(line.split('"')[::2])


def _rows(path: Path, *, encoding: str, separator: str, skip: int) -> Iterator[tuple[int, list[str]]]:
    with path.open(encoding=encoding, newline="") as file:
        lines = _lines(path, file)
        for _line in range(skip):
            next(lines, None)
        reader = csv.reader(lines, delimiter=separator)
        row_no = skip
        while True:
            row_no += 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                raise UnsafeFile(name=path.name, why=_row_too_long(row_no)) from error
            if len(cells) > COLUMNS:
                raise UnsafeFile(name=path.name, why=_("row %d has too many columns") % row_no)
            if any(map(str.strip, cells)):
                yield row_no, cells


def _row_too_long(row_no: int) -> str:
    return _("a cell of row %d is too long; a closing quotation mark may be missing") % row_no


def _lines(path: Path, file: TextIO) -> Iterator[str]:
    while line := file.readline(LINE_CHARS):
        if len(line) == LINE_CHARS:
            raise UnsafeFile(name=path.name, why=_("a line is longer than a million characters"))
        if "\x00" in line:
            raise NotATable(name=path.name, kind=_("a file of another kind"))
        yield line
