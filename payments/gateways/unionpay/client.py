from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from time import monotonic

from kernel.clock import local

from ..base import Meter
from ..dates import http_date
from ..fields import form_of
from ..transport import MAX_ANSWER_BYTES, HttpTransport, Transport, TransportError
from .account import UnionpayAccount
from .answer import Answer, read_answer
from .codes import refuse_wrong_account
from .signature import SIGN_METHOD, VERSION, as_bytes, sign, string_to_sign
from .trust import Judge

logger = logging.getLogger(__name__)

FORM = "application/x-www-form-urlencoded;charset=utf-8"
HTTP_OK = 200

BACK, QUERY, FRONT = "backTransReq.do", "queryTrans.do", "frontTransReq.do"
MAX_FILE_BYTES = 64 * 1024 * 1024  # of an answer that holds a statement


def beijing_digits(moment: datetime) -> str:
    """UnionPay's clock is Beijing's, wherever this server stands; of a payment it is part of the key."""
    return local(moment).strftime("%Y%m%d%H%M%S")


class UnionpayClient:
    """Signs, sends, verifies. Where no believable answer came, the answer says so: it is not trusted."""

    def __init__(
        self,
        *,
        account: UnionpayAccount,
        transport: Transport | None,
        judge: Judge,
        clock: Callable[[], datetime],
        meter: Meter,
    ) -> None:
        self._account = account
        self._transport = transport
        self._judge = judge
        self._clock = clock
        self._meter = meter

    def call(self, *, family: str, content: Mapping[str, str]) -> Answer:
        """
        :param family: the last part of the address, such as queryTrans.do
        :raises ConfigError: if the account is set up wrongly, by our own look at it or by UnionPay's
        """
        url = self._account.address + family
        return self._send(url=url, content=content, max_bytes=MAX_ANSWER_BYTES)

    def fetch_file(self, *, content: Mapping[str, str]) -> Answer:
        """
        Ask the host that keeps the statements.

        :raises ConfigError: if the account is set up wrongly, by our own look at it or by UnionPay's
        """
        return self._send(url=self._account.file_address, content=content, max_bytes=MAX_FILE_BYTES)

    def browser_form(self, *, content: Mapping[str, str]) -> dict[str, str]:
        """
        What the customer's own browser posts to start a payment, unchanged; nothing is sent from here.

        :raises ConfigError: if the account is set up wrongly
        """
        return {"url": self._account.address + FRONT, **self._signed(content)}

    def _send(self, *, url: str, content: Mapping[str, str], max_bytes: int) -> Answer:
        params = self._signed(content)
        _ = self._account.middles, self._account.roots  # whoever cannot judge the answer must not ask
        started = monotonic()
        answer = self._exchange(url=url, params=params, max_bytes=max_bytes)
        logger.info(
            "payments.unionpay.call txn_type=%s status=%s code=%s ms=%d",
            *(params["txnType"], answer.status, answer.code, (monotonic() - started) * 1000),
        )
        refuse_wrong_account(answer, signed_by=self._account.signing_fields[0])
        return answer

    def _signed(self, content: Mapping[str, str]) -> dict[str, str]:
        signer = self._account.signer
        given = {
            "version": VERSION,
            "encoding": "UTF-8",
            "signMethod": SIGN_METHOD,
            "certId": signer.cert_id,
            "accessType": "0",
            "merId": self._account.mer_id,
            **content,
        }
        params = {name: value for name, value in given.items() if value}
        for kind, value in signer.kept_in:
            self._meter(kind=kind, value=value, act="sign")
        return {**params, "signature": sign(signed=string_to_sign(as_bytes(params)), key=signer.key)}

    def _exchange(self, *, url: str, params: Mapping[str, str], max_bytes: int) -> Answer:
        transport = self._transport or HttpTransport(address=url, max_bytes=max_bytes)
        try:
            response = transport.send(
                method="POST",
                url=url,
                headers={"content-type": FORM},
                content=form_of(params).encode(),
            )
        except TransportError as error:
            return Answer(fault=error.code, message=str(error))
        date = response.headers.get("date", "")
        if response.status != HTTP_OK:
            return Answer(fault=f"http.{response.status}", raw=response.body, server_date=date)
        answer = read_answer(body=response.body, judge=self._judge, at=self._clock(), server_date=date)
        told = http_date(date)
        if answer.trusted and told is not None:
            self._meter.hear(told=told, at=self._clock())
        return answer
