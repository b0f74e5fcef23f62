"""The bank's side of it, in memory, with its own books."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kernel.clock import now
from payments.gateways import AccountConfig, Environment, InboundRequest, NextAction
from payments.gateways.transport import Response, TransportError
from tests.gateways.contract import Breakdown

from .gateway import BankGateway, signature

OURS, BANKS = "our secret", "the bank's secret"
NOTIFY_URL = "https://shop.example/webhooks/k/"


@dataclass
class Trade:
    payment_no: str
    amount_fen: int
    state: str = "open"
    at: str = ""
    refunds: dict[str, int] = field(default_factory=dict)

    @property
    def refunded_fen(self) -> int:
        return sum(self.refunds.values())


class Bank:
    """A Transport that leads straight to the bank's books."""

    def __init__(self) -> None:
        self.trades: dict[str, Trade] = {}
        self.breaks: dict[str, Breakdown] = {}
        self.held: set[str] = set()
        self.sent: defaultdict[str, list[InboundRequest]] = defaultdict(list)

    def send(self, *, method: str, url: str, headers: Mapping[str, str], content: bytes) -> Response:
        if headers["x-sign"] != signature(OURS, content):
            return Response(status=401, headers={}, body=b"")
        asked = json.loads(content)
        how = self.breaks.pop(asked["payment_no"], None)
        if how in (Breakdown.SERVER_ERROR, Breakdown.UNAVAILABLE):
            return Response(status=500 if how is Breakdown.SERVER_ERROR else 503, headers={}, body=b"")
        body = json.dumps({"payment_no": asked["payment_no"], **getattr(self, asked["act"])(asked)}).encode()
        if how is Breakdown.DONE_AND_LOST:
            raise TransportError("transport.timeout", "lost")
        sign = "0" * 64 if how is Breakdown.DONE_AND_BADLY_SIGNED else signature(BANKS, body)
        return Response(
            status=200,
            headers={"x-bank-sign": sign},
            body=body[:-3] if how is Breakdown.DONE_AND_CUT_SHORT else body,
        )

    # ------------------------------------------------------------------ what it is asked

    def create(self, asked: dict[str, Any]) -> dict[str, Any]:
        self.trades.setdefault(asked["payment_no"], Trade(asked["payment_no"], asked["amount_fen"]))
        return {"state": "open"}

    def query(self, asked: dict[str, Any]) -> dict[str, Any]:
        trade = self.trades.get(asked["payment_no"])
        return self._told(trade) if trade else {"state": "unknown number"}

    def close(self, asked: dict[str, Any]) -> dict[str, Any]:
        trade = self.trades[asked["payment_no"]]
        trade.state = "closed" if trade.state == "open" else trade.state
        return self._told(trade)

    def refund(self, asked: dict[str, Any]) -> dict[str, Any]:
        trade, number = self.trades[asked["payment_no"]], asked["refund_no"]
        if trade.payment_no in self.held:
            return {"state": "accepted", "refund_no": number}
        if number not in trade.refunds:
            if trade.refunded_fen + asked["amount_fen"] > trade.amount_fen:
                return {"state": "refused", "refund_no": number}
            trade.refunds[number] = asked["amount_fen"]
            self.notify(trade, refund_no=number)
        return self.query_refund(asked)

    def query_refund(self, asked: dict[str, Any]) -> dict[str, Any]:
        trade, number = self.trades[asked["payment_no"]], asked["refund_no"]
        state = {"state": "refunded" if number in trade.refunds else "unknown number", "refund_no": number}
        return {**state, "amount_fen": trade.refunds.get(number, 0), "at": trade.at}

    # ------------------------------------------------------------------ what it tells

    def pay(self, payment_no: str) -> None:
        trade = self.trades[payment_no]
        trade.state, trade.at = "paid", now().isoformat()
        self.notify(trade)

    def notify(self, trade: Trade, **changes: Any) -> InboundRequest:
        told = {"merchant": "shop", **self._told(trade)} | changes
        if "refund_no" in changes:
            told |= {"state": "refunded", "amount_fen": trade.refunds[changes["refund_no"]]}
        request = signed(told)
        if "merchant" not in changes and "amount_fen" not in changes:
            self.sent[trade.payment_no].append(request)
        return request

    def _told(self, trade: Trade) -> dict[str, Any]:
        paid = {"trade_no": f"B-{trade.payment_no}", "at": trade.at} if trade.at else {}
        told = {"payment_no": trade.payment_no, "amount_fen": trade.amount_fen, "state": trade.state}
        return told | paid


def signed(told: Mapping[str, Any]) -> InboundRequest:
    body = json.dumps(told).encode()
    return InboundRequest(headers={"X-Bank-Sign": signature(BANKS, body)}, body=body, received_at=now())


@dataclass
class BankRig:
    """For the contract that every gateway must keep."""

    bank: Bank = field(default_factory=Bank)
    notify_url: str = NOTIFY_URL

    @property
    def gateway(self) -> BankGateway:
        return self._gateway()

    def payer(self) -> str:
        return ""

    def arrive(self, *, payment_no: str, action: NextAction) -> None:
        assert action.data["content"].endswith(payment_no)

    def pay(self, *, payment_no: str) -> None:
        self.bank.pay(payment_no)

    def notifications(self, *, payment_no: str) -> list[InboundRequest]:
        return self.bank.sent[payment_no]

    def resend(self, *, payment_no: str) -> None:
        self.bank.sent[payment_no].append(self.bank.sent[payment_no][-1])

    def falsify(self, *, request: InboundRequest) -> list[InboundRequest]:
        changed = [request.body.replace(b"9900", b"9901"), request.body.replace(b"paid", b"open"), request.body + b" "]
        forged = [InboundRequest(headers=request.headers, body=body, received_at=now()) for body in changed]
        return [*forged, InboundRequest(headers={}, body=request.body, received_at=now())]

    def news_for_another_account(self, *, payment_no: str) -> InboundRequest:
        return self.bank.notify(self.bank.trades[payment_no], merchant="another", state="paid")

    def news_of_another_amount(self, *, payment_no: str, amount_fen: int) -> InboundRequest:
        return self.bank.notify(self.bank.trades[payment_no], amount_fen=amount_fen, state="paid")

    def break_next_call(self, *, payment_no: str, how: Breakdown) -> None:
        self.bank.breaks[payment_no] = how

    def hold_refunds(self, *, payment_no: str) -> None:
        self.bank.held.add(payment_no)

    def refunded_fen(self, *, payment_no: str) -> int:
        return self.bank.trades[payment_no].refunded_fen

    def with_foreign_private_key(self) -> BankGateway:
        return self._gateway(private_key="another's")

    def with_foreign_platform_key(self) -> BankGateway:
        return self._gateway(bank_key="another's")

    def _gateway(self, **keys: str) -> BankGateway:
        config = AccountConfig(
            environment=Environment.SANDBOX,
            settings={"merchant": "shop"},
            credentials={"private_key": OURS, "bank_key": BANKS, **keys},
        )
        return BankGateway(config=config, transport=self.bank)
