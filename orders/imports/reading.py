"""The door: a file in, its layout and its orders out."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from types import TracebackType

from orders.records import ImportedOrder, Rejected

from . import mapped, native_reader
from .catalogue import profiles
from .errors import EmptyFile, OtherLayout, UnknownLayout, UnknownProfile
from .headers import closest, detect, normalize_headers, shown
from .profile import Profile, RowMode
from .tables import Table, open_table

AUTO = "auto"
DEFAULT_ENCODINGS = ("utf-8", "gb18030")
SAMPLES = 5
PREAMBLE_ROWS = 10  # titles and notes that may stand above the header

Cells = tuple[int, list[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportFile:
    """
    A file whose layout is known. `rows` can be read once; leaving the `with` block closes the file.

    :param encoding: xlsx, for a workbook
    :param separator: empty for a workbook
    :param headers: of the file, normalised
    :param matched_headers: those that the layout knows
    :param samples: its first rows by header
    :param expected_rows: for a progress bar, no more
    """

    profile: Profile
    encoding: str
    separator: str
    headers: tuple[str, ...]
    matched_headers: tuple[str, ...]
    samples: tuple[dict[str, str], ...]
    expected_rows: int | None
    rows: Generator[ImportedOrder | Rejected]

    def __enter__(self) -> ImportFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.rows.close()


def read_orders(path: Path, profile: str = AUTO, encoding: str | None = None) -> ImportFile:
    """
    Find out what a file is and read it as orders, one at a time.

    :param profile: auto, or the code of a layout
    :param encoding: None finds it out
    :raises ImportRefused: with the reason, and what to do about it
    """
    table, found, headers, following = _open(Path(path), profile, encoding)
    rows = chain(following, table.rows)
    return ImportFile(
        profile=found,
        encoding=table.encoding,
        separator=table.separator,
        headers=headers,
        matched_headers=tuple(found.matched(headers)),
        samples=tuple(dict(zip(headers, cells, strict=False)) for _row_no, cells in following[:SAMPLES]),
        expected_rows=table.expected_rows,
        rows=_read(table, found, headers, rows),
    )


def read_cells(path: Path, profile: str = AUTO, encoding: str | None = None) -> Iterator[Cells]:
    """The rows of a file as they stand below its header: (row number, cells)."""
    table, _found, _headers, following = _open(Path(path), profile, encoding)
    return chain(following, table.rows)


def _open(path: Path, profile: str, encoding: str | None) -> tuple[Table, Profile, tuple[str, ...], list[Cells]]:
    """The file, its layout, its header, and the first rows behind it."""
    chosen = _chosen(profile)
    table = open_table(path, encoding=encoding, encodings=chosen.encodings if chosen else DEFAULT_ENCODINGS)
    top = list(islice(table.rows, PREAMBLE_ROWS))
    if not top:
        raise EmptyFile(name=path.name)
    place, headers, found = _find_header(top, chosen)
    return table, found, headers, top[place + 1 :] + list(islice(table.rows, SAMPLES))


def _chosen(profile: str) -> Profile | None:
    if profile == AUTO:
        return None
    if profile not in profiles():
        raise UnknownProfile(profile=profile, known=", ".join(profiles()))
    return profiles()[profile]


def _find_header(top: Sequence[Cells], chosen: Profile | None) -> tuple[int, tuple[str, ...], Profile]:
    """The first row that is the header of a known layout."""
    rows = [normalize_headers(cells) for _row_no, cells in top]
    candidates = [chosen] if chosen else list(profiles().values())
    for place, headers in enumerate(rows):
        found = detect(headers, candidates)
        if found is not None:
            return place, headers, found
    widest = max(rows, key=len)
    if chosen:
        missing = ", ".join(chosen.missing(widest)) or "—"
        raise OtherLayout(profile=chosen.label, missing=missing, seen=shown(widest))
    raise UnknownLayout(seen=shown(widest), closest=_closest(widest, candidates))


def _closest(headers: Sequence[str], candidates: Sequence[Profile]) -> str:
    near = closest(headers, candidates)
    told = [f"{profile.label} (− {', '.join(profile.missing(headers))})" for profile in near]
    return "; ".join(told) or "—"


def _read(
    table: Table, profile: Profile, headers: tuple[str, ...], rows: Iterator[Cells]
) -> Generator[ImportedOrder | Rejected]:
    is_sheet = not table.separator
    if profile.row_mode is RowMode.LINE:
        yield from native_reader.read_rows(headers=headers, rows=rows)
    else:
        yield from mapped.read_rows(profile=profile, headers=headers, rows=rows, pad=is_sheet)
