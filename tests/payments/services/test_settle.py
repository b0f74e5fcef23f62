from __future__ import annotations

from typing import Any

import pytest
from django.db.models import Sum

from kernel.models import Alert
from orders.models import Order
from payments.events import MoneyUnapplied, PaymentSucceeded
from payments.gateways import Outcome
from payments.models import LedgerEntry, LedgerLine, Payment, UnappliedMoney
from payments.services import PaymentNotFound, settle
from tests.factories import AccountFactory, PaymentFactory, report_on
from tests.helpers import NOON, count_published, drain, frozen, ringing
from tests.payments.fakes import FakeBank

pytestmark = pytest.mark.django_db

Status = Payment.Status
Reason = UnappliedMoney.Reason


def tell(payment: Payment, *, outcome: Outcome = Outcome.SUCCEEDED, **facts: Any) -> Payment | UnappliedMoney:
    return settle(report=report_on(payment, outcome=outcome, **facts), account_id=payment.account_id, at=NOON)


def balance_fen(account: str) -> int:
    lines = LedgerLine.objects.filter(account=account)
    return lines.aggregate(fen=Sum("amount_fen"))["fen"] or 0


class TestSettle:
    def test_pays_the_order_once_however_often_it_is_told(self) -> None:
        payment = PaymentFactory.create(order__total_fen=9_900)

        assert [tell(payment) for _ in range(3)] == [payment] * 3

        payment.order.refresh_from_db()
        assert (payment.order.payment_status, payment.order.paid_fen) == ("paid", 9_900)
        assert (payment.order.category, balance_fen("clearing")) == ("awaiting_fulfillment", 9_900)
        assert count_published(PaymentSucceeded) == 1  # three reports, one event

    @pytest.mark.parametrize("outcome", [it for it in Outcome if it is not Outcome.SUCCEEDED])
    def test_pays_nothing_on_any_other_outcome(self, outcome: Outcome) -> None:
        payment = PaymentFactory.create()

        tell(payment, outcome=outcome)

        payment.order.refresh_from_db()
        assert (payment.order.payment_status, LedgerEntry.objects.count()) == ("unpaid", 0)

    @pytest.mark.parametrize("amount_fen", [9_899, 9_901])
    def test_keeps_another_amount_in_suspense_and_the_order_unpaid(self, amount_fen: int) -> None:
        payment = PaymentFactory.create(order__total_fen=9_900)

        kept = tell(payment, amount_fen=amount_fen)

        payment.refresh_from_db()
        payment.order.refresh_from_db()
        assert isinstance(kept, UnappliedMoney)
        assert (kept.reason, kept.proposed_action) == (Reason.OTHER_AMOUNT, "refund")
        assert (payment.order.payment_status, -balance_fen("suspense")) == ("unpaid", amount_fen)
        assert (payment.status, payment.query_due_at) == (Status.FAILED, None)  # it can collect no more
        assert kept.payment == payment

    def test_says_when_a_gateway_tells_of_one_trade_with_another_sum(self) -> None:
        payment = PaymentFactory.create()
        tell(payment)

        assert tell(payment, amount_fen=9_901) == payment

        alert = Alert.objects.get(kind="payments.other_sum")
        assert (alert.severity, balance_fen("clearing")) == ("critical", 9_900)

    @pytest.mark.parametrize(("price_fen", "reason"), [(8_000, "other_amount"), (12_000, "other_amount")])
    def test_keeps_the_old_price_in_suspense_once_the_order_costs_another(self, price_fen: int, reason: str) -> None:
        payment = PaymentFactory.create(order__total_fen=9_900, status=Status.CANCELED)
        Order.objects.filter(pk=payment.order_id).update(subtotal_fen=price_fen, total_fen=price_fen)

        kept = tell(payment)

        assert isinstance(kept, UnappliedMoney)
        payment.order.refresh_from_db()
        assert (kept.reason, payment.order.paid_fen) == (reason, 0)

    def test_has_other_open_attempts_closed_once_one_has_paid(self, bank: FakeBank) -> None:
        with frozen():
            first = PaymentFactory.create()
            other = PaymentFactory.create(order=first.order, account=first.account, method="page")
            bank.say("close", Outcome.CLOSED)

            tell(first)

            assert not bank.calls  # nobody is asked inside the transaction
            drain(NOON)
        other.refresh_from_db()
        first.order.refresh_from_db()
        assert ([it.payment_no for it in bank.asked("close")], other.status) == ([other.payment_no], Status.CANCELED)
        assert first.order.category == "awaiting_fulfillment"

    @pytest.mark.django_db(transaction=True)
    def test_wakes_a_worker_to_close_the_others(self) -> None:
        first = PaymentFactory.create()
        PaymentFactory.create(order=first.order, account=first.account)

        with ringing() as heard:
            tell(first)

        assert "payments.query_due" in [name for name, _kwargs in heard]

    def test_keeps_what_another_attempt_collects_before_it_is_closed(self, bank: FakeBank) -> None:
        with frozen():
            first = PaymentFactory.create()
            other = PaymentFactory.create(order=first.order, account=first.account, method="page")
            bank.say("close", Outcome.UNKNOWN)
            bank.say("query", Outcome.SUCCEEDED, amount_fen=9_900)

            tell(first)
            drain(NOON)

        other.refresh_from_db()
        assert (UnappliedMoney.objects.get().payment, other.status) == (other, Status.SUCCEEDED)

    def test_keeps_another_currency_in_suspense(self) -> None:
        payment = PaymentFactory.create()

        kept = tell(payment, currency="USD")

        assert isinstance(kept, UnappliedMoney)
        assert kept.reason == Reason.OTHER_CURRENCY

    def test_makes_late_money_for_a_closed_order_somebodys_work_once(self) -> None:
        payment = PaymentFactory.create(order__category="closed")

        kept = [tell(payment), tell(payment)]

        assert kept == [UnappliedMoney.objects.get(reason=Reason.ORDER_CLOSED)] * 2
        assert (count_published(MoneyUnapplied), -balance_fen("suspense")) == (1, 9_900)
        payment.refresh_from_db()
        assert payment.status == Status.SUCCEEDED  # it did collect

    def test_proposes_to_revive_an_order_whose_time_had_run_out_a_moment_before(self) -> None:
        payment = PaymentFactory.create(order__category="closed", order__close_reason="payment_timeout")

        kept = tell(payment)

        assert isinstance(kept, UnappliedMoney)
        assert kept.proposed_action == "revive"

    def test_proposes_a_refund_where_the_customer_had_canceled(self) -> None:
        payment = PaymentFactory.create(order__category="closed", order__close_reason="canceled_by_customer")

        kept = tell(payment)

        assert isinstance(kept, UnappliedMoney)
        assert kept.proposed_action == "refund"

    def test_books_the_first_of_two_successes_and_keeps_the_second(self) -> None:
        first = PaymentFactory.create()
        second = PaymentFactory.create(order=first.order, account=first.account)

        tell(first)
        kept = tell(second)

        assert isinstance(kept, UnappliedMoney)
        first.order.refresh_from_db()
        assert (kept.reason, first.order.paid_fen) == (Reason.ALREADY_PAID, 9_900)
        assert (balance_fen("clearing"), -balance_fen("suspense")) == (19_800, 9_900)

    def test_keeps_a_second_trade_of_one_payment(self) -> None:
        payment = PaymentFactory.create()
        tell(payment)

        kept = tell(payment, gateway_trade_no="T-again")

        assert isinstance(kept, UnappliedMoney)
        payment.refresh_from_db()
        assert (kept.reason, payment.gateway_trade_no) == (Reason.ALREADY_PAID, f"T{payment.pk}")

    def test_keeps_money_for_a_number_that_nobody_gave_out(self) -> None:
        account, stranger = (
            AccountFactory.create(),
            PaymentFactory.build(pk=7, order=None, amount_fen=9_900, expires_at=NOON),
        )

        kept = [settle(report=report_on(stranger), account_id=account.pk, at=NOON) for _ in range(2)]

        assert kept == [UnappliedMoney.objects.get(reason=Reason.PAYMENT_NOT_FOUND)] * 2

    def test_takes_no_other_accounts_word_for_a_payment(self) -> None:
        payment, other = PaymentFactory.create(), AccountFactory.create()

        kept = settle(report=report_on(payment), account_id=other.pk, at=NOON)

        payment.order.refresh_from_db()
        assert isinstance(kept, UnappliedMoney)
        assert (kept.reason, payment.order.paid_fen) == (Reason.PAYMENT_NOT_FOUND, 0)

    def test_refuses_news_without_money_about_a_number_that_nobody_gave_out(self) -> None:
        account, stranger = (
            AccountFactory.create(),
            PaymentFactory.build(pk=7, order=None, amount_fen=9_900, expires_at=NOON),
        )

        with pytest.raises(PaymentNotFound):
            settle(report=report_on(stranger, outcome=Outcome.CLOSED), account_id=account.pk, at=NOON)

    def test_adds_every_entry_up_to_nothing(self) -> None:
        payment = PaymentFactory.create()
        tell(payment)
        tell(payment, gateway_trade_no="T-again")

        sums = LedgerEntry.objects.annotate(fen=Sum("lines__amount_fen")).values_list("fen", flat=True)

        assert list(sums) == [0, 0]
