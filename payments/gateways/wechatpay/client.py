from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from secrets import token_hex
from time import monotonic

import httpx

from ..base import Clock, Meter
from ..transport import HttpTransport, Response, Transport, TransportError
from . import fields
from .account import WechatpayAccount
from .answer import Answer, read_answer
from .codes import refuse_wrong_account
from .platform import PlatformKeys
from .signature import SCHEME, joined, sign

logger = logging.getLogger(__name__)

AGENT = "merchant-backoffice"  # WeChat Pay refuses requests without one


class WechatpayClient:
    """Signs, sends, verifies. Where no believable answer came, the answer says so: it is not trusted."""

    def __init__(self, *, account: WechatpayAccount, transport: Transport | None, clock: Clock, meter: Meter) -> None:
        self._account = account
        self._transport = transport
        self._clock = clock
        self._meter = meter

    def get(self, path: str, *, api: str) -> Answer:
        """
        :param path: with its query, each part of it quoted
        :param api: a name for the log
        :raises ConfigError: if the account is set up wrongly, by our own look at it or by WeChat Pay's
        """
        return self._call("GET", path, content=None, api=api)

    def post(self, path: str, *, content: Mapping[str, object], api: str, serial: str = "") -> Answer:
        """
        :param serial: of WeChat Pay's key that parts of the content are encrypted for
        :raises ConfigError: if the account is set up wrongly, by our own look at it or by WeChat Pay's
        """
        return self._call("POST", path, content=content, api=api, serial=serial)

    def ask(self, path: str) -> Response:
        """
        An answer as it came, believed in nothing yet: the one with the certificates that it is signed by.

        :raises ConfigError: if the account is set up wrongly
        :raises TransportError: if none came
        """
        return self._send("GET", self._located(path), b"", transport=self._door())

    def fetch(self, url: str, *, limit: int) -> Response:
        """
        A file at an address that WeChat Pay named; files are not signed, our question for them is.

        :param limit: the size above which it is not taken
        :raises ConfigError: if the account is set up wrongly
        :raises TransportError: if none came
        :raises HostNotAllowed: if the address is not this gateway's
        :raises ValueError: if it is no address
        """
        door = self._transport or HttpTransport(address=self._account.address, max_bytes=limit)
        try:
            address = httpx.URL(url)
        except httpx.InvalidURL as error:
            raise ValueError("not a web address") from error
        return self._send("GET", (str(address), address.raw_path.decode("ascii")), b"", transport=door)

    def signed(self, *lines: str) -> str:
        """
        Our signature over some lines.

        :raises ConfigError: if the account is set up wrongly
        """
        signature = sign(signed=joined(*lines), key=self._account.private_key)
        self._meter(kind=fields.PRIVATE_KEY.code, value=self._account.private_key_text, act="sign")
        if self._account.certificate_text:
            self._meter(kind=fields.MERCHANT_CERTIFICATE.code, value=self._account.certificate_text, act="sign")
        return signature

    def _call(
        self, method: str, path: str, *, content: Mapping[str, object] | None, api: str, serial: str = ""
    ) -> Answer:
        keys = self._account.platform_keys
        body = b"" if content is None else json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
        started = monotonic()
        answer = self._exchange(method, path, body, keys=keys, serial=serial)
        logger.info(
            "payments.wechatpay.call api=%s status=%d code=%s request_id=%s ms=%d",
            *(api, answer.status, answer.code, answer.request_id, (monotonic() - started) * 1000),
        )
        refuse_wrong_account(answer, at=self._clock())
        return answer

    def _exchange(self, method: str, path: str, body: bytes, *, keys: PlatformKeys, serial: str) -> Answer:
        try:
            response = self._send(method, self._located(path), body, transport=self._door(), serial=serial)
        except TransportError as error:
            return Answer(fault=error.code, message=str(error))
        answer = read_answer(response, keys=keys, at=self._clock())
        if answer.signer is not None:
            self._meter(kind=answer.signer.kind, value=answer.signer.text, act="verify")
            if answer.server_time is not None:
                self._meter.hear(told=answer.server_time, at=self._clock())
        return answer

    def _located(self, path: str) -> tuple[str, str]:
        """The address of a path, and what of it is signed. Whatever is quoted already goes over the wire as it is."""
        return self._account.address + path, self._account.root + path

    def _send(
        self, method: str, place: tuple[str, str], body: bytes, *, transport: Transport, serial: str = ""
    ) -> Response:
        """:param place: the address, and its path and query exactly as they go over the wire"""
        url, target = place
        headers = {
            "authorization": self._authorization(method, target, body.decode()),
            "accept": "application/json",
            "user-agent": AGENT,
            **({"content-type": "application/json"} if body else {}),
            **self._wish(serial),
        }
        return transport.send(method=method, url=url, headers=headers, content=body)

    def _door(self) -> Transport:
        return self._transport or HttpTransport(address=self._account.address)

    def _authorization(self, method: str, target: str, body: str) -> str:
        signed_at, nonce = str(int(self._clock().timestamp())), token_hex(16).upper()
        parts = {
            "mchid": self._account.mchid,
            "nonce_str": nonce,
            "timestamp": signed_at,
            "serial_no": self._account.serial_no,
            "signature": self.signed(method, target, signed_at, nonce, body),
        }
        return f"{SCHEME} " + ",".join(f'{name}="{value}"' for name, value in parts.items())

    def _wish(self, serial: str) -> dict[str, str]:
        """Asks for answers signed by the public key: whoever has certificates as well gets those otherwise."""
        if self._account.mode == fields.PUBLIC_KEY_MODE:
            serial = self._account.public_key_id
        return {"wechatpay-serial": serial} if serial else {}
