from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from time import monotonic

from kernel.clock import local

from ..base import Meter, no_meter
from ..dates import http_date
from ..fields import form_of
from ..transport import HttpTransport, Transport, TransportError
from .account import APP_CERT, PRIVATE_KEY, AlipayAccount
from .answer import Answer, read_answer
from .codes import refuse_wrong_account
from .keyring import Keyring
from .signature import SIGN_TYPE, sign, string_to_sign

logger = logging.getLogger(__name__)

FORM = "application/x-www-form-urlencoded;charset=utf-8"
HTTP_OK = 200  # Alipay answers its own errors with 200, too


def beijing_text(moment: datetime) -> str:
    """Alipay's clock is Beijing's, wherever this server stands."""
    return local(moment).strftime("%Y-%m-%d %H:%M:%S")


class AlipayClient:
    """Signs, sends, verifies. Where no believable answer came, the answer says so: it is not trusted."""

    def __init__(
        self,
        *,
        account: AlipayAccount,
        transport: Transport | None,
        clock: Callable[[], datetime],
        meter: Meter = no_meter,
    ) -> None:
        self._account = account
        self._transport = transport
        self._clock = clock
        self._meter = meter
        self.heard: tuple[str, datetime] | None = None  # Date of the last verified answer, and when it came

    @property
    def keyring(self) -> Keyring:
        """
        :raises ConfigError: if a key of Alipay's cannot be used
        """
        return Keyring(self._account.platform_keys, meter=self._meter, has_serials=self._account.uses_certificates)

    def call(self, *, method: str, content: Mapping[str, object], notify_url: str = "") -> Answer:
        """
        :param method: the API's name, such as alipay.trade.query
        :raises ConfigError: if the account is set up wrongly, by our own look at it or by Alipay's
        """
        return self.call_with(self.keyring, method=method, content=content, notify_url=notify_url)

    def call_with(self, keys: Keyring, *, method: str, content: Mapping[str, object], notify_url: str = "") -> Answer:
        """
        A call whose answer other keys than the account's may vouch for.

        :raises ConfigError: as `call` does
        """
        params = self._signed(method=method, content=content, notify_url=notify_url)
        started = monotonic()
        answer = self._exchange(method=method, params=params, keys=keys)
        if answer.trusted and answer.server_date:
            self._note_time(answer.server_date)
        logger.info(
            "payments.alipay.call method=%s status=%s code=%s ms=%d",
            *(method, answer.status, answer.code, (monotonic() - started) * 1000),
        )
        refuse_wrong_account(answer)
        return answer

    def browser_url(self, *, method: str, content: Mapping[str, object], notify_url: str, return_url: str) -> str:
        """
        An address that starts a payment in the customer's own browser; nothing is sent from here.

        :raises ConfigError: if the account is set up wrongly
        """
        params = self._signed(method=method, content=content, notify_url=notify_url, return_url=return_url)
        return f"{self._account.address}?{form_of(params)}"

    def _signed(self, *, method: str, content: Mapping[str, object], **addresses: str) -> dict[str, str]:
        params = {
            "app_id": self._account.app_id,
            "method": method,
            "format": "JSON",
            "charset": "utf-8",
            "sign_type": SIGN_TYPE,
            "timestamp": beijing_text(self._clock()),
            "version": "1.0",
            "biz_content": json.dumps(content, ensure_ascii=False, separators=(",", ":")),
            **self._account.certificate_numbers,
            **{name: address for name, address in addresses.items() if address},
        }
        signature = sign(signed=string_to_sign(params), key=self._account.private_key)
        self._count_signature()
        return {**params, "sign": signature}

    def _note_time(self, date: str) -> None:
        self.heard = date, self._clock()
        told = http_date(date)
        if told is not None:
            self._meter.hear(told=told, at=self._clock())

    def _count_signature(self) -> None:
        self._meter(kind=PRIVATE_KEY.code, value=self._account.private_key_text, act="sign")
        if self._account.uses_certificates:  # Alipay checks it by the certificate that the request names
            self._meter(kind=APP_CERT.code, value=self._account.app_cert_text, act="sign")

    def _exchange(self, *, method: str, params: dict[str, str], keys: Keyring) -> Answer:
        """Common parameters in the address, the order itself in the body: addresses end up in logs of proxies."""
        address = self._account.address
        body = form_of({"biz_content": params.pop("biz_content")}).encode()
        transport = self._transport or HttpTransport(address=address)
        try:
            response = transport.send(
                method="POST",
                url=f"{address}?{form_of(params)}",
                headers={"content-type": FORM},
                content=body,
            )
        except TransportError as error:
            return Answer(fault=error.code, message=str(error))
        date = response.headers.get("date", "")
        if response.status != HTTP_OK:
            return Answer(fault=f"http.{response.status}", raw=response.body, server_date=date)
        return read_answer(body=response.body, method=method, keys=keys, server_date=date)
