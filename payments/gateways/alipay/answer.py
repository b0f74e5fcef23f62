"""The answer of gateway.do: the exact characters are verified, and only then read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from .signature import is_signed

BAD_SIGNATURE = "answer.bad_signature"
UNSIGNED = "answer.unsigned"
MALFORMED = "answer.malformed"
BLANKS = " \t\r\n"

MISREAD = (AttributeError, IndexError, KeyError, RecursionError, TypeError, ValueError)

_decoder = json.JSONDecoder()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """
    What came back from one call, if anything did.

    :param trusted: it is signed by Alipay; nothing in an answer that is not may settle anything
    :param fault: why there is nothing to read: a `transport.`, `http.` or `answer.` code
    :param content: the signed object, or an unsigned one that only explains itself
    """

    trusted: bool = False
    fault: str = ""
    content: Mapping[str, Any] = field(default_factory=dict)
    message: str = ""
    raw: bytes = field(default=b"", repr=False)
    server_date: str = ""

    @property
    def status(self) -> str:
        return str(self.content.get("code", ""))

    @property
    def code(self) -> str:
        """The most telling code there is: Alipay's sub code, its code, or ours."""
        return self.fault or str(self.content.get("sub_code", "")) or self.status

    @property
    def words(self) -> str:
        """Alipay's own words."""
        return self.message or str(self.content.get("sub_msg", "") or self.content.get("msg", ""))


def read_answer(*, body: bytes, method: str, key: RSAPublicKey, server_date: str = "") -> Answer:
    """
    Verify an answer; what is not signed by Alipay may explain itself, and is believed in nothing.

    :param method: the API called, which names the signed object: alipay.trade.query
    """
    name = method.replace(".", "_") + "_response"
    try:
        members = split_members(body.decode())
        raw_content = members[name if name in members else "error_response"]
        content = json.loads(raw_content)
        signature = json.loads(members.get("sign", '""'))
        if not (isinstance(content, dict) and isinstance(signature, str)):
            raise TypeError("an object and its signature expected")
    except MISREAD:
        return Answer(fault=MALFORMED, raw=body, server_date=server_date)
    if not signature:
        fault = "" if "sub_code" in content else UNSIGNED
        return Answer(fault=fault, content=content, raw=body, server_date=server_date)
    if not is_signed(signed=raw_content.encode(), signature=signature, key=key):
        return Answer(fault=BAD_SIGNATURE, raw=body, server_date=server_date)
    return Answer(trusted=True, content=content, raw=body, server_date=server_date)


def split_members(text: str) -> dict[str, str]:
    """
    The members of a JSON object as they are written, by name. A subject may hold braces and quotes: only a scanner
    that knows strings finds where a value ends.

    :raises ValueError: if it is no JSON object, or names a member twice
    """
    members: dict[str, str] = {}
    position = _expect(text, _skip(text, 0), "{")
    while text[position : position + 1] != "}":
        name, end = _decoder.raw_decode(text, position)
        start = _expect(text, _skip(text, end), ":")
        _value, end = _decoder.raw_decode(text, start)
        if not isinstance(name, str) or name in members:
            raise ValueError("no name, or one given twice")
        members[name] = text[start:end]
        position = _skip(text, end)
        if text[position : position + 1] != "}":
            position = _expect(text, position, ",")
    if text[position + 1 :].strip(BLANKS):
        raise ValueError("something follows the object")
    return members


def _expect(text: str, position: int, character: str) -> int:
    if text[position : position + 1] != character:
        raise ValueError(f"{character} expected at {position}")
    return _skip(text, position + 1)


def _skip(text: str, position: int) -> int:
    while text[position : position + 1] in BLANKS and position < len(text):
        position += 1
    return position
