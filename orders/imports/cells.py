"""What marketplaces and Excel wrap around the text of a cell, and what they destroy in it."""

from __future__ import annotations

import re
from unicodedata import normalize

INVISIBLE = " \t\r\n\ufeff\u200b\u200c\u200d\u00a0\u3000"
# ASCII and full-width: spreadsheets read either as the beginning of a formula.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
SCIENTIFIC = re.compile(r"[+-]?\d(?:\.\d+)?[eE]\+\d+|[+-]?\d\.\d+[eE]\d+")
EXCEL_ERROR = re.compile(r"#(?:N/A|REF!|VALUE!|NAME\?|DIV/0!|NULL!|NUM!|#+)")
LOST_DIGITS = re.compile(r"\d{15}00+")  # Excel keeps 15 digits and fills up with zeros


class BadCell(ValueError):
    """A cell that must not be guessed at; whoever knows its column makes a Reason of it."""

    def __init__(self, code: str, **facts: str) -> None:
        super().__init__(code)
        self.code = code
        self.facts = facts


class BeyondExcel(str):
    """A number of more than 15 digits from a numeric cell: Excel has kept 15 of them, whatever the cell shows."""

    __slots__ = ()


def plain(text: str) -> str:
    """In the one form that full-width letters, digits and punctuation share."""
    return normalize("NFKC", text).strip(INVISIBLE)


def clip(text: str, limit: int = 60) -> str:
    return text if len(text) <= limit else f"{text[:limit]}…"


def unwrap(text: str) -> str:
    """A number without the guards around it: ="…", leading apostrophe, back-tick or tab, trailing tab."""
    if text.isalnum():
        return text
    text = text.strip(INVISIBLE)
    if text.startswith('="') and text.endswith('"') and len(text) > 2:
        text = text[2:-1]
    elif text.startswith(("'", "`")):
        text = text[1:]
    return text.strip(INVISIBLE)


def unguard(text: str) -> str:
    """A text without the apostrophe that keeps spreadsheets from running it."""
    return text[1:] if text.startswith("'") and text[1:].startswith(FORMULA_STARTS) else text


def is_damaged(text: str) -> bool:
    return bool(SCIENTIFIC.fullmatch(text) or EXCEL_ERROR.fullmatch(text))


def read_number_text(text: str) -> str:
    """
    An identifier: order number, tracking number.

    :raises BadCell: damaged_number, if Excel has made an approximation of it
    """
    if isinstance(text, BeyondExcel):
        raise BadCell("damaged_number")
    number = unwrap(text)
    if not number.isdigit() and is_damaged(number):
        raise BadCell("damaged_number")
    return number
