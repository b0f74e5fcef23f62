"""
Nuonuo's open platform (诺税通): one address for everything, the method in a header, HMAC-SHA1 over the exact body.

Numbers of ours make a call harmless to repeat: `orderNo` of an invoice, `billId` of a red-letter confirmation.
"""

from __future__ import annotations

import hmac
import json
import logging
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha1
from secrets import randbelow, token_hex
from time import monotonic
from typing import Any
from urllib.parse import urlencode, urlsplit

from django.utils.translation import gettext_lazy as _

from kernel.clock import now
from kernel.errors import DomainError

from ..gateways.fields import storable
from ..gateways.transport import FileTransport, HostNotAllowed, HttpTransport, Response, Transport, TransportError

logger = logging.getLogger(__name__)

LIVE = "https://sdk.nuonuo.com/open/v1/services"
LIVE_TOKENS = "https://open.nuonuo.com/accessToken"
FILE_HOSTS = (".nuonuo.com", ".nuonuocs.cn", ".jss.com.cn")
SIGNED_PATH = "a=services&l=v1&p=open"  # of the address, as the signature spells it
SIGNED_NAMES = {"k": "appkey", "i": "senid", "n": "nonce", "t": "timestamp"}
SUCCESS = "E0000"
NOT_FOUND = frozenset({"E9500"})
DUPLICATE = "E9106"
TOKEN_CODES = frozenset({"070101", "070304", "070305", "070306", "070307"})  # key or token, not what was asked
EARLY = timedelta(minutes=10)  # a token is renewed that long before it ends
HTTP_OK = 200
MESSAGE_LENGTH = 300

ISSUE = "nuonuo.OpeMplatform.requestBillingNew"
QUERY = "nuonuo.OpeMplatform.queryInvoiceResult"
RED_APPLY = "nuonuo.OpeMplatform.saveInvoiceRedConfirm"
RED_QUERY = "nuonuo.OpeMplatform.queryInvoiceRedConfirm"
RED_ISSUE = "nuonuo.OpeMplatform.fastInvoiceRed"
SIGN_IN = "nuonuo.OpeMplatform.getCertificationStatus"
SEAL_AGAIN = "nuonuo.OpeMplatform.reInvoice"
SIGNED_IN, VERIFIED = "2", "1"  # what SIGN_IN is asked about; both read what Nuonuo knows already


class ProviderTrouble(DomainError):
    """Nothing is known of the invoice itself; it waits, and somebody is told."""

    text = _("The invoice provider cannot be used.")


class Unreachable(ProviderTrouble):
    text = _("The invoice provider gave no usable answer (%(code)s). It is asked again by itself.")


class TokenRefused(ProviderTrouble):
    text = _("The invoice provider refuses the access token (%(code)s %(message)s). Check key, secret and token.")


class LoginNeeded(ProviderTrouble):
    text = _("The tax bureau wants the drawer to sign in or to scan a code. Do so in the provider's app.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """:param address: empty for the live service"""

    app_key: str
    tax_no: str
    app_secret: str = field(repr=False)
    token: str = field(repr=False)
    extension: str = ""
    platform_account: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    value: str = field(repr=False)
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What came back for one call; `rows` are its results, one or several."""

    code: str
    message: str
    rows: tuple[Mapping[str, Any], ...] = ()

    @property
    def is_done(self) -> bool:
        return self.code == SUCCESS

    @property
    def is_known(self) -> bool:
        return self.code not in NOT_FOUND and bool(self.rows)


class Client:
    """Signs and sends. It makes none of its calls in a transaction."""

    def __init__(self, *, account: Account, transport: Transport | None = None) -> None:
        self.account = account
        self.address = account.address or LIVE
        self._transport = transport or HttpTransport(address=self.address)

    def call(self, method: str, content: Mapping[str, object]) -> Reply:
        """
        :raises Unreachable: if no usable answer came; only a query tells whether it was done
        :raises TokenRefused: if it was not done, for the key or token is wrong
        """
        body = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
        started = monotonic()
        reply = _reply(self._sent(method, body))
        logger.info("payments.nuonuo.call method=%s code=%s ms=%d", method, reply.code, (monotonic() - started) * 1000)
        if reply.code in TOKEN_CODES:
            raise TokenRefused(code=reply.code, message=reply.message)
        return reply

    def ensure_signed_in(self) -> None:
        """
        :raises LoginNeeded: if the drawer has to sign in, or to prove who they are, before anything is issued
        """
        if not self.account.platform_account:
            return
        if self._sign_in_state(SIGNED_IN) == "0" or self._sign_in_state(VERIFIED) == "2":
            raise LoginNeeded

    def fetch_token(self, *, at: datetime) -> Token:
        """
        A new access token; Nuonuo gives few of them in a month, so it is kept.

        :raises Unreachable: if no usable answer came
        :raises TokenRefused: if key or secret are wrong
        """
        address = _token_address(self.address) if self.account.address else LIVE_TOKENS
        asked = {
            "client_id": self.account.app_key,
            "client_secret": self.account.app_secret,
            "grant_type": "client_credentials",
        }
        headers = {"content-type": "application/x-www-form-urlencoded"}
        door = HttpTransport(address=address)
        told = _decoded(_guarded(door, address, headers=headers, content=urlencode(asked).encode()))
        value, seconds = told.get("access_token"), told.get("expires_in")
        if not isinstance(value, str) or not value or not str(seconds).isdigit():
            raise TokenRefused(code=str(told.get("error", ""))[:40], message=_message(told, "error_description"))
        return Token(value=value, until=at + timedelta(seconds=int(str(seconds))) - EARLY)

    def fetch_file(self, url: str) -> bytes:
        """
        :raises Unreachable: if no whole file came, or it is not there that this provider keeps files
        """
        try:
            answer = FileTransport(is_allowed=self._keeps_files).fetch(url=url)
        except TransportError as error:
            raise Unreachable(code=error.code) from error
        except HostNotAllowed as error:
            raise Unreachable(code="host") from error
        if answer.status != HTTP_OK:
            raise Unreachable(code=answer.status)
        return answer.body

    def _sent(self, method: str, body: bytes) -> Response:
        account = self.account
        asked = {
            "senid": token_hex(16),
            "nonce": str(10_000_000 + randbelow(90_000_000)),
            "timestamp": str(int(now().timestamp())),
            "appkey": account.app_key,
        }
        headers = {
            "content-type": "application/json; charset=UTF-8",
            "X-Nuonuo-Sign": sign(body, secret=account.app_secret, asked=asked),
            "accessToken": account.token,
            "userTax": account.tax_no,
            "method": method,
        }
        return _guarded(self._transport, f"{self.address}?{urlencode(asked)}", headers=headers, content=body)

    def _sign_in_state(self, asked: str) -> str:
        """What cannot be told holds nothing up: issuing itself will tell."""
        known = {"extensionNumber": self.account.extension, "eleAccount": self.account.platform_account}
        reply = self.call(SIGN_IN, {**known, "queryType": asked})
        return str(reply.rows[0].get("certificationStatus", "")) if reply.is_done and reply.rows else ""

    def _keeps_files(self, url: str) -> bool:
        parts, own = urlsplit(url), urlsplit(self.address)
        if self.account.address and (parts.scheme, parts.netloc) == (own.scheme, own.netloc):
            return True
        return parts.scheme == "https" and f".{parts.hostname or ''}".endswith(FILE_HOSTS)


def sign(body: bytes, *, secret: str, asked: Mapping[str, str]) -> str:
    """X-Nuonuo-Sign of a request, over what its address asks and its body byte for byte."""
    named = "&".join(f"{letter}={asked[name]}" for letter, name in SIGNED_NAMES.items())
    head = f"{SIGNED_PATH}&{named}&f="
    return b64encode(hmac.new(secret.encode(), head.encode() + body, sha1).digest()).decode()


def _token_address(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}/accessToken"


def _guarded(door: Transport, url: str, *, headers: Mapping[str, str], content: bytes) -> Response:
    try:
        answer = door.send(method="POST", url=url, headers=headers, content=content)
    except TransportError as error:
        raise Unreachable(code=error.code) from error
    if answer.status != HTTP_OK:
        raise Unreachable(code=answer.status)
    return answer


def _decoded(answer: Response) -> dict[str, Any]:
    try:
        told = json.loads(answer.body)
    except (ValueError, RecursionError) as error:
        raise Unreachable(code="json") from error
    if not isinstance(told, dict):
        raise Unreachable(code="json")
    return told


def _reply(answer: Response) -> Reply:
    """Results come as a list, as one object, or as a list beside a total; a number alone is a result, too."""
    told = _decoded(answer)
    result = told.get("result")
    if isinstance(result, dict) and isinstance(result.get("list"), list):
        result = result["list"]
    found = told["list"] if isinstance(told.get("list"), list) else result
    rows = found if isinstance(found, list) else [found] if isinstance(found, dict) else []
    return Reply(
        code=str(told.get("code", ""))[:16],
        message=_message(told, "describe"),
        rows=tuple(row for row in rows if isinstance(row, dict)),
    )


def _message(told: Mapping[str, Any], name: str) -> str:
    return storable(str(told.get(name) or ""))[:MESSAGE_LENGTH]
