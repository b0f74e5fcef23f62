from __future__ import annotations

from datetime import timedelta

import pytest

from kernel.models import Alert
from payments.gateways import CreateRequest, GatewayEvent, NextAction, Outcome
from payments.gateways.account import MissingSetting
from payments.models import Payment
from payments.services import (
    Ask,
    GatewayNotAnswering,
    GatewayRefused,
    MethodNotAvailable,
    MoneyArrived,
    OrderIsClosing,
    OrderNotPayable,
    PaymentTimeOver,
    settle,
    start_attempt,
)
from tests.factories import AccountFactory, OrderFactory, PaymentFactory, report_on
from tests.helpers import NOON, frozen
from tests.payments.fakes import FakeBank, FakeGateway

pytestmark = pytest.mark.django_db

QR = Ask(method="qr")


@pytest.fixture(autouse=True)
def _noon() -> object:
    with frozen() as clock:
        yield clock


class TestStartAttempt:
    def test_asks_for_no_second_payment_while_money_for_the_order_is_being_checked(self) -> None:
        payment = PaymentFactory.create()
        settle(report=report_on(payment, amount_fen=1), account_id=payment.account_id, at=NOON)

        with pytest.raises(MoneyArrived):
            start_attempt(order_id=payment.order_id, ask=QR, at=NOON)

    def test_hands_out_no_code_of_an_order_that_was_paid_while_the_gateway_was_asked(
        self, bank: FakeBank, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        paid = PaymentFactory.create()
        create = FakeGateway.create

        def pay_meanwhile(gateway: FakeGateway, *, request: CreateRequest) -> tuple[GatewayEvent, NextAction]:
            settle(report=report_on(paid), account_id=paid.account_id, at=NOON)
            return create(gateway, request=request)

        monkeypatch.setattr(FakeGateway, "create", pay_meanwhile)

        with pytest.raises(OrderNotPayable):
            start_attempt(order_id=paid.order_id, ask=Ask(method="page"), at=NOON)

        late = Payment.objects.latest("pk")
        assert (late.next_action, late.closing) == ({}, True)

    def test_hands_out_what_the_customer_does_next(self) -> None:
        AccountFactory.create()
        order = OrderFactory.create(total_fen=12_300)

        payment = start_attempt(order_id=order.pk, ask=QR, at=NOON)

        assert (payment.status, payment.amount_fen, payment.method) == ("pending", 12_300, "qr")
        assert payment.next_action == {"kind": "qr", "data": {"content": f"https://pay.example/{payment.payment_no}"}}

    def test_commits_the_row_before_the_gateway_hears_of_it(self, bank: FakeBank) -> None:
        AccountFactory.create()
        order = OrderFactory.create()
        bank.say("create", RuntimeError("the power goes"))

        with pytest.raises(RuntimeError):
            start_attempt(order_id=order.pk, ask=QR, at=NOON)

        payment = Payment.objects.get()
        assert (payment.status, payment.payment_no) == ("created", bank.asked("create")[0].payment_no)
        assert payment.query_due_at == NOON + timedelta(seconds=3)  # so that somebody asks what became of it

    def test_hands_out_the_open_attempt_again(self, bank: FakeBank) -> None:
        AccountFactory.create()
        order = OrderFactory.create()

        attempts = {start_attempt(order_id=order.pk, ask=QR, at=NOON).pk for _ in range(3)}

        assert (len(attempts), len(bank.asked("create"))) == (1, 1)

    def test_keeps_one_attempt_per_method(self) -> None:
        AccountFactory.create()
        order = OrderFactory.create()

        for method in ("qr", "wap", "qr"):
            start_attempt(order_id=order.pk, ask=Ask(method=method), at=NOON)

        assert list(Payment.objects.order_by("pk").values_list("method", flat=True)) == ["qr", "wap"]

    def test_asks_again_with_the_same_number_after_no_answer(self, bank: FakeBank) -> None:
        AccountFactory.create()
        order = OrderFactory.create()
        bank.say("create", Outcome.UNKNOWN, Outcome.PENDING)

        with pytest.raises(GatewayNotAnswering):
            start_attempt(order_id=order.pk, ask=QR, at=NOON)
        payment = start_attempt(order_id=order.pk, ask=QR, at=NOON)

        assert {request.payment_no for request in bank.asked("create")} == {payment.payment_no}
        assert payment.status == "pending"

    def test_makes_a_new_attempt_after_a_refusal(self, bank: FakeBank) -> None:
        AccountFactory.create()
        order = OrderFactory.create()
        bank.say("create", Outcome.FAILED, message="limit exceeded")
        bank.say("create", Outcome.PENDING)

        with pytest.raises(GatewayRefused, match="limit exceeded"):
            start_attempt(order_id=order.pk, ask=QR, at=NOON)
        start_attempt(order_id=order.pk, ask=QR, at=NOON)

        assert list(Payment.objects.order_by("pk").values_list("status", flat=True)) == ["failed", "pending"]

    def test_never_lives_longer_than_the_order_may_be_paid(self, bank: FakeBank) -> None:
        AccountFactory.create()
        order = OrderFactory.create(payment_due_at=NOON + timedelta(minutes=7))

        payment = start_attempt(order_id=order.pk, ask=QR, at=NOON)

        assert payment.expires_at == order.payment_due_at == bank.asked("create")[0].expires_at

    def test_never_lives_longer_than_gateways_let_a_code_live(self) -> None:
        AccountFactory.create()
        order = OrderFactory.create(payment_due_at=NOON + timedelta(days=3))

        assert start_attempt(order_id=order.pk, ask=QR, at=NOON).expires_at == NOON + timedelta(hours=2)

    def test_tells_the_gateway_where_to_notify_and_who_sells(self, bank: FakeBank) -> None:
        account = AccountFactory.create()
        order = OrderFactory.create()

        start_attempt(order_id=order.pk, ask=Ask(method="qr", return_path="/pay/x/return"), at=NOON)

        request = bank.asked("create")[0]
        assert request.notify_url.endswith(f"/webhooks/{account.webhook_key}/")
        assert request.return_url.endswith("/pay/x/return")
        assert order.order_no in request.subject

    @pytest.mark.parametrize("category", ["closed", "awaiting_fulfillment", "completed"])
    def test_asks_for_no_money_that_is_not_due(self, category: str) -> None:
        AccountFactory.create()
        order = OrderFactory.create(category=category)

        with pytest.raises(OrderNotPayable, match=order.order_no):
            start_attempt(order_id=order.pk, ask=QR, at=NOON)

    def test_asks_for_no_money_of_an_order_that_is_being_closed(self) -> None:
        payment = PaymentFactory.create(closing=True, closing_reason="canceled_by_merchant")

        with pytest.raises(OrderIsClosing):
            start_attempt(order_id=payment.order_id, ask=QR, at=NOON)

    def test_asks_for_no_money_in_the_last_seconds(self) -> None:
        AccountFactory.create()
        order = OrderFactory.create(payment_due_at=NOON + timedelta(seconds=29))

        with pytest.raises(PaymentTimeOver):
            start_attempt(order_id=order.pk, ask=QR, at=NOON)

    @pytest.mark.parametrize("changes", [{"is_enabled": False}, {"methods": ["page"]}])
    def test_uses_only_enabled_accounts_that_offer_the_method(self, changes: dict[str, object]) -> None:
        AccountFactory.create(**changes)

        with pytest.raises(MethodNotAvailable):
            start_attempt(order_id=OrderFactory.create().pk, ask=QR, at=NOON)

    def test_prefers_accounts_in_the_merchants_order_unless_one_is_named(self) -> None:
        second, first = AccountFactory.create(position=2), AccountFactory.create(position=1)

        chosen = start_attempt(order_id=OrderFactory.create().pk, ask=QR, at=NOON)
        named = start_attempt(
            order_id=OrderFactory.create().pk, ask=Ask(method="qr", account_code=second.code), at=NOON
        )

        assert (chosen.account, named.account) == (first, second)

    def test_tells_staff_and_not_the_customer_what_is_wrong_with_the_account(self, bank: FakeBank) -> None:
        account = AccountFactory.create()
        bank.say("create", MissingSetting(field="private_key", label="Application private key"))

        with pytest.raises(MethodNotAvailable) as refusal:
            start_attempt(order_id=OrderFactory.create().pk, ask=QR, at=NOON)

        assert "private key" not in str(refusal.value)
        assert Alert.objects.get().subject == account.code

    def test_leaves_a_payment_alone_that_a_notification_settled_first(self, bank: FakeBank) -> None:
        AccountFactory.create()
        order = OrderFactory.create()
        start_attempt(order_id=order.pk, ask=QR, at=NOON)
        Payment.objects.update(status="succeeded", next_action={})

        from payments.gateways import GatewayEvent, NextAction
        from payments.gateways.event import EventKind
        from payments.services.starting import _note_answer

        late = GatewayEvent(kind=EventKind.PAYMENT, outcome=Outcome.PENDING)
        action = NextAction(kind="qr", data={"content": "x"})
        payment = _note_answer(payment_id=Payment.objects.get().pk, event=late, action=action, at=NOON)

        assert (payment.status, payment.next_action) == ("succeeded", {})
