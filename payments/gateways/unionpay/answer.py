"""The answers of the gateway: `name=value&…` as plain text, which no form parser may touch."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from .trust import Judge, Untrusted

UNSIGNED = "answer.unsigned"
MALFORMED = "answer.malformed"
UNTRUSTED = {
    "signature": "answer.bad_signature",
    "certificate": "answer.foreign_certificate",
    "chain": "answer.foreign_chain",
    "expired": "answer.expired_certificate",
}

MISREAD = (KeyError, TypeError, ValueError)
STOP = re.compile(rb"[&{\[]")
CLOSING = {b"{": b"}", b"[": b"]"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """
    What came back from one call, if anything did.

    :param trusted: it is signed by UnionPay; nothing in an answer that is not may settle anything
    :param fault: why there is nothing to read: a `transport.`, `http.` or `answer.` code
    :param content: what was signed, or what an unsigned refusal says of itself
    """

    trusted: bool = False
    fault: str = ""
    content: Mapping[str, str] = field(default_factory=dict)
    message: str = ""
    raw: bytes = field(default=b"", repr=False)
    server_date: str = ""

    @property
    def status(self) -> str:
        return self.content.get("respCode", "")

    @property
    def code(self) -> str:
        return self.fault or self.status

    @property
    def words(self) -> str:
        """UnionPay's own words."""
        return self.message or self.content.get("respMsg", "")


def read_answer(*, body: bytes, judge: Judge, at: datetime, server_date: str = "") -> Answer:
    """
    Verify an answer; what is not signed by UnionPay may explain itself, and is believed in nothing.

    :raises ConfigError: if our certificates cannot be read
    """
    try:
        params = split_plain(body)
        content = {name.decode("ascii"): value.decode() for name, value in params.items()}
    except ValueError:
        return Answer(fault=MALFORMED, raw=body, server_date=server_date)
    if b"signature" not in params:
        fault = "" if content.get("respCode") else UNSIGNED
        return Answer(fault=fault, content=content, raw=body, server_date=server_date)
    try:
        judge.believe(params, at=at)
    except Untrusted as error:
        return Answer(fault=UNTRUSTED[error.fault], raw=body, server_date=server_date)
    return Answer(trusted=True, content=content, raw=body, server_date=server_date)


def split_plain(body: bytes) -> dict[bytes, bytes]:
    """
    The parameters of a text that is not URL-encoded: a value may hold `=`, and in brackets `&` as well.

    :raises ValueError: if a name comes twice, or there is none
    """
    params: dict[bytes, bytes] = {}
    start = 0
    while start < len(body):
        end = _end_of_pair(body, start)
        name, equals, value = body[start:end].partition(b"=")
        if not name or not equals or name in params:
            raise ValueError("no name, no value, or a name given twice")
        params[name] = value
        start = end + 1
    if not params:
        raise ValueError("empty")
    return params


def _end_of_pair(body: bytes, start: int) -> int:
    """As UnionPay's own kit reads it: brackets are not nested, and the name cannot hold one."""
    position = max(body.find(b"=", start), start)
    while (stop := STOP.search(body, position)) is not None:
        if stop.group() == b"&":
            return stop.start()
        closed = body.find(CLOSING[stop.group()], stop.end())
        if closed < 0:
            return len(body)
        position = closed + 1
    return len(body)
