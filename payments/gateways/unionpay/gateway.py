from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import IO

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from kernel.clock import now

from ..account import AccountConfig
from ..base import Ack, Clock, Gateway, InboundRequest, Meter, no_meter
from ..calls import Capabilities, CreateRequest, NextAction, PaymentRef, RefundRef, RefundRequest
from ..checks import CheckResult
from ..event import EventKind, GatewayEvent, Outcome, not_sent
from ..statement import StatementFile, StatementLine, StatementRequest
from ..transport import Transport
from . import fields
from .account import UnionpayAccount
from .checks import check_account
from .client import BACK, QUERY, UnionpayClient
from .notification import read_notification
from .online import check_online
from .refunds import is_undo, read_refund_queried, read_refunded, refund_content, requested_at
from .statement import file_content, read_file, read_lines
from .trades import CHANNELS, LATE, code_content, order_content, query_content, read_created, read_queried
from .trust import Judge

ENDED = (Outcome.NOT_FOUND, Outcome.FAILED)


class UnionpayGateway(Gateway):
    """UnionPay's online payment (全渠道, ACP 5.1.0): its own pay page in a browser, and codes to scan."""

    code = "unionpay"
    label = gettext_lazy("UnionPay")
    capabilities = Capabilities(
        methods=frozenset({"qr", *CHANNELS}),
        number=re.compile(r"[0-9A-Za-z]{8,40}"),
        min_fen=1,
        max_fen=999_999_999_999,
        can_close=False,
        partial_refund=True,
        refund_is_async=True,
        refund_notifies_payment_url=True,
        confirm_by_query=True,
        refund_window=timedelta(days=330),
        has_statements=True,
        repeats_codes=False,
    )
    SETTING_FIELDS = fields.SETTING_FIELDS
    CREDENTIAL_FIELDS = fields.CREDENTIAL_FIELDS

    def __init__(
        self,
        *,
        config: AccountConfig,
        transport: Transport | None = None,
        clock: Clock = now,
        meter: Meter = no_meter,
    ) -> None:
        super().__init__(config=config, transport=transport, clock=clock, meter=meter)
        self.account = account = UnionpayAccount(config)
        self.judge = Judge(
            authorities=lambda: (account.middles, account.roots),
            allows_test_name=not account.is_live,
            meter=meter,
        )
        self.client = UnionpayClient(account=account, transport=transport, judge=self.judge, clock=clock, meter=meter)

    def account_claims(self) -> Mapping[str, str]:
        return {"merId": self.account.mer_id}

    def create(self, *, request: CreateRequest) -> tuple[GatewayEvent, NextAction]:
        problem = self._misfit(request)
        if problem:
            return not_sent(kind=EventKind.PAYMENT, payment_no=request.payment_no, words=problem), NextAction()
        if request.method in CHANNELS:
            return self._send_browser(request)
        answer = self.client.call(family=BACK, content=code_content(request))
        event, code = read_created(answer, request=request)
        if event.outcome is not Outcome.PENDING or not code:
            return event, NextAction()
        return event, NextAction(kind="qr", data={"content": code}, expires_at=request.expires_at)

    def query(self, *, ref: PaymentRef) -> GatewayEvent:
        answer = self.client.call(family=QUERY, content=query_content(number=ref.payment_no, sent_at=ref.created_at))
        return read_queried(answer, ref=ref, at=self.clock())

    def close(self, *, ref: PaymentRef) -> GatewayEvent:
        """UnionPay closes nothing: a payment is over when its time to pay is, and a query still knows of no money."""
        unsure = GatewayEvent(
            kind=EventKind.CLOSE,
            payment_no=ref.payment_no,
            code="local.no_close",
            message=_("UnionPay closes no payments: this one ends when its time to pay is over."),
        )
        if ref.expires_at is None or self.clock() <= ref.expires_at + LATE:
            return unsure
        told = self.query(ref=ref)
        if told.outcome not in ENDED:
            return unsure
        return GatewayEvent(
            kind=EventKind.CLOSE,
            payment_no=ref.payment_no,
            outcome=Outcome.CLOSED,
            native_state=told.native_state,
            code=told.code,
            message=told.message,
            raw=told.raw,
        )

    def refund(self, *, request: RefundRequest) -> GatewayEvent:
        words = self._unfit_refund(request)
        if words:
            return not_sent(
                kind=EventKind.REFUND, payment_no=request.payment_no, refund_no=request.refund_no, words=words
            )
        undo = self.account.same_day == fields.UNDO and is_undo(request)
        answer = self.client.call(family=BACK, content=refund_content(request, undo=undo))
        return read_refunded(answer, request=request)

    def query_refund(self, *, ref: RefundRef) -> GatewayEvent:
        answer = self.client.call(family=QUERY, content=query_content(number=ref.refund_no, sent_at=requested_at(ref)))
        return read_refund_queried(answer, ref=ref, at=self.clock())

    def parse_notification(self, *, request: InboundRequest) -> GatewayEvent:
        return read_notification(request=request, judge=self.judge)

    def acknowledge(self, *, event: GatewayEvent) -> Ack:
        return Ack(status=200, body=b"ok", content_type="text/plain")

    def refuse(self, *, status: int) -> Ack:
        return Ack(status=status, body=b"failure", content_type="text/plain")

    def self_check(self, *, online: bool = False, notify_url: str = "") -> list[CheckResult]:
        checks = check_account(account=self.account, notify_url=notify_url, at=self.clock())
        return checks + (check_online(client=self.client, clock=self.clock) if online else [])

    def statement(self, *, request: StatementRequest) -> StatementFile:
        at = self.clock()
        answer = self.client.fetch_file(content=file_content(request=request, at=at))
        return read_file(answer, request=request, at=at)

    def read_statement(self, *, file: IO[bytes]) -> Iterator[StatementLine]:
        return read_lines(file=file, mer_id=self.account.mer_id, at=self.clock())

    def _misfit(self, request: CreateRequest) -> str:
        """What UnionPay would refuse is not sent: no payment came of it, so it failed for certain."""
        limits = self.capabilities
        if request.method not in limits.methods:
            return _("UnionPay has no payment method “%(method)s”.") % {"method": request.method}
        if not limits.min_fen <= request.amount_fen <= limits.max_fen:
            return _("UnionPay takes between 0.01 and 9,999,999,999.99 yuan at a time.")
        if limits.number.fullmatch(request.payment_no) is None:
            return _("UnionPay takes numbers of 8 to 40 letters and digits only.")
        if request.expires_at <= self.clock():
            return _("The time to pay is over.")
        return ""

    def _unfit_refund(self, request: RefundRequest) -> str:
        if not 0 < request.amount_fen <= request.total_fen:
            return _("A refund cannot be more than was paid.")
        if self.capabilities.number.fullmatch(request.refund_no) is None:
            return _("UnionPay takes numbers of 8 to 40 letters and digits only.")
        if not request.gateway_trade_no:
            return _(
                "UnionPay refunds by its own number of the payment, and that is not known. Query the payment first."
            )
        return ""

    def _send_browser(self, request: CreateRequest) -> tuple[GatewayEvent, NextAction]:
        """Nothing is asked of UnionPay yet: it learns of the payment when the customer's browser arrives."""
        data = self.client.browser_form(content=order_content(request))
        event = GatewayEvent(
            kind=EventKind.PAYMENT,
            payment_no=request.payment_no,
            outcome=Outcome.PENDING,
            amount_fen=request.amount_fen,
        )
        return event, NextAction(kind="form", data=data, expires_at=request.expires_at)
