from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client

from backoffice.staff.matrix import Role
from kernel.clock import now
from payments import services
from payments.gateways import Outcome
from payments.gateways.account import MissingSetting
from payments.models import Notification, Payment, Statement, StatementLine
from tests.factories import PaymentFactory, paid_payment
from tests.payments.fakes import FakeBank, message

from .staff import address, signed_in, submit, text_of
from .test_notifications import receive

pytestmark = pytest.mark.django_db


@pytest.fixture
def ops() -> Client:
    return signed_in(Role.OPS)


def query_page(client: Client, payment: Payment) -> str:
    return text_of(client.get(address("payments_payment_query", payment.pk)))


class TestAskingTheGateway:
    def test_shows_its_view_beside_ours_and_books_nothing(self, finance: Client, bank: FakeBank) -> None:
        payment = PaymentFactory.create()
        bank.say("query", Outcome.SUCCEEDED, amount_fen=9_800, native_state="TRADE_SUCCESS", gateway_trade_no="T-77")

        text = query_page(finance, payment)

        assert "status Awaiting customer ✗ Succeeded TRADE_SUCCESS" in text
        assert "amount ￥99.00 ✗ ￥98.00" in text
        assert "gateway transaction id — T-77" in text
        payment.refresh_from_db()
        assert payment.status == "pending"

    def test_marks_nothing_where_both_say_the_same(self, finance: Client, bank: FakeBank) -> None:
        payment = paid_payment()
        bank.say("query", Outcome.SUCCEEDED, amount_fen=9_900, gateway_trade_no=payment.gateway_trade_no)

        assert "✗" not in query_page(finance, payment)

    def test_books_what_it_says_when_somebody_wants_it_repaired(self, finance: Client, bank: FakeBank) -> None:
        payment = PaymentFactory.create()
        bank.say("query", Outcome.SUCCEEDED, amount_fen=9_900)
        assert "Book what the gateway says" in query_page(finance, payment)

        submit(finance, address("payments_payment_query", payment.pk))

        payment.order.refresh_from_db()
        assert payment.order.payment_status == "paid"

    def test_says_what_is_wrong_with_an_account_that_cannot_ask(self, finance: Client, bank: FakeBank) -> None:
        payment = PaymentFactory.create()
        bank.say("query", MissingSetting(field="private_key", label="Private key"))

        assert "Private key" in query_page(finance, payment)


class TestReplaying:
    def test_applies_all_again_and_books_nothing_twice(self, ops: Client) -> None:
        payment = PaymentFactory.create()
        receive(payment.account, message(payment.payment_no))
        services.apply_notifications(at=now(), limit=10)

        answer = submit(ops, address("payments_payment_replay", payment.pk))
        services.apply_notifications(at=now() + timedelta(seconds=1), limit=10)

        payment.order.refresh_from_db()
        assert "1 message is applied again within seconds." in text_of(answer)
        assert (Notification.objects.get().state, payment.order.paid_fen) == ("duplicate", 9_900)

    def test_says_so_where_nothing_was_told(self, ops: Client) -> None:
        payment = PaymentFactory.create()

        page = text_of(ops.get(address("payments_payment_replay", payment.pk)))

        assert "The gateway has sent nothing about this payment." in page


class TestTheFee:
    def test_is_the_one_of_the_statement(self, finance: Client) -> None:
        payment, other = paid_payment(), paid_payment()
        statement = Statement.objects.create(account=payment.account, day=now().date())
        for line_no, account_trade in enumerate((payment.gateway_trade_no, "T-of-nobody"), start=1):
            StatementLine.objects.create(
                statement=statement,
                line_no=line_no,
                movement="payment",
                gateway_trade_no=account_trade,
                amount_fen=9_900,
                fee_fen=59,
            )

        listed = text_of(finance.get(address("payments_payment_changelist")))
        pages = [text_of(finance.get(address("payments_payment_change", it.pk))) for it in (payment, other)]

        assert listed.count("￥0.59") == 1
        assert ["￥0.59" in page for page in pages] == [True, False]
