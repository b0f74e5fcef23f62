"""A gateway in memory: it does what it is told to, remembers what it was asked, and speaks no protocol."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from payments.gateways import (
    GATEWAYS,
    Ack,
    Capabilities,
    CheckResult,
    CreateRequest,
    EventKind,
    ForgedNotification,
    Gateway,
    GatewayEvent,
    InboundRequest,
    NextAction,
    Outcome,
    PaymentRef,
    RefundDetour,
    RefundRef,
    RefundRequest,
    UnknownKey,
    Unreadable,
    guard_no_transaction,
)


@dataclass
class FakeBank:
    """What the fake gateway answers, and what it was asked. Answers are taken off the front; the last one stays."""

    answers: dict[str, list[GatewayEvent | Exception]] = field(default_factory=lambda: defaultdict(list))
    calls: list[tuple[str, Any]] = field(default_factory=list)
    detours: list[RefundDetour] = field(default_factory=list)

    def say(self, call: str, *outcomes: Outcome | Exception, **facts: Any) -> None:
        """:param call: create, query, close, refund or query_refund"""
        kind = EventKind.REFUND if "refund" in call else EventKind.PAYMENT
        for outcome in outcomes:
            if isinstance(outcome, Exception):
                self.answers[call].append(outcome)
            else:
                self.answers[call].append(GatewayEvent(kind=kind, outcome=outcome, **facts))

    def asked(self, call: str) -> list[Any]:
        return [request for name, request in self.calls if name == call]

    def answer(self, call: str, request: Any, default: Outcome) -> GatewayEvent:
        guard_no_transaction()
        self.calls.append((call, request))
        waiting = self.answers[call]
        told = (waiting.pop(0) if len(waiting) > 1 else waiting[0]) if waiting else None
        if isinstance(told, Exception):
            raise told
        kind = EventKind.REFUND if "refund" in call else EventKind.PAYMENT
        event = told or GatewayEvent(kind=kind, outcome=default)
        amount_fen = event.amount_fen or getattr(request, "amount_fen", 0)
        return replace(
            event,
            payment_no=request.payment_no,
            refund_no=getattr(request, "refund_no", ""),
            gateway_trade_no=event.gateway_trade_no or f"T-{request.payment_no}",
            amount_fen=amount_fen,
        )


BANK = FakeBank()


class FakeGateway(Gateway):
    code = "fake"
    label = "Fake"
    capabilities = Capabilities(
        methods=frozenset({"qr", "page", "wap"}),
        number=re.compile(r"[0-9A-Za-z]{1,64}"),
        min_fen=1,
        max_fen=10_000_000_000,
        can_close=True,
        partial_refund=True,
        refund_is_async=False,
        refund_notifies_payment_url=True,
        confirm_by_query=False,
        refund_window=timedelta(days=365),
        redirects_refunds=True,
    )
    SETTING_FIELDS = ()
    CREDENTIAL_FIELDS = ()

    def account_claims(self) -> Mapping[str, str]:
        return {"merchant": "ours"}

    def create(self, *, request: CreateRequest) -> tuple[GatewayEvent, NextAction]:
        event = BANK.answer("create", request, Outcome.PENDING)
        if event.outcome is not Outcome.PENDING:
            return event, NextAction()
        kind, data = ("qr", "content") if request.method == "qr" else ("redirect", "url")
        return event, NextAction(kind=kind, data={data: f"https://pay.example/{request.payment_no}"})  # type: ignore[arg-type]

    def query(self, *, ref: PaymentRef) -> GatewayEvent:
        return BANK.answer("query", ref, Outcome.NOT_FOUND)

    def close(self, *, ref: PaymentRef) -> GatewayEvent:
        return BANK.answer("close", ref, Outcome.CLOSED)

    def refund(self, *, request: RefundRequest) -> GatewayEvent:
        return BANK.answer("refund", request, Outcome.SUCCEEDED)

    def query_refund(self, *, ref: RefundRef) -> GatewayEvent:
        return BANK.answer("query_refund", ref, Outcome.NOT_FOUND)

    def redirect_refund(self, *, detour: RefundDetour) -> GatewayEvent:
        BANK.detours.append(detour)
        return BANK.answer("redirect_refund", detour.ref, Outcome.PENDING)

    def parse_notification(self, *, request: InboundRequest) -> GatewayEvent:
        match request.body:
            case b"forged":
                raise ForgedNotification
            case b"unknown key":
                raise UnknownKey("K2")
            case b"unreadable":
                raise Unreadable
        facts = json.loads(request.body)
        facts["kind"], facts["outcome"] = EventKind(facts["kind"]), Outcome(facts["outcome"])
        return GatewayEvent(**{"claims": {"merchant": "ours"}} | facts, raw=request.body)

    def acknowledge(self, *, event: GatewayEvent) -> Ack:
        return Ack(status=200, body=b"success", content_type="text/plain")

    def refuse(self, *, status: int) -> Ack:
        return Ack(status=status, body=b"failure", content_type="text/plain")

    def self_check(self, *, online: bool = False, notify_url: str = "") -> list[CheckResult]:
        return []


@contextmanager
def open_bank() -> Iterator[FakeBank]:
    """The fake gateway is registered for as long as the block lasts, and starts with a clean slate."""
    BANK.answers.clear()
    BANK.calls.clear()
    BANK.detours.clear()
    GATEWAYS[FakeGateway.code] = FakeGateway
    try:
        yield BANK
    finally:
        del GATEWAYS[FakeGateway.code]


def message(payment_no: str, **facts: Any) -> bytes:
    """The body of a notification of the fake gateway: a payment that succeeded, unless told otherwise."""
    told = {
        "kind": "payment",
        "event_key": f"payment:{payment_no}:{facts.get('outcome', 'succeeded')}",
        "payment_no": payment_no,
        "gateway_trade_no": f"T-{payment_no}",
        "amount_fen": 9_900,
        "outcome": "succeeded",
    }
    return json.dumps(told | facts).encode()
