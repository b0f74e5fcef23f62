"""
A bank that takes transfers: all that a gateway is, as small as it can be.

Requests and answers are JSON, signed with keyed hashes; money arrives when the customer transfers it with the number.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils.translation import gettext_lazy

from payments.gateways import (
    AccountField,
    Ack,
    Capabilities,
    CheckResult,
    CheckStatus,
    ConfigError,
    CreateRequest,
    EventKind,
    FieldKind,
    ForgedNotification,
    Gateway,
    GatewayEvent,
    InboundRequest,
    NextAction,
    Outcome,
    PaymentRef,
    RefundRef,
    RefundRequest,
)
from payments.gateways.account import gateway_address, required
from payments.gateways.checks import refused
from payments.gateways.transport import HttpTransport, TransportError

LIVE, SANDBOX = "https://bank.example/api", "https://sandbox.bank.example/api"
OUTCOMES = {
    "open": Outcome.PENDING,
    "paid": Outcome.SUCCEEDED,
    "closed": Outcome.CLOSED,
    "unknown number": Outcome.NOT_FOUND,
    "accepted": Outcome.PENDING,
    "refunded": Outcome.SUCCEEDED,
    "refused": Outcome.FAILED,
}
MERCHANT = AccountField(code="merchant", label="Merchant", help="As the bank calls you.")
KEY = AccountField(code="private_key", label="Key", help="Signs requests.", kind=FieldKind.SECRET, secret=True)
BANK_KEY = AccountField(code="bank_key", label="Bank's key", help="Signs answers.", kind=FieldKind.SECRET, secret=True)


def signature(key: str, body: bytes) -> str:
    return hmac.new(key.encode(), body, hashlib.sha256).hexdigest()


class KeyRefused(ConfigError):
    text = gettext_lazy("%(label)s: the bank does not know it.")


class BankGateway(Gateway):
    code = "bank"
    label = "Bank transfer"
    capabilities = Capabilities(
        methods=frozenset({"qr"}),
        number=re.compile(r"[0-9A-Za-z]{1,64}"),
        min_fen=1,
        max_fen=100_000_000,
        can_close=True,
        partial_refund=True,
        refund_is_async=False,
        refund_notifies_payment_url=True,
        confirm_by_query=False,
    )
    SETTING_FIELDS = (MERCHANT,)
    CREDENTIAL_FIELDS = (KEY, BANK_KEY)

    @property
    def merchant(self) -> str:
        return required(self.config.settings, MERCHANT)

    def account_claims(self) -> Mapping[str, str]:
        return {"merchant": self.merchant}

    def create(self, *, request: CreateRequest) -> tuple[GatewayEvent, NextAction]:
        limits, failed = self.capabilities, GatewayEvent(kind=EventKind.PAYMENT, outcome=Outcome.FAILED)
        if not limits.min_fen <= request.amount_fen <= limits.max_fen:
            return failed, NextAction()
        told = {"payment_no": request.payment_no, "amount_fen": request.amount_fen, "notify_url": request.notify_url}
        event = self._ask("create", EventKind.PAYMENT, **told)
        if event.outcome is not Outcome.PENDING:
            return event, NextAction()
        return event, NextAction(kind="qr", data={"content": f"bank://pay/{request.payment_no}"})

    def query(self, *, ref: PaymentRef) -> GatewayEvent:
        return self._ask("query", EventKind.PAYMENT, payment_no=ref.payment_no)

    def close(self, *, ref: PaymentRef) -> GatewayEvent:
        event = self._ask("close", EventKind.CLOSE, payment_no=ref.payment_no)
        closed = event.outcome is Outcome.CLOSED
        return event if closed else GatewayEvent(kind=EventKind.CLOSE, outcome=Outcome.UNKNOWN, code="not closed")

    def refund(self, *, request: RefundRequest) -> GatewayEvent:
        told = {"payment_no": request.payment_no, "refund_no": request.refund_no, "amount_fen": request.amount_fen}
        return self._ask("refund", EventKind.REFUND, **told)

    def query_refund(self, *, ref: RefundRef) -> GatewayEvent:
        return self._ask("query_refund", EventKind.REFUND, payment_no=ref.payment_no, refund_no=ref.refund_no)

    def parse_notification(self, *, request: InboundRequest) -> GatewayEvent:
        if not self._is_banks(request.body, request.headers):
            raise ForgedNotification
        told = json.loads(request.body)
        kind = EventKind.REFUND if told.get("refund_no") else EventKind.PAYMENT
        return _event(kind, told, raw=request.body)

    def acknowledge(self, *, event: GatewayEvent) -> Ack:
        return Ack(status=200, body=b"ok", content_type="text/plain")

    def refuse(self, *, status: int) -> Ack:
        return Ack(status=status, body=b"again", content_type="text/plain")

    def self_check(self, *, online: bool = False, notify_url: str = "") -> list[CheckResult]:
        found = [
            _check(field, values)
            for fields, values in (
                (self.SETTING_FIELDS, self.config.settings),
                (self.CREDENTIAL_FIELDS, self.config.credentials),
            )
            for field in fields
        ]
        return [*found, self._online()] if online else found

    def _online(self) -> CheckResult:
        try:
            event = self._ask("query", EventKind.PAYMENT, payment_no="0")
        except ConfigError as error:
            return refused(code="online", label="Online", error=error)
        is_well = event.outcome is Outcome.NOT_FOUND
        return CheckResult(code="online", label="Online", status=CheckStatus.OK if is_well else CheckStatus.ERROR)

    def _ask(self, act: str, kind: EventKind, **told: object) -> GatewayEvent:
        """:raises KeyRefused: if the bank does not know our key"""
        body = json.dumps({"act": act, "merchant": self.merchant, **told}).encode()
        key = required(self.config.credentials, KEY)
        address = gateway_address(config=self.config, live=LIVE, sandbox=SANDBOX)
        transport = self.transport or HttpTransport(address=address)
        unknown = GatewayEvent(kind=kind, outcome=Outcome.UNKNOWN, code="answer.none")
        try:
            answer = transport.send(method="POST", url=address, headers={"x-sign": signature(key, body)}, content=body)
        except TransportError:
            return unknown
        self.meter(kind=KEY.code, value=key, act="sign")
        if answer.status == 401:
            raise KeyRefused(field=KEY.code, label=KEY.label)
        if answer.status != 200 or not self._is_banks(answer.body, answer.headers):
            return unknown
        return _event(kind, json.loads(answer.body), raw=answer.body)

    def _is_banks(self, body: bytes, headers: Mapping[str, str]) -> bool:
        given = {name.lower(): value for name, value in headers.items()}.get("x-bank-sign", "")
        for key in self.config.all_of(BANK_KEY.code):
            if hmac.compare_digest(given, signature(key, body)):
                self.meter(kind=BANK_KEY.code, value=key, act="verify")
                return True
        return False


def _event(kind: EventKind, told: Mapping[str, Any], *, raw: bytes) -> GatewayEvent:
    paid_at, refund_no = told.get("at"), told.get("refund_no", "")
    return GatewayEvent(
        kind=kind,
        event_key=f"{kind}:{told['payment_no']}:{refund_no or told['state']}",
        claims={"merchant": told.get("merchant", "")},
        payment_no=told["payment_no"],
        refund_no=refund_no,
        gateway_trade_no=told.get("trade_no", ""),
        amount_fen=told.get("amount_fen", 0),
        outcome=OUTCOMES[told["state"]],
        occurred_at=datetime.fromisoformat(paid_at) if paid_at else None,
        native_state=told["state"],
        raw=raw,
    )


def _check(field: AccountField, values: Mapping[str, str]) -> CheckResult:
    is_there = bool(values.get(field.code))
    status = CheckStatus.OK if is_there else CheckStatus.ERROR
    return CheckResult(code=field.code, label=field.label, status=status, meaning="" if is_there else "It is empty.")
