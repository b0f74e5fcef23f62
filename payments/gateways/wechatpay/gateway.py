from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import IO

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from kernel.clock import now

from ..account import AccountConfig
from ..base import Ack, Clock, FetchedKey, Gateway, InboundRequest, Meter, no_meter
from ..calls import Capabilities, CreateRequest, NextAction, PaymentRef, RefundDetour, RefundRef, RefundRequest
from ..checks import CheckResult
from ..event import EventKind, GatewayEvent, Outcome, not_sent
from ..statement import StatementFile, StatementLine, StatementRequest
from ..transport import Transport
from . import fields
from .account import WechatpayAccount
from .answer import MALFORMED, MISREAD
from .bill_fetch import fetch_bill
from .bill_read import read_bill
from .checks import check_account
from .client import WechatpayClient
from .codes import UNCLEAR_REQUEST
from .detour import detour_content, detour_path, read_redirected
from .login import login_url, openid_of
from .notification import NotificationReader
from .online import check_online
from .platform import PUBLIC_KEY_ID_HEAD
from .refunds import REFUNDS_PATH, read_refund_queried, read_refunded, refund_content, refund_path
from .rotation import CertificateDownload
from .trades import PRODUCTS, order_content, order_path, query_path, read_closed, read_created, read_queried

JSON = "application/json; charset=utf-8"


class WechatpayGateway(Gateway):
    """WeChat Pay APIv3: codes to scan (Native), a phone's browser (H5), and pages inside WeChat (JSAPI)."""

    code = "wechatpay"
    label = gettext_lazy("WeChat Pay")
    capabilities = Capabilities(
        methods=frozenset(PRODUCTS),
        number=re.compile(r"[0-9A-Za-z_\-|*]{6,32}"),
        min_fen=1,
        max_fen=2_147_483_647,  # its field is an int; how much a merchant may take is in the contract
        can_close=True,
        partial_refund=True,
        refund_is_async=True,
        refund_notifies_payment_url=False,
        confirm_by_query=False,
        max_refunds=50,
        refund_window=timedelta(days=365),
        asks_payer=frozenset({"jsapi"}),
        has_statements=True,
        redirects_refunds=True,
        signs_time=True,
    )
    SETTING_FIELDS = (fields.MODE_FIELD, fields.MCHID, fields.APPID, fields.SERIAL_NO, fields.PUBLIC_KEY_ID)
    CREDENTIAL_FIELDS = (
        fields.PRIVATE_KEY,
        fields.APIV3_KEY,
        fields.PLATFORM_PUBLIC_KEY,
        fields.PLATFORM_CERTIFICATE,
        fields.MERCHANT_CERTIFICATE,
        fields.APP_SECRET,
    )

    def __init__(
        self,
        *,
        config: AccountConfig,
        transport: Transport | None = None,
        clock: Clock = now,
        meter: Meter = no_meter,
    ) -> None:
        super().__init__(config=config, transport=transport, clock=clock, meter=meter)
        self.account = WechatpayAccount(config)
        self.client = WechatpayClient(account=self.account, transport=transport, clock=clock, meter=meter)

    def account_claims(self) -> Mapping[str, str]:
        return {"mchid": self.account.mchid, "appid": self.account.appid}

    def create(self, *, request: CreateRequest) -> tuple[GatewayEvent, NextAction]:
        problem = self._misfit(request)
        if problem:
            return not_sent(kind=EventKind.PAYMENT, payment_no=request.payment_no, words=problem), NextAction()
        product = PRODUCTS[request.method]
        content = order_content(request, account=self.account)
        answer = self.client.post(f"/v3/pay/transactions/{product}", content=content, api=product)
        event, action = read_created(answer, request=request, client=self.client, account=self.account, at=self.clock())
        if event.code == UNCLEAR_REQUEST and event.outcome is Outcome.UNKNOWN:
            ref = PaymentRef(payment_no=request.payment_no, created_at=request.created_at)
            return self._cleared_up(event, self.query(ref=ref)), NextAction()
        return event, action

    def query(self, *, ref: PaymentRef) -> GatewayEvent:
        answer = self.client.get(query_path(ref.payment_no, mchid=self.account.mchid), api="query")
        return read_queried(answer, ref=ref, account=self.account)

    def close(self, *, ref: PaymentRef) -> GatewayEvent:
        content = {"mchid": self.account.mchid}
        answer = self.client.post(f"{order_path(ref.payment_no)}/close", content=content, api="close")
        return read_closed(answer, ref=ref)

    def refund(self, *, request: RefundRequest) -> GatewayEvent:
        if not 0 < request.amount_fen <= request.total_fen:
            words = _("A refund must be more than nothing, and no more than was paid.")
            return not_sent(
                kind=EventKind.REFUND, payment_no=request.payment_no, refund_no=request.refund_no, words=words
            )
        answer = self.client.post(REFUNDS_PATH, content=refund_content(request), api="refund")
        event = read_refunded(answer, request=request)
        if event.code == UNCLEAR_REQUEST and event.outcome is Outcome.UNKNOWN:
            ref = RefundRef(refund_no=request.refund_no, payment_no=request.payment_no, created_at=request.created_at)
            return self._cleared_up(event, self.query_refund(ref=ref))
        return event

    def query_refund(self, *, ref: RefundRef) -> GatewayEvent:
        answer = self.client.get(refund_path(ref.refund_no), api="query_refund")
        return read_refund_queried(answer, ref=ref)

    def redirect_refund(self, *, detour: RefundDetour) -> GatewayEvent:
        """Under WeChat Pay's own number of the refund, which a query tells."""
        queried = self.client.get(refund_path(detour.ref.refund_no), api="query_refund")
        told = read_refund_queried(queried, ref=detour.ref)
        if told.outcome is not Outcome.REQUIRES_ACTION:
            return told
        key = self.account.sealing_key
        try:
            path = detour_path(queried)
        except MISREAD:
            return replace(told, outcome=Outcome.UNKNOWN, code=MALFORMED)
        content = detour_content(detour, key=key)
        answer = self.client.post(path, content=content, api="redirect_refund", serial=key.serial)
        return read_redirected(answer, detour=detour)

    def parse_notification(self, *, request: InboundRequest) -> GatewayEvent:
        reader = NotificationReader(
            apiv3_keys=self.account.apiv3_keys,
            platform_keys=self.account.platform_keys,
            claims=self.account_claims(),
            meter=self.meter,
        )
        return reader.read(request=request)

    def acknowledge(self, *, event: GatewayEvent) -> Ack:
        return _reply(200, code="SUCCESS", message="成功")

    def refuse(self, *, status: int) -> Ack:
        return _reply(status, code="FAIL", message="失败")

    def self_check(self, *, online: bool = False, notify_url: str = "") -> list[CheckResult]:
        checks = check_account(account=self.account, config=self.config, notify_url=notify_url, at=self.clock())
        return checks + (check_online(client=self.client, account=self.account, clock=self.clock) if online else [])

    def statement(self, *, request: StatementRequest) -> StatementFile:
        return fetch_bill(client=self.client, request=request)

    def read_statement(self, *, file: IO[bytes]) -> Iterator[StatementLine]:
        return read_bill(file=file, mchid=self.account.mchid)

    def fetch_keys(self, *, serial: str = "") -> list[FetchedKey]:
        """Platform certificates; a public key can only be downloaded by a person."""
        if serial.startswith(PUBLIC_KEY_ID_HEAD):
            return []
        download = CertificateDownload(account=self.account, client=self.client, meter=self.meter, at=self.clock())
        return download.fetch()

    def payer_login(self, *, return_url: str, state: str) -> str:
        return login_url(account=self.account, return_url=return_url, state=state)

    def payer_of(self, *, code: str) -> str:
        return openid_of(account=self.account, code=code, transport=self.transport)

    def _misfit(self, request: CreateRequest) -> str:
        """What WeChat Pay would refuse is not sent: no payment came of it, so it failed for certain."""
        limits = self.capabilities
        if request.method not in limits.methods:
            return _("WeChat Pay has no payment method “%(method)s”.") % {"method": request.method}
        if not limits.min_fen <= request.amount_fen <= limits.max_fen:
            return _("WeChat Pay takes between 0.01 and 21,474,836.47 yuan at a time.")
        if limits.number.fullmatch(request.payment_no) is None:
            return _("WeChat Pay takes numbers of 6 to 32 letters and digits.")
        if request.expires_at <= self.clock():
            return _("The time to pay is over.")
        if request.method == "jsapi" and not request.payer_ref:
            return _("WeChat did not say who pays. Open the page inside WeChat again.")
        if request.method == "h5" and not request.client_ip:
            return _("WeChat Pay wants to know the customer's own internet address, and it is unknown.")
        return ""

    def _cleared_up(self, refused: GatewayEvent, told: GatewayEvent) -> GatewayEvent:
        """
        The same code refuses what broke a rule, and a number that has something else under it already: only where
        WeChat Pay knows nothing under this number did nothing come of it.
        """
        return replace(refused, outcome=Outcome.FAILED if told.outcome is Outcome.NOT_FOUND else Outcome.UNKNOWN)


def _reply(status: int, **content: str) -> Ack:
    return Ack(status=status, body=json.dumps(content, ensure_ascii=False).encode(), content_type=JSON)
