"""The answer to a call: signed in its headers over the raw body, the refusals, too."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from ..base import ForgedNotification, StaleNotification, UnknownKey
from ..dates import http_date
from ..transport import Response
from .platform import PlatformKey, PlatformKeys
from .signature import EPOCH_SECONDS, SIGNATURE, authenticate, folded

BAD_SIGNATURE = "answer.bad_signature"
UNKNOWN_KEY = "answer.unknown_key"
STALE = "answer.stale"
UNSIGNED = "answer.unsigned"
MALFORMED = "answer.malformed"

MISREAD = (AttributeError, IndexError, KeyError, RecursionError, TypeError, ValueError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """
    What came back from one call, if anything did.

    :param trusted: it is signed by WeChat Pay; nothing in an answer that is not may settle anything
    :param fault: why it cannot be believed: a `transport.`, `http.` or `answer.` code
    :param status: of HTTP; 0 if nothing came
    :param content: what it says, believed or not
    :param request_id: WeChat Pay's own name of this call, which its support asks for
    :param signer: the key that signed it
    """

    trusted: bool = False
    fault: str = ""
    status: int = 0
    content: Mapping[str, Any] = field(default_factory=dict)
    message: str = ""
    request_id: str = ""
    raw: bytes = field(default=b"", repr=False)
    server_time: datetime | None = None
    signer: PlatformKey | None = None

    @property
    def is_done(self) -> bool:
        """Signed, and no refusal."""
        return self.trusted and self.status in (200, 204)

    @property
    def native_code(self) -> str:
        return str(self.content.get("code") or "")

    @property
    def code(self) -> str:
        """The most telling code there is: ours, or WeChat Pay's."""
        return self.fault or self.native_code or ("" if self.is_done else f"http.{self.status}")

    @property
    def words(self) -> str:
        """WeChat Pay's own words; of a refusal with the name that its support finds it by."""
        if self.is_done:
            return ""
        said = self.message or str(self.content.get("message") or "")
        return f"{said} (Request-ID {self.request_id})".strip() if self.request_id else said


def read_answer(response: Response, *, keys: PlatformKeys, at: datetime) -> Answer:
    """Verify an answer; what WeChat Pay did not sign may explain itself, and is believed in nothing."""
    headers = folded(response.headers)
    answer = Answer(
        status=response.status,
        content=_content(response.body) or {},
        request_id=headers.get("request-id", "")[:128],
        raw=response.body,
        server_time=_server_time(headers),
    )
    if SIGNATURE not in headers:
        return replace(answer, fault=UNSIGNED if response.status in (200, 204) else f"http.{response.status}")
    try:
        signer = authenticate(headers=headers, body=response.body, keys=keys, at=at)
    except UnknownKey as error:
        return replace(answer, fault=UNKNOWN_KEY, message=error.serial[:80])
    except ForgedNotification as error:
        return replace(answer, fault=STALE if isinstance(error, StaleNotification) else BAD_SIGNATURE)
    if response.body and _content(response.body) is None:
        return replace(answer, fault=MALFORMED)
    return replace(answer, trusted=True, signer=signer)


def _content(body: bytes) -> dict[str, Any] | None:
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def _server_time(headers: Mapping[str, str]) -> datetime | None:
    signed_at = headers.get("wechatpay-timestamp", "")
    if EPOCH_SECONDS.fullmatch(signed_at):
        return datetime.fromtimestamp(int(signed_at), tz=UTC)
    return http_date(headers.get("date", ""))
