from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import IO

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from kernel.clock import now

from ..account import AccountConfig
from ..base import Ack, Clock, FetchedKey, Gateway, InboundRequest, Meter, no_meter
from ..calls import Capabilities, CreateRequest, NextAction, PaymentRef, RefundRef, RefundRequest
from ..checks import CheckResult
from ..event import EventKind, GatewayEvent, Outcome, not_sent
from ..statement import StatementFile, StatementLine, StatementRequest
from ..transport import FileSource, Transport
from .account import (
    ALIPAY_CERT,
    ALIPAY_PUBLIC_KEY,
    APP_CERT,
    APP_ID,
    MODE_FIELD,
    PRIVATE_KEY,
    ROOT_CERT,
    SELLER_ID,
    AlipayAccount,
)
from .bill import read_bill
from .bill_link import fetch_statement
from .checks import check_account, check_clock, check_online
from .client import AlipayClient
from .notification import read_notification
from .refunds import read_refund_queried, read_refunded, refund_content, refund_query_content
from .renewal import download_certificate, missing_serial
from .trades import order_content, read_closed, read_created, read_queried

BROWSER_METHODS = {"page": "alipay.trade.page.pay", "wap": "alipay.trade.wap.pay"}


class AlipayGateway(Gateway):
    """
    Alipay's open platform, with public keys or with certificates: codes to scan, and payment in the customer's
    browser.
    """

    code = "alipay"
    label = gettext_lazy("Alipay")
    capabilities = Capabilities(
        methods=frozenset({"qr", *BROWSER_METHODS}),
        number=re.compile(r"[0-9A-Za-z_]{1,64}"),
        min_fen=1,
        max_fen=10_000_000_000,
        can_close=True,
        partial_refund=True,
        refund_is_async=False,
        refund_notifies_payment_url=True,
        confirm_by_query=False,
        refund_window=timedelta(days=365),
        has_statements=True,
    )
    SETTING_FIELDS = (MODE_FIELD, APP_ID, SELLER_ID)
    CREDENTIAL_FIELDS = (PRIVATE_KEY, ALIPAY_PUBLIC_KEY, APP_CERT, ALIPAY_CERT, ROOT_CERT)

    def __init__(
        self,
        *,
        config: AccountConfig,
        transport: Transport | None = None,
        clock: Clock = now,
        meter: Meter = no_meter,
        files: FileSource | None = None,
    ) -> None:
        super().__init__(config=config, transport=transport, clock=clock, meter=meter)
        self.account = AlipayAccount(config)
        self.client = AlipayClient(account=self.account, transport=transport, clock=clock, meter=meter)
        self.files = files

    def account_claims(self) -> Mapping[str, str]:
        return {"app_id": self.account.app_id, "seller_id": self.account.seller_id}

    def create(self, *, request: CreateRequest) -> tuple[GatewayEvent, NextAction]:
        problem = self._misfit(request)
        if problem:
            return not_sent(kind=EventKind.PAYMENT, payment_no=request.payment_no, words=problem), NextAction()
        if request.method in BROWSER_METHODS:
            return self._send_browser(request)
        answer = self.client.call(
            method="alipay.trade.precreate", content=order_content(request), notify_url=request.notify_url
        )
        event, code = read_created(answer, request=request)
        if event.outcome is not Outcome.PENDING or not code:
            return event, NextAction()
        return event, NextAction(kind="qr", data={"content": code}, expires_at=request.expires_at)

    def query(self, *, ref: PaymentRef) -> GatewayEvent:
        answer = self.client.call(method="alipay.trade.query", content={"out_trade_no": ref.payment_no})
        return read_queried(answer, ref=ref)

    def close(self, *, ref: PaymentRef) -> GatewayEvent:
        answer = self.client.call(method="alipay.trade.close", content={"out_trade_no": ref.payment_no})
        return read_closed(answer, ref=ref)

    def refund(self, *, request: RefundRequest) -> GatewayEvent:
        answer = self.client.call(method="alipay.trade.refund", content=refund_content(request))
        return read_refunded(answer, request=request)

    def query_refund(self, *, ref: RefundRef) -> GatewayEvent:
        answer = self.client.call(method="alipay.trade.fastpay.refund.query", content=refund_query_content(ref))
        return read_refund_queried(answer, ref=ref)

    def parse_notification(self, *, request: InboundRequest) -> GatewayEvent:
        return read_notification(request=request, keys=self.client.keyring)

    def acknowledge(self, *, event: GatewayEvent) -> Ack:
        return Ack(status=200, body=b"success", content_type="text/plain")

    def refuse(self, *, status: int) -> Ack:
        return Ack(status=status, body=b"failure", content_type="text/plain")

    def self_check(self, *, online: bool = False, notify_url: str = "") -> list[CheckResult]:
        checks = check_account(account=self.account, notify_url=notify_url, at=self.clock())
        asked = check_online(client=self.client) if online else []
        return [*checks, *asked, *check_clock(heard=self.client.heard)]

    def statement(self, *, request: StatementRequest) -> StatementFile:
        return fetch_statement(
            client=self.client, request=request, files=self.files, is_live=self.account.is_live, at=self.clock()
        )

    def read_statement(self, *, file: IO[bytes]) -> Iterator[StatementLine]:
        return read_bill(file)

    def fetch_keys(self, *, serial: str = "") -> list[FetchedKey]:
        """In public-key mode there is nothing to fetch: only the console shows Alipay's key."""
        if not self.account.uses_certificates:
            return []
        wanted = serial or missing_serial(self.client)
        if not wanted:
            return []
        return download_certificate(client=self.client, account=self.account, serial=wanted, at=self.clock())

    def _misfit(self, request: CreateRequest) -> str:
        """What Alipay would refuse is not sent: no payment came of it, so it failed for certain."""
        limits = self.capabilities
        if request.method not in limits.methods:
            return _("Alipay has no payment method “%(method)s”.") % {"method": request.method}
        if not limits.min_fen <= request.amount_fen <= limits.max_fen:
            return _("Alipay takes between 0.01 and 100,000,000.00 yuan at a time.")
        if limits.number.fullmatch(request.payment_no) is None:
            return _("Alipay takes numbers of letters and digits only, 64 at most.")
        if request.expires_at <= self.clock():
            return _("The time to pay is over.")
        return ""

    def _send_browser(self, request: CreateRequest) -> tuple[GatewayEvent, NextAction]:
        """Nothing is asked of Alipay yet: it learns of the payment when the customer's browser arrives."""
        url = self.client.browser_url(
            method=BROWSER_METHODS[request.method],
            content=order_content(request),
            notify_url=request.notify_url,
            return_url=request.return_url,
        )
        event = GatewayEvent(
            kind=EventKind.PAYMENT,
            payment_no=request.payment_no,
            outcome=Outcome.PENDING,
            amount_fen=request.amount_fen,
        )
        return event, NextAction(kind="redirect", data={"url": url}, expires_at=request.expires_at)
