"""A value as the text of a cell in our own layout and back, without loss."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from kernel.clock import local
from kernel.money import plain_yuan

from .amounts import read_amount
from .cells import FORMULA_STARTS, BadCell, BeyondExcel, is_damaged, unwrap
from .moments import MomentReader

GUARD = "'"
SAFE_NUMBER = re.compile(r"[1-9]\d{0,10}|0", re.ASCII)
# Spreadsheets make numbers, dates or times of these, and save what they made of them.
TEMPTING = re.compile(
    r"[\d.,:/%+\-\seE]+|(?:\d+年)?\d+月(?:\d+日)?"
    r"|\d{0,4}[-/ ]?(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*[-/ ]?\d{0,4}",
    re.ASCII | re.IGNORECASE,
)
SIGNED = re.compile(r"-(?=.*[1-9])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Codec:
    """
    :param write: to text
    :param read: from text; raises BadCell
    :param is_number: numbers stay numbers in a spreadsheet; all else is text there
    """

    write: Callable[[Any], str]
    read: Callable[[str], Any]
    is_number: bool = False


def guard(text: str) -> str:
    """For CSV: an apostrophe before whatever a spreadsheet would run, or take for a number; undone by `bare`."""
    if text.isalpha():
        return text
    runs = text.startswith((GUARD, *FORMULA_STARTS))
    return GUARD + text if runs or (TEMPTING.fullmatch(text) and not SAFE_NUMBER.fullmatch(text)) else text


def guard_in_sheet(text: str) -> str:
    """For XLSX, where text is text: only what `bare` would mistake."""
    return GUARD + text if text.startswith(GUARD) or is_damaged(text) else text


def bare(text: str) -> str:
    """
    :raises BadCell: damaged_number, if nothing guarded it and Excel has made a number of it
    """
    if text.startswith(GUARD):
        return text[1:]
    if text.isalpha():
        return text
    if isinstance(text, BeyondExcel) or is_damaged(text):
        raise BadCell("damaged_number")
    return text


def _write_moment(moment: datetime | None) -> str:
    return local(moment).isoformat() if moment else ""


def _read_moment(text: str) -> datetime | None:
    if text.endswith("+08:00") and text[10] == "T":
        try:
            return datetime.fromisoformat(text).astimezone(UTC)
        except ValueError:
            pass  # edited since; the careful way finds out
    return SPREADSHEET_MOMENTS.read(text)


def _read_amount(text: str) -> int:
    return read_amount(text).fen or 0


def _read_signed_amount(text: str) -> int:
    fen = read_amount(SIGNED.sub("", text, count=1)).fen or 0
    return -fen if SIGNED.match(text) else fen


def _read_whole(text: str) -> int:
    whole = unwrap(text)
    if not whole:
        return 0
    if not SAFE_NUMBER.fullmatch(whole):
        raise BadCell("unreadable_number")
    return int(whole)


def _write_words(words: tuple[str, ...]) -> str:
    return ",".join(word.replace("\\", "\\\\").replace(",", "\\,") for word in words)


def _read_words(text: str) -> tuple[str, ...]:
    words = re.findall(r"(?:[^\\,]|\\.)+", bare(text), re.DOTALL)
    return tuple(re.sub(r"\\(.)", r"\1", word, flags=re.DOTALL) for word in words)


def _write_json(data: Mapping[str, object]) -> str:
    return json.dumps(data, ensure_ascii=False, sort_keys=True, separators=(",", ":")) if data else ""


def _read_json(text: str) -> dict[str, Any]:
    if not text:
        return {}
    try:
        data = json.loads(text)
        json.dumps(data, ensure_ascii=False).encode()  # half a surrogate pair is no text
    except (ValueError, RecursionError) as error:
        raise BadCell("unknown_value") from error
    if not isinstance(data, dict) or "\\u0000" in text:
        raise BadCell("unknown_value")
    return data


SPREADSHEET_MOMENTS = MomentReader(("ymd", "excel_serial"))  # for files that people have edited and saved
TEXT = Codec(write=str, read=bare)
NAME = Codec(write=lambda name: name or "", read=lambda text: bare(text) or None)
MOMENT = Codec(write=_write_moment, read=_read_moment)
AMOUNT = Codec(write=plain_yuan, read=_read_amount, is_number=True)
SIGNED_AMOUNT = Codec(write=plain_yuan, read=_read_signed_amount, is_number=True)
WHOLE = Codec(write=str, read=_read_whole, is_number=True)
WORDS = Codec(write=_write_words, read=_read_words)
JSON = Codec(write=_write_json, read=_read_json)
