from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
import time_machine

from orders import services as orders
from orders.models import Order
from payments.gateways import Outcome
from payments.models import Payment, UnappliedMoney
from payments.services import (
    AttemptStillOpen,
    CustomerIsPaying,
    OrderJustPaid,
    close_attempt,
    release_for_edit,
    run_query_ladder,
    settle,
)
from tests.factories import OrderFactory, PaymentFactory, UserFactory, report_on
from tests.helpers import NOON, drain, frozen
from tests.payments.fakes import FakeBank

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    with frozen() as clock:
        yield clock


def request_closing(order: Order, *, reason: str = "canceled_by_merchant") -> None:
    orders.request_closing(order_id=order.pk, reason=reason, by=UserFactory.create(is_superuser=True), at=NOON)


def category(order: Order) -> str:
    order.refresh_from_db()
    return str(order.category)


class TestClosingAnOrder:
    def test_closes_at_once_what_nobody_tried_to_pay(self, bank: FakeBank) -> None:
        order = OrderFactory.create()

        request_closing(order)
        drain(NOON)

        assert (category(order), order.close_reason) == ("closed", "canceled_by_merchant")
        assert not bank.calls

    def test_asks_the_gateway_to_close_before_it_closes(self, bank: FakeBank) -> None:
        payment = PaymentFactory.create()
        bank.say("close", Outcome.CLOSED)

        request_closing(payment.order)
        drain(NOON)

        payment.refresh_from_db()
        assert (category(payment.order), payment.status) == ("closed", "canceled")
        assert len(bank.asked("close")) == 1

    def test_closes_every_open_attempt_first(self, bank: FakeBank) -> None:
        first = PaymentFactory.create(method="qr")
        PaymentFactory.create(order=first.order, account=first.account, method="page")
        bank.say("close", Outcome.CLOSED, Outcome.UNKNOWN)
        bank.say("query", Outcome.PENDING)

        request_closing(first.order)
        drain(NOON)

        assert category(first.order) == "pending_payment"  # the second can still be paid

    def test_keeps_an_order_open_whose_code_was_never_scanned_until_it_cannot_be_any_more(
        self, bank: FakeBank, clock: time_machine.Traveller
    ) -> None:
        payment = PaymentFactory.create()
        bank.say("close", Outcome.NOT_FOUND)
        bank.say("query", Outcome.NOT_FOUND)
        request_closing(payment.order)
        drain(NOON)
        assert category(payment.order) == "pending_payment"

        clock.move_to(NOON + timedelta(minutes=31, seconds=59))
        drain(NOON + timedelta(minutes=31, seconds=59))
        assert category(payment.order) == "pending_payment"

        clock.move_to(NOON + timedelta(minutes=32))
        drain(NOON + timedelta(minutes=32))
        assert (category(payment.order), payment.order.close_reason) == ("closed", "canceled_by_merchant")

    def test_keeps_an_order_open_while_the_gateway_is_silent(
        self, bank: FakeBank, clock: time_machine.Traveller
    ) -> None:
        payment = PaymentFactory.create()
        bank.say("close", Outcome.UNKNOWN)
        bank.say("query", Outcome.UNKNOWN)

        request_closing(payment.order)
        clock.move_to(NOON + timedelta(hours=3))
        drain(NOON + timedelta(hours=3))

        assert category(payment.order) == "pending_payment"

    def test_lets_the_money_win_that_the_gateway_had_all_along(self, bank: FakeBank) -> None:
        payment = PaymentFactory.create()
        bank.say("close", Outcome.UNKNOWN)
        bank.say("query", Outcome.SUCCEEDED, amount_fen=payment.amount_fen)

        request_closing(payment.order)
        drain(NOON)

        assert (category(payment.order), payment.order.payment_status) == ("awaiting_fulfillment", "paid")

    def test_lets_the_money_win_that_lands_between_the_request_and_the_answer(self, bank: FakeBank) -> None:
        payment = PaymentFactory.create()
        request_closing(payment.order)
        settle(report=report_on(payment), account_id=payment.account_id, at=NOON)

        drain(NOON)

        assert category(payment.order) == "awaiting_fulfillment"

    def test_books_money_that_lands_after_the_closing(self, bank: FakeBank) -> None:
        payment = PaymentFactory.create()
        bank.say("close", Outcome.CLOSED)
        request_closing(payment.order)
        drain(NOON)

        settle(report=report_on(payment), account_id=payment.account_id, at=NOON)

        assert (category(payment.order), UnappliedMoney.objects.get().reason) == ("closed", "order_closed")

    def test_closes_what_nobody_paid_in_time(self, bank: FakeBank, clock: time_machine.Traveller) -> None:
        payment = PaymentFactory.create()
        moment = NOON + timedelta(minutes=33)
        clock.move_to(moment)
        bank.say("close", Outcome.NOT_FOUND)
        bank.say("query", Outcome.NOT_FOUND)

        orders.request_overdue_closings(at=moment, limit=10)
        drain(moment)

        assert (category(payment.order), payment.order.close_reason) == ("closed", "payment_timeout")

    def test_closes_an_order_whose_attempt_was_paid_with_another_sum(self) -> None:
        payment = PaymentFactory.create()
        request_closing(payment.order)
        kept = settle(report=report_on(payment, amount_fen=1), account_id=payment.account_id, at=NOON)

        drain(NOON)

        assert isinstance(kept, UnappliedMoney)
        assert (category(payment.order), kept.payment) == ("closed", payment)

    def test_closes_later_an_order_that_got_another_sum_first(self) -> None:
        payment = PaymentFactory.create()
        settle(report=report_on(payment, amount_fen=1), account_id=payment.account_id, at=NOON)
        drain(NOON)
        assert category(payment.order) == "pending_payment"

        request_closing(payment.order)
        drain(NOON)

        assert category(payment.order) == "closed"


class TestReleaseForEdit:
    def test_closes_the_open_attempt_so_that_the_price_may_change(self, bank: FakeBank) -> None:
        payment = PaymentFactory.create()
        bank.say("close", Outcome.CLOSED)

        release_for_edit(order_id=payment.order_id, at=NOON)

        payment.refresh_from_db()
        assert payment.status == "canceled"
        orders.check_edit_guards(payment.order)

    def test_guards_an_order_that_can_still_be_paid(self) -> None:
        payment = PaymentFactory.create()

        with pytest.raises(AttemptStillOpen, match=r"99\.00"):
            orders.check_edit_guards(payment.order)

    def test_withdraws_a_code_that_was_never_scanned(self, bank: FakeBank) -> None:
        payment = PaymentFactory.create()
        bank.say("close", Outcome.NOT_FOUND)
        bank.say("query", Outcome.NOT_FOUND)

        release_for_edit(order_id=payment.order_id, at=NOON)

        payment.refresh_from_db()
        assert (payment.status, payment.withdrawn_at) == ("pending", NOON)
        orders.check_edit_guards(payment.order)

    def test_keeps_money_that_comes_by_a_withdrawn_code_at_the_old_price(self, bank: FakeBank) -> None:
        payment = PaymentFactory.create(order__total_fen=9_900, withdrawn_at=NOON)
        Order.objects.filter(pk=payment.order_id).update(subtotal_fen=12_000, total_fen=12_000)

        kept = settle(report=report_on(payment), account_id=payment.account_id, at=NOON)

        assert isinstance(kept, UnappliedMoney)
        payment.refresh_from_db()
        assert (kept.reason, payment.status) == ("other_amount", "succeeded")

    def test_takes_money_by_a_withdrawn_code_where_the_sum_still_fits(self) -> None:
        payment = PaymentFactory.create(withdrawn_at=NOON)

        assert settle(report=report_on(payment), account_id=payment.account_id, at=NOON) == payment

    @pytest.mark.parametrize("outcome", [Outcome.UNKNOWN, Outcome.PENDING])
    def test_refuses_while_the_gateway_does_not_say_that_it_is_closed(self, bank: FakeBank, outcome: Outcome) -> None:
        payment = PaymentFactory.create()
        bank.say("close", Outcome.UNKNOWN)
        bank.say("query", outcome)

        with pytest.raises(CustomerIsPaying, match=payment.payment_no):
            release_for_edit(order_id=payment.order_id, at=NOON)

        with pytest.raises(AttemptStillOpen):
            orders.check_edit_guards(payment.order)

    def test_says_that_the_customer_was_faster(self, bank: FakeBank) -> None:
        payment = PaymentFactory.create()
        bank.say("close", Outcome.UNKNOWN)
        bank.say("query", Outcome.SUCCEEDED, amount_fen=payment.amount_fen)

        with pytest.raises(OrderJustPaid):
            release_for_edit(order_id=payment.order_id, at=NOON)

    def test_closing_one_attempt_leaves_the_order_open(self, bank: FakeBank) -> None:
        payment = PaymentFactory.create()

        assert close_attempt(payment_id=payment.pk, at=NOON).status == "canceled"

        drain(NOON)
        assert category(payment.order) == "pending_payment"

    def test_an_attempt_that_was_withdrawn_is_followed_to_its_end(
        self, bank: FakeBank, clock: time_machine.Traveller
    ) -> None:
        payment = PaymentFactory.create(withdrawn_at=NOON, closing=True)
        bank.say("close", Outcome.NOT_FOUND)
        bank.say("query", Outcome.SUCCEEDED, amount_fen=payment.amount_fen)

        clock.shift(3)
        run_query_ladder(at=NOON + timedelta(seconds=3), limit=10)

        assert Payment.objects.get().status == "succeeded"
