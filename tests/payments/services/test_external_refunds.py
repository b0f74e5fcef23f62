from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db.models import Sum

from payments.gateways import Outcome
from payments.models import LedgerLine, Notification, Payment, Refund, UnappliedMoney
from payments.services import Share, apply_notifications, request_refund, resolve_refunds, settle
from tests.factories import PaymentFactory, paid_payment, report_on
from tests.helpers import NOON, frozen
from tests.payments.fakes import FakeBank, message
from tests.payments.services.test_notifications import post

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    with frozen() as clock:
        yield clock


def tell(payment: Payment, refund_no: str, **facts: Any) -> Notification:
    """A refund as Alipay tells it: the running total, and not what this one was."""
    told = {
        "kind": "refund",
        "event_key": f"refund:{payment.payment_no}:{refund_no}:{facts}",
        "refund_no": refund_no,
        "gateway_trade_no": payment.gateway_trade_no or f"T{payment.pk}",
        "amount_fen": 0,
    }
    assert post(payment.account, message(payment.payment_no, **told | facts))[0] == 200
    apply_notifications(at=NOON, limit=10)
    return Notification.objects.latest("pk")


def fen_of(account: str) -> int:
    return LedgerLine.objects.filter(account=account).aggregate(fen=Sum("amount_fen"))["fen"] or 0


class TestNewsOfOurOwnRefund:
    def test_is_settled_by_asking_the_gateway(self, bank: FakeBank) -> None:
        bank.say("refund", Outcome.UNKNOWN)
        bank.say("query_refund", Outcome.SUCCEEDED, amount_fen=100)
        payment = paid_payment()
        share = Share(amount_fen=100)
        refund = request_refund(payment_id=payment.pk, share=share, reason="x", key="k", by=None, at=NOON)
        resolve_refunds(at=NOON, limit=10)

        assert tell(payment, refund.refund_no, refunded_total_fen=100).state == "applied"
        resolve_refunds(at=NOON, limit=10)

        refund.refresh_from_db()
        assert (refund.status, Refund.objects.count()) == ("succeeded", 1)

    def test_is_nothing_new_once_it_is_booked(self, bank: FakeBank) -> None:
        payment = paid_payment()
        share = Share(amount_fen=100)
        refund = request_refund(payment_id=payment.pk, share=share, reason="x", key="k", by=None, at=NOON)
        resolve_refunds(at=NOON, limit=10)

        assert tell(payment, refund.refund_no, refunded_total_fen=100).state == "duplicate"

    def test_never_looks_like_a_payment(self, bank: FakeBank) -> None:
        payment = paid_payment()

        tell(payment, "", refunded_total_fen=0)

        assert not UnappliedMoney.objects.exists()


class TestARefundMadeAtTheGatewaysConsole:
    def test_is_booked_as_money_that_went_back(self, bank: FakeBank) -> None:
        bank.say("query_refund", Outcome.SUCCEEDED, amount_fen=2_500)
        payment = paid_payment()

        row = tell(payment, "CONSOLE-1", refunded_total_fen=2_500)

        payment.refresh_from_db()
        payment.order.refresh_from_db()
        refund = Refund.objects.get()
        assert (row.state, row.verdicts["result"], refund.gateway_refund_no) == (
            "applied",
            "refund_external",
            "CONSOLE-1",
        )
        assert (payment.refunded_fen, payment.order.refunded_fen, fen_of("clearing")) == (2_500, 2_500, 7_400)

    def test_is_known_by_the_number_that_the_gateway_gave_the_payment(self, bank: FakeBank) -> None:
        """News of a refund by UnionPay names no number of ours."""
        payment = paid_payment()
        told = {"kind": "refund", "event_key": "refund:1", "refund_no": "CONSOLE-1", "amount_fen": 2_500}

        post(payment.account, message("", gateway_trade_no=payment.gateway_trade_no, **told))
        apply_notifications(at=NOON, limit=10)

        payment.refresh_from_db()
        assert (Notification.objects.get().state, payment.refunded_fen) == ("applied", 2_500)

    def test_of_which_no_number_is_known_waits(self, bank: FakeBank) -> None:
        PaymentFactory.create()
        told = {"kind": "refund", "event_key": "refund:1", "refund_no": "CONSOLE-1", "amount_fen": 2_500}

        post(PaymentFactory.create().account, message("", gateway_trade_no="", **told))
        apply_notifications(at=NOON, limit=10)

        assert (Notification.objects.get().state, Refund.objects.count()) == ("parked", 0)

    def test_is_booked_once(self, bank: FakeBank) -> None:
        bank.say("query_refund", Outcome.SUCCEEDED, amount_fen=2_500)
        payment = paid_payment()

        tell(payment, "CONSOLE-1", refunded_total_fen=2_500)
        row = tell(payment, "CONSOLE-1", refunded_total_fen=2_500, native_state="told otherwise")

        assert (row.state, Refund.objects.count()) == ("duplicate", 1)

    def test_of_the_same_number_as_another_payments_is_another_refund(self, bank: FakeBank) -> None:
        """Alipay asks for numbers that differ within a trade, and no more: both may be the first of their trade."""
        bank.say("query_refund", Outcome.SUCCEEDED, amount_fen=2_500)
        first = paid_payment()
        second = paid_payment(account=first.account)

        tell(first, "CONSOLE-1", refunded_total_fen=2_500)
        row = tell(second, "CONSOLE-1", refunded_total_fen=2_500)

        second.refresh_from_db()
        assert (row.state, second.refunded_fen, Refund.objects.count()) == ("applied", 2_500, 2)

    def test_takes_the_goods_first_and_the_rest_from_the_shipping_fee(self, bank: FakeBank) -> None:
        bank.say("query_refund", Outcome.SUCCEEDED, amount_fen=9_500)
        payment = paid_payment(order__total_fen=9_900, order__shipping_fen=900)

        tell(payment, "CONSOLE-1", refunded_total_fen=9_500)

        payment.order.refresh_from_db()
        assert (payment.order.shipping_refunded_fen, Refund.objects.get().shipping_fen) == (500, 500)

    def test_waits_until_the_gateway_says_how_much_it_was(self, bank: FakeBank) -> None:
        bank.say("query_refund", Outcome.UNKNOWN, Outcome.SUCCEEDED, amount_fen=2_500)
        payment = paid_payment()

        assert tell(payment, "CONSOLE-1", refunded_total_fen=2_500).state == "parked"
        with frozen(NOON + timedelta(seconds=10)):
            apply_notifications(at=NOON + timedelta(seconds=10), limit=10)

        assert Refund.objects.get().amount_fen == 2_500

    def test_is_parked_and_not_booked_where_it_is_more_than_is_left(self, bank: FakeBank) -> None:
        bank.say("query_refund", Outcome.SUCCEEDED, amount_fen=9_901)
        payment = paid_payment()

        row = tell(payment, "CONSOLE-1", refunded_total_fen=9_901)

        assert (row.state, Refund.objects.count()) == ("parked", 0)

    def test_takes_money_in_suspense_from_there(self, bank: FakeBank) -> None:
        bank.say("query_refund", Outcome.SUCCEEDED, amount_fen=9_900)
        payment = PaymentFactory.create(order__category="closed")
        settle(report=report_on(payment), account_id=payment.account_id, at=NOON)

        tell(payment, "CONSOLE-1", refunded_total_fen=9_900)

        payment.refresh_from_db()
        payment.order.refresh_from_db()
        money = UnappliedMoney.objects.get()
        assert (money.resolution, payment.refunded_fen, payment.order.refunded_fen) == ("refund", 9_900, 0)
        assert (fen_of("suspense"), fen_of("clearing")) == (0, 0)


class TestARefundToldBeforeItsPayment:
    def test_is_parked_and_applied_once_the_payment_is_booked(self, bank: FakeBank) -> None:
        bank.say("query_refund", Outcome.SUCCEEDED, amount_fen=2_500)
        payment = PaymentFactory.create()

        row = tell(payment, "CONSOLE-1", refunded_total_fen=2_500)
        assert (row.state, Refund.objects.count()) == ("parked", 0)
        payment.refresh_from_db()
        assert payment.query_due_at == NOON  # the gateway is asked at once

        settle(report=report_on(payment), account_id=payment.account_id, at=NOON)
        with frozen(NOON + timedelta(seconds=10)):
            apply_notifications(at=NOON + timedelta(seconds=10), limit=10)

        row.refresh_from_db()
        payment.order.refresh_from_db()
        assert (row.state, payment.order.payment_status) == ("applied", "partially_refunded")

    def test_of_a_number_we_never_gave_out_stays_parked(self, bank: FakeBank) -> None:
        payment = PaymentFactory.build(
            payment_no="P404", account=PaymentFactory.create().account, pk=9, order=None, amount_fen=1, expires_at=NOON
        )

        row = tell(payment, "X", refunded_total_fen=1)

        assert (row.state, "P404" in row.last_error) == ("parked", True)
