"""
What every gateway must do, whichever it is: derive a class from `GatewayContract` and give it a fixture `rig`.

The rig holds the gateway's other side: a running simulator, whose own books are the independent witness here.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum
from time import monotonic, sleep
from typing import Protocol
from uuid import uuid4

import pytest

from kernel.clock import now
from payments.gateways import (
    CheckStatus,
    ConfigError,
    CreateRequest,
    EventKind,
    ForgedNotification,
    Gateway,
    GatewayEvent,
    InboundRequest,
    NextAction,
    Outcome,
    PaymentRef,
    RefundRef,
    RefundRequest,
    claim_problems,
)

PRICE_FEN = 9_900
PATIENCE = 10  # seconds until a refund must have come to an end


class Breakdown(StrEnum):
    """How a call goes wrong; where a gateway does what it was asked, and is not heard, that is part of the name."""

    DONE_AND_LOST = "done and lost"
    DONE_AND_BADLY_SIGNED = "done and badly signed"
    DONE_AND_CUT_SHORT = "done and cut short"
    SERVER_ERROR = "server error"
    UNAVAILABLE = "unavailable"


class Rig(Protocol):
    """One account at a gateway, and hands on the gateway's side of it."""

    @property
    def gateway(self) -> Gateway: ...

    @property
    def notify_url(self) -> str: ...

    def payer(self) -> str:
        """Who pays, for methods that ask for it."""

    def arrive(self, *, payment_no: str, action: NextAction) -> None:
        """The customer opens what he was given, and does not pay yet."""

    def pay(self, *, payment_no: str) -> None: ...

    def notifications(self, *, payment_no: str) -> list[InboundRequest]:
        """All that the gateway has sent about this payment, in order, once it has nothing more to send."""

    def resend(self, *, payment_no: str) -> None:
        """The gateway sends its latest news of this payment again, as after an answer that got lost."""

    def falsify(self, *, request: InboundRequest) -> list[InboundRequest]:
        """The same message with something changed after it was signed, in several ways."""

    def news_for_another_account(self, *, payment_no: str) -> InboundRequest:
        """A payment notification that the gateway signed, for somebody else's account."""

    def news_of_another_amount(self, *, payment_no: str, amount_fen: int) -> InboundRequest: ...

    def break_next_call(self, *, payment_no: str, how: Breakdown) -> None: ...

    def hold_refunds(self, *, payment_no: str) -> None:
        """Refunds are accepted, and no money moves."""

    def refunded_fen(self, *, payment_no: str) -> int:
        """By the gateway's own books."""

    def with_foreign_private_key(self) -> Gateway:
        """The same account with a private key whose public half the gateway does not have."""

    def with_foreign_platform_key(self) -> Gateway:
        """The same account with somebody else's key in place of the gateway's."""


class Attempt:
    """One payment, from our side."""

    def __init__(self, rig: Rig, *, method: str = "qr") -> None:
        self.rig, self.gateway = rig, rig.gateway
        self.number, self.created_at = f"C{uuid4().hex[:23]}", now()
        self.asked_at: dict[str, datetime] = {}
        self.trade_no = ""
        self.request = CreateRequest(
            payment_no=self.number,
            amount_fen=PRICE_FEN,
            subject='保温杯 "500ml" {白}',
            method=method,
            notify_url=rig.notify_url,
            return_url="https://shop.example/pay/",
            client_ip="203.0.113.9",
            payer_ref=rig.payer() if method in self.gateway.capabilities.asks_payer else "",
            created_at=self.created_at,
            expires_at=self.created_at + timedelta(minutes=15),
        )
        self.ref = PaymentRef(payment_no=self.number, created_at=self.created_at)

    @property
    def again(self) -> Outcome:
        """What comes of asking once more for what the gateway gave already."""
        return Outcome.PENDING if self.gateway.capabilities.repeats_codes else Outcome.UNKNOWN

    def create(self) -> tuple[GatewayEvent, NextAction]:
        return self.gateway.create(request=self.request)

    def open(self) -> Attempt:
        _event, action = self.create()
        self.rig.arrive(payment_no=self.number, action=action)
        return self

    def paid(self) -> Attempt:
        self.open()
        self.rig.pay(payment_no=self.number)
        self.trade_no = self.query().gateway_trade_no
        return self

    def query(self) -> GatewayEvent:
        return self.gateway.query(ref=self.ref)

    def close(self) -> GatewayEvent:
        return self.gateway.close(ref=self.ref)

    def refund(self, *, amount_fen: int, refund_no: str = "") -> GatewayEvent:
        number = refund_no or f"R{uuid4().hex[:23]}"
        return self.gateway.refund(
            request=RefundRequest(
                refund_no=number,
                payment_no=self.number,
                amount_fen=amount_fen,
                total_fen=PRICE_FEN,
                reason="质量问题",
                created_at=self.created_at,
                requested_at=self.asked_at.setdefault(number, now()),
                gateway_trade_no=self.trade_no,
                notify_url=self.rig.notify_url,
            )
        )

    def query_refund(self, *, refund_no: str) -> GatewayEvent:
        return self.gateway.query_refund(
            ref=RefundRef(
                refund_no=refund_no,
                payment_no=self.number,
                created_at=self.created_at,
                requested_at=self.asked_at.setdefault(refund_no, now()),
                gateway_trade_no=self.trade_no,
            )
        )

    def refund_ended(self, *, refund_no: str) -> GatewayEvent:
        """What a query says once the refund is on its way no more; some gateways take their time."""
        deadline = monotonic() + PATIENCE
        while (event := self.query_refund(refund_no=refund_no)).outcome is Outcome.PENDING and monotonic() < deadline:
            sleep(0.05)
        return event

    def news(self) -> list[GatewayEvent]:
        requests = self.rig.notifications(payment_no=self.number)
        return [self.gateway.parse_notification(request=request) for request in requests]

    def refunded_fen(self) -> int:
        return self.rig.refunded_fen(payment_no=self.number)


class CreateContract:
    def test_asks_for_money_and_says_what_the_customer_does_next(self, rig: Rig) -> None:
        for method in rig.gateway.capabilities.methods:
            event, action = Attempt(rig, method=method).create()

            assert (event.kind, event.outcome) == (EventKind.PAYMENT, Outcome.PENDING)
            assert action.kind != "none"
            assert action.data

    def test_leads_to_a_payment_by_every_method(self, rig: Rig) -> None:
        for method in rig.gateway.capabilities.methods:
            assert Attempt(rig, method=method).paid().query().outcome is Outcome.SUCCEEDED

    def test_may_be_repeated(self, rig: Rig) -> None:
        attempt = Attempt(rig)

        assert [attempt.create()[0].outcome for _again in range(2)] == [Outcome.PENDING, attempt.again]

    def test_fails_for_certain_where_the_gateway_would_refuse_the_amount(self, rig: Rig) -> None:
        attempt = Attempt(rig)
        attempt.request = replace(attempt.request, amount_fen=rig.gateway.capabilities.max_fen + 1)

        event, action = attempt.create()

        assert (event.outcome, action.kind) == (Outcome.FAILED, "none")

    @pytest.mark.parametrize("how", Breakdown)
    def test_is_unknown_when_no_believable_answer_comes(self, rig: Rig, how: Breakdown) -> None:
        attempt = Attempt(rig)
        rig.break_next_call(payment_no=attempt.number, how=how)

        event, action = attempt.create()

        assert (event.outcome, action.kind, bool(event.code)) == (Outcome.UNKNOWN, "none", True)
        assert attempt.create()[0].outcome in {Outcome.PENDING, attempt.again}  # and the number may be sent again


class QueryContract:
    def test_does_not_find_a_payment_that_nobody_made(self, rig: Rig) -> None:
        assert Attempt(rig).query().outcome is Outcome.NOT_FOUND

    def test_does_not_call_an_unpaid_one_failed_or_closed(self, rig: Rig) -> None:
        attempt = Attempt(rig)
        attempt.create()

        assert attempt.query().outcome in {Outcome.NOT_FOUND, Outcome.PENDING}

    def test_finds_one_that_waits_for_the_customer(self, rig: Rig) -> None:
        assert Attempt(rig).open().query().outcome is Outcome.PENDING

    def test_finds_the_money(self, rig: Rig) -> None:
        attempt = Attempt(rig).paid()

        event = attempt.query()

        assert (event.kind, event.outcome) == (EventKind.PAYMENT, Outcome.SUCCEEDED)
        assert (event.payment_no, event.amount_fen, event.currency) == (attempt.number, PRICE_FEN, "CNY")
        assert event.gateway_trade_no
        assert event.occurred_at is not None
        assert abs(event.occurred_at - now()) < timedelta(minutes=5)

    @pytest.mark.parametrize("how", Breakdown)
    def test_is_unknown_when_no_believable_answer_comes(self, rig: Rig, how: Breakdown) -> None:
        attempt = Attempt(rig).paid()
        rig.break_next_call(payment_no=attempt.number, how=how)

        assert [attempt.query().outcome for _again in range(2)] == [Outcome.UNKNOWN, Outcome.SUCCEEDED]


class CloseContract:
    def test_ends_an_unpaid_payment(self, rig: Rig) -> None:
        if not rig.gateway.capabilities.can_close:
            return
        attempt = Attempt(rig).open()

        assert (attempt.close().outcome, attempt.query().outcome) == (Outcome.CLOSED, Outcome.CLOSED)

    def test_never_says_closed_of_one_that_is_paid(self, rig: Rig) -> None:
        attempt = Attempt(rig).paid()

        assert attempt.close().outcome is Outcome.UNKNOWN
        assert attempt.query().outcome is Outcome.SUCCEEDED

    @pytest.mark.parametrize("how", Breakdown)
    def test_is_unknown_when_no_believable_answer_comes(self, rig: Rig, how: Breakdown) -> None:
        attempt = Attempt(rig).open()
        rig.break_next_call(payment_no=attempt.number, how=how)

        assert attempt.close().outcome is Outcome.UNKNOWN


class RefundContract:
    def test_gives_back_its_own_amount_each_time(self, rig: Rig) -> None:
        attempt = Attempt(rig).paid()
        for amount_fen, back_fen in ((1_000, 1_000), (2_500, 3_500), (6_400, 9_900)):
            number = f"R{uuid4().hex[:23]}"
            event = attempt.refund(amount_fen=amount_fen, refund_no=number)

            settled = event if event.outcome is Outcome.SUCCEEDED else attempt.refund_ended(refund_no=number)
            assert (settled.kind, settled.outcome) == (EventKind.REFUND, Outcome.SUCCEEDED)
            assert (settled.refund_no, settled.amount_fen) == (number, amount_fen)
            assert attempt.refunded_fen() == back_fen

    def test_gives_back_once_under_one_number(self, rig: Rig) -> None:
        attempt, number = Attempt(rig).paid(), f"R{uuid4().hex[:23]}"

        outcomes = [attempt.refund(amount_fen=1_000, refund_no=number).outcome for _again in range(3)]
        outcomes.append(attempt.refund_ended(refund_no=number).outcome)

        assert attempt.refunded_fen() == 1_000
        assert Outcome.FAILED not in outcomes

    def test_is_settled_by_a_query_when_the_answer_was_lost(self, rig: Rig) -> None:
        attempt, number = Attempt(rig).paid(), f"R{uuid4().hex[:23]}"
        rig.break_next_call(payment_no=attempt.number, how=Breakdown.DONE_AND_LOST)

        assert attempt.refund(amount_fen=1_000, refund_no=number).outcome is Outcome.UNKNOWN

        event = attempt.refund_ended(refund_no=number)
        assert (event.outcome, event.amount_fen) == (Outcome.SUCCEEDED, 1_000)
        assert attempt.refunded_fen() == 1_000

    @pytest.mark.parametrize("how", Breakdown)
    def test_is_unknown_when_no_believable_answer_comes(self, rig: Rig, how: Breakdown) -> None:
        attempt = Attempt(rig).paid()
        rig.break_next_call(payment_no=attempt.number, how=how)

        assert attempt.refund(amount_fen=1_000).outcome is Outcome.UNKNOWN

    def test_is_not_done_because_it_was_accepted(self, rig: Rig) -> None:
        attempt, number = Attempt(rig).paid(), f"R{uuid4().hex[:23]}"
        rig.hold_refunds(payment_no=attempt.number)

        outcomes = {
            attempt.refund(amount_fen=1_000, refund_no=number).outcome,
            attempt.query_refund(refund_no=number).outcome,
        }

        assert outcomes <= {Outcome.UNKNOWN, Outcome.PENDING, Outcome.NOT_FOUND}
        assert attempt.refunded_fen() == 0

    def test_fails_where_it_is_more_than_was_paid(self, rig: Rig) -> None:
        attempt = Attempt(rig).paid()

        assert attempt.refund(amount_fen=PRICE_FEN + 1).outcome is Outcome.FAILED
        assert attempt.refunded_fen() == 0

    def test_that_nobody_asked_for_is_not_found(self, rig: Rig) -> None:
        attempt = Attempt(rig).paid()
        attempt.asked_at["R000000000000000"] = now() - timedelta(hours=1)  # what was just asked for may be on its way

        assert attempt.query_refund(refund_no="R000000000000000").outcome is Outcome.NOT_FOUND


class NotificationContract:
    def test_of_a_payment_tells_what_a_query_tells(self, rig: Rig) -> None:
        attempt = Attempt(rig).paid()

        (event,) = attempt.news()
        queried = attempt.query()

        assert (event.kind, event.outcome) == (EventKind.PAYMENT, Outcome.SUCCEEDED)
        for name in ("payment_no", "gateway_trade_no", "amount_fen", "currency", "occurred_at"):
            assert getattr(event, name) == getattr(queried, name)

    def test_is_this_accounts(self, rig: Rig) -> None:
        attempt = Attempt(rig).paid()

        assert all(
            claim_problems(expected=rig.gateway.account_claims(), claims=event.claims) == () for event in attempt.news()
        )

    def test_for_another_account_shows_it(self, rig: Rig) -> None:
        request = rig.news_for_another_account(payment_no=Attempt(rig).open().number)

        event = rig.gateway.parse_notification(request=request)

        assert claim_problems(expected=rig.gateway.account_claims(), claims=event.claims)

    def test_sent_again_has_the_same_key(self, rig: Rig) -> None:
        attempt = Attempt(rig).paid()
        attempt.news()
        rig.resend(payment_no=attempt.number)

        events = attempt.news()

        assert len(events) == 2
        assert len({event.event_key for event in events}) == 1
        assert events[0].event_key

    def test_of_another_amount_tells_that_amount(self, rig: Rig) -> None:
        attempt = Attempt(rig).open()

        request = rig.news_of_another_amount(payment_no=attempt.number, amount_fen=PRICE_FEN + 1)

        assert rig.gateway.parse_notification(request=request).amount_fen == PRICE_FEN + 1

    def test_that_was_changed_is_refused(self, rig: Rig) -> None:
        attempt = Attempt(rig).paid()
        (honest,) = rig.notifications(payment_no=attempt.number)

        forgeries = rig.falsify(request=honest)

        assert len(forgeries) > 2
        for forged in forgeries:
            with pytest.raises(ForgedNotification):
                rig.gateway.parse_notification(request=forged)

    def test_of_a_refund_is_no_payment_and_has_a_key_of_its_own(self, rig: Rig) -> None:
        attempt, number, rest = Attempt(rig).paid(), f"R{uuid4().hex[:23]}", f"R{uuid4().hex[:23]}"
        for refund_no, amount_fen in ((number, 1_000), (rest, PRICE_FEN - 1_000)):
            attempt.refund(amount_fen=amount_fen, refund_no=refund_no)
            attempt.refund_ended(refund_no=refund_no)

        payment, *refunds = attempt.news()

        assert [event.kind for event in (payment, *refunds)] == [
            EventKind.PAYMENT,
            EventKind.REFUND,
            EventKind.REFUND,
        ]
        assert refunds[0].refund_no == number
        assert all(event.payment_no == attempt.number for event in refunds)
        assert len({event.event_key for event in (payment, *refunds)}) == 3

    def test_is_acknowledged_with_2xx_and_refused_with_what_makes_it_come_again(self, rig: Rig) -> None:
        (event,) = Attempt(rig).paid().news()

        assert 200 <= rig.gateway.acknowledge(event=event).status < 300
        assert rig.gateway.refuse(status=503).status == 503


class AccountContract:
    def test_in_order_passes_its_self_check(self, rig: Rig) -> None:
        checks = rig.gateway.self_check(online=True, notify_url=rig.notify_url)

        assert {check.code: check.meaning for check in checks if check.status is not CheckStatus.OK} == {}
        assert "online" in {check.code for check in checks}

    def test_with_a_foreign_private_key_is_told_so_on_every_call(self, rig: Rig) -> None:
        gateway, attempt = rig.with_foreign_private_key(), Attempt(rig).paid()

        with pytest.raises(ConfigError) as told:
            gateway.query(ref=attempt.ref)

        assert told.value.field == "private_key"
        online = [check for check in gateway.self_check(online=True) if check.code == "online"]
        assert [check.status for check in online] == [CheckStatus.ERROR]

    def test_with_a_foreign_platform_key_believes_nothing(self, rig: Rig) -> None:
        gateway, attempt = rig.with_foreign_platform_key(), Attempt(rig).paid()
        (honest,) = rig.notifications(payment_no=attempt.number)

        assert gateway.query(ref=attempt.ref).outcome is Outcome.UNKNOWN
        with pytest.raises(ForgedNotification):
            gateway.parse_notification(request=honest)
        online = [check for check in gateway.self_check(online=True) if check.code == "online"]
        assert [check.status for check in online] == [CheckStatus.ERROR]


class GatewayContract(
    CreateContract, QueryContract, CloseContract, RefundContract, NotificationContract, AccountContract
):
    pass
