"""A gateway's signature proves who wrote a field, not that it holds what the manual promises."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from kernel.clock import SHANGHAI

YUAN = re.compile(r"(?P<yuan>[0-9]{1,12})(?:\.(?P<cents>[0-9]{1,2})0*)?")
BEIJING_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?")
UNQUOTED = re.compile(rb"[^0-9A-Za-z_.~-]")
QUOTED = {bytes([code]): b"%%%02X" % code for code in range(256)} | {b" ": b"+"}
WEB_ADDRESS = re.compile(r"https?://[^\s\"'<>]+")
LARGEST_FEN = 10**15  # ten trillion yuan; no database stores much more
YEARS = range(2000, 2200)  # at the ends of the calendar a time in Beijing has none in UTC


def text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError(f"text expected, not {type(value).__name__}")
    return value


def fen(value: object) -> int:
    if type(value) is not int or not 0 <= value <= LARGEST_FEN:  # True and 1.0 would pass as numbers
        raise TypeError(f"whole fen expected, not {type(value).__name__}")
    return value


def fen_of_yuan(value: object) -> int:
    """
    Exact fen of an amount in yuan: "0.1" and "0.10" are the same money.

    :raises ValueError: if it is no such amount, or finer than a fen
    """
    match = YUAN.fullmatch(text(value))
    if match is None:
        raise ValueError("not an amount in yuan")
    return int(match["yuan"]) * 100 + int((match["cents"] or "0").ljust(2, "0"))


def moment(value: object) -> datetime:
    """
    An RFC 3339 time, aware.

    :raises ValueError: if it has no offset, and so could be any of 24 moments
    """
    parsed = datetime.fromisoformat(text(value))
    if parsed.tzinfo is None:
        raise ValueError("a time without its offset")
    return likely(parsed)


def beijing_moment(value: object) -> datetime:
    """A wall-clock time of a gateway, which is Beijing's wherever the server stands; with or without fractions."""
    given = text(value)
    if BEIJING_TIME.fullmatch(given) is None:
        raise ValueError("not a time as documented")
    return likely(datetime.fromisoformat(given).replace(tzinfo=SHANGHAI))


def likely(moment: datetime) -> datetime:
    """
    A time of our own age.

    :raises ValueError: if it is of another
    """
    if moment.year not in YEARS:
        raise ValueError("a time of another age")
    return moment


def link(value: object) -> str:
    """An address that a browser may be sent to."""
    if WEB_ADDRESS.fullmatch(text(value)) is None:
        raise ValueError("not a web address")
    return text(value)


def form_of(params: Mapping[str, str]) -> str:
    """As `urllib.parse.urlencode` writes it, which takes a third of a request's time to look at every single byte."""
    return "&".join(f"{_quoted(name)}={_quoted(value)}" for name, value in params.items())


def _quoted(text: str) -> str:
    return UNQUOTED.sub(lambda it: QUOTED[it[0]], text.encode()).decode("ascii")


def storable(text: str) -> str:
    """What databases store of a text: PostgreSQL takes no NUL, and none of them half of a surrogate pair."""
    return text.replace("\0", "").encode(errors="replace").decode()


def make_storable(told: Any, *names: str) -> None:
    """The texts of a frozen dataclass, as its last step of being made."""
    for name in names:
        text = getattr(told, name)
        if not text.isprintable():
            object.__setattr__(told, name, storable(text))
