"""A gateway's signature proves who wrote a field, not that it holds what the manual promises."""

from __future__ import annotations

import re
from datetime import datetime

from kernel.clock import SHANGHAI

YUAN = re.compile(r"(?P<yuan>[0-9]{1,12})(?:\.(?P<cents>[0-9]{1,2})0*)?")
BEIJING_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?")
WEB_ADDRESS = re.compile(r"https?://[^\s\"'<>]+")


def text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError(f"text expected, not {type(value).__name__}")
    return value


def fen(value: object) -> int:
    if type(value) is not int or value < 0:  # True and 1.0 would pass as numbers
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
    return parsed


def beijing_moment(value: object) -> datetime:
    """A wall-clock time of a gateway, which is Beijing's wherever the server stands; with or without fractions."""
    given = text(value)
    if BEIJING_TIME.fullmatch(given) is None:
        raise ValueError("not a time as documented")
    return datetime.fromisoformat(given).replace(tzinfo=SHANGHAI)


def link(value: object) -> str:
    """An address that a browser may be sent to."""
    if WEB_ADDRESS.fullmatch(text(value)) is None:
        raise ValueError("not a web address")
    return text(value)
