"""The answer of gateway.do: the exact characters are verified, and only then read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from .keyring import Keyring, Verdict

BAD_SIGNATURE = "answer.bad_signature"
UNKNOWN_KEY = "answer.unknown_key"
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
    serial: str = ""  # of the certificate that Alipay says it signed with

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


def read_answer(*, body: bytes, method: str, keys: Keyring, server_date: str = "") -> Answer:
    """
    Verify an answer; what is not signed by Alipay may explain itself, and is believed in nothing.

    :param method: the API called, which names the signed object: alipay.trade.query
    """
    name = method.replace(".", "_") + "_response"
    try:
        members = split_members(body.decode())
        raw_content = members[name if name in members else "error_response"]
        content = json.loads(raw_content)
        signature, serial = (json.loads(members.get(told, '""')) for told in ("sign", "alipay_cert_sn"))
        if not (isinstance(content, dict) and isinstance(signature, str) and isinstance(serial, str)):
            raise TypeError("an object and its signature expected")
    except MISREAD:
        return Answer(fault=MALFORMED, raw=body, server_date=server_date)
    told = Answer(raw=body, server_date=server_date, serial=serial)
    if not signature:
        return replace(told, fault="" if "sub_code" in content else UNSIGNED, content=content)
    verdict = keys.judge(signed=raw_content.encode(), signature=signature, serial=serial)
    if verdict is Verdict.GENUINE:
        return replace(told, trusted=True, content=content)
    if verdict is Verdict.UNKNOWN_KEY:
        return replace(told, fault=UNKNOWN_KEY, message=serial)
    return replace(told, fault=BAD_SIGNATURE)


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
