from __future__ import annotations

import json
from itertools import chain
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db.models import Sum

from kernel.models import AuditEntry, Message
from kernel.shop import shop
from orders.models import Order, OrderEvent
from payments.models import LedgerLine, Payment, Refund
from payments.services import (
    NothingCollected,
    NotPaidElsewhere,
    PaidBack,
    ReasonMissing,
    RefundAboveCap,
    RefundAboveRest,
    Share,
    book_imported,
    check_books,
    record_offline_refund,
    request_refund,
)
from payments.services.four_eyes import RefundsADayReached
from tests.factories import OrderFactory, PaymentFactory, UserFactory, a_job, paid_payment
from tests.helpers import NOON
from tests.payments.fakes import FakeBank

pytestmark = pytest.mark.django_db


def record(
    order: Order, payment: Payment | None, amount_fen: int, *, key: str = "form:1", reason: str = "转账 8801"
) -> Refund:
    paid_back = PaidBack(
        order_id=order.pk,
        payment_id=payment.pk if payment else None,
        share=Share(amount_fen=amount_fen),
        way="bank",
        reason=reason,
    )
    return record_offline_refund(paid_back=paid_back, key=key, by=UserFactory.create(is_superuser=True), at=NOON)


def balance_fen(account: str) -> int:
    return LedgerLine.objects.filter(account=account).aggregate(fen=Sum("amount_fen"))["fen"] or 0


def faults() -> list[Any]:
    return [it.check for it in chain.from_iterable(check_books(at=NOON))]


class TestRecording:
    def test_takes_it_off_the_order_and_not_off_the_gateways_account(self, bank: FakeBank) -> None:
        payment = paid_payment(order__total_fen=9_900, at=NOON)

        refund = record(payment.order, payment, 4_000)

        payment.order.refresh_from_db()
        assert (refund.status, refund.way, payment.order.refunded_fen) == ("succeeded", "bank", 4_000)
        assert (balance_fen("clearing"), balance_fen("elsewhere")) == (9_900, -4_000)
        assert not bank.calls
        assert faults() == []

    def test_counts_against_what_the_gateway_may_refund(self) -> None:
        payment = paid_payment(order__total_fen=9_900, at=NOON)
        record(payment.order, payment, 4_000)

        share = Share(amount_fen=5_901)
        with pytest.raises(RefundAboveRest, match=r"59\.00"):
            request_refund(payment_id=payment.pk, share=share, reason="x", key="k", by=None, at=NOON)

    def test_leaves_what_is_on_its_way_alone(self) -> None:
        payment = paid_payment(order__total_fen=9_900, at=NOON)
        request_refund(payment_id=payment.pk, share=Share(amount_fen=9_000), reason="x", key="k", by=None, at=NOON)

        with pytest.raises(RefundAboveRest, match=r"9\.00"):
            record(payment.order, payment, 901)

    def test_records_once_for_two_clicks(self) -> None:
        payment = paid_payment(order__total_fen=9_900, at=NOON)

        assert record(payment.order, payment, 4_000) == record(payment.order, payment, 4_000)

    def test_is_in_the_timeline_and_in_the_audit_log(self) -> None:
        payment = paid_payment(order__total_fen=9_900, at=NOON)

        refund = record(payment.order, payment, 4_000)

        entry = AuditEntry.objects.get(action="payments.record_offline_refund")
        assert (entry.reason, entry.after["way"]) == ("转账 8801", "bank")
        assert OrderEvent.objects.get(code="refund_offline").facts["refund_no"] == refund.refund_no

    def test_tells_the_customer_nothing_of_the_way_they_paid(self) -> None:
        payment = paid_payment(order__total_fen=9_900, at=NOON)

        record(payment.order, payment, 4_000)

        assert not Message.objects.filter(template="refund_succeeded").exists()

    def test_wants_a_reason(self) -> None:
        payment = paid_payment(at=NOON)

        with pytest.raises(ReasonMissing):
            record(payment.order, payment, 1, reason=" ")

    def test_keeps_to_the_cap_of_the_person(self) -> None:
        settings, support = shop(), UserFactory.create()
        settings.refund_caps_fen = {"support": 5_000}
        settings.save()
        support.groups.add(Group.objects.get_or_create(name="support")[0])
        payment = paid_payment(order__total_fen=9_900, at=NOON)
        paid_back = PaidBack(
            order_id=payment.order_id, payment_id=payment.pk, share=Share(amount_fen=5_001), way="cash", reason="x"
        )

        with pytest.raises(RefundAboveCap, match=r"50\.00"):
            record_offline_refund(paid_back=paid_back, key="k", by=support, at=NOON)

    def test_keeps_to_the_number_of_refunds_a_day(self) -> None:
        settings, support = shop(), UserFactory.create()
        settings.refunds_a_day = {"support": 0}
        settings.save()
        support.groups.add(Group.objects.get_or_create(name="support")[0])
        payment = paid_payment(at=NOON)
        paid_back = PaidBack(
            order_id=payment.order_id, payment_id=payment.pk, share=Share(amount_fen=1), way="cash", reason="x"
        )

        with pytest.raises(RefundsADayReached):
            record_offline_refund(paid_back=paid_back, key="k", by=support, at=NOON)

    def test_writes_to_the_customer_if_that_is_wanted(self) -> None:
        payment = paid_payment(order__customer__email="zhang@example.com", at=NOON)
        paid_back = PaidBack(
            order_id=payment.order_id,
            payment_id=payment.pk,
            share=Share(amount_fen=100),
            way="bank",
            reason="x",
            tells_customer=True,
        )

        record_offline_refund(paid_back=paid_back, key="k", by=UserFactory.create(is_superuser=True), at=NOON)

        written = Message.objects.get(template="refund_offline")
        told = json.loads(written.context_json)
        assert (told["amount"], told["way"]) == ("￥1.00", "银行转账")

    def test_refuses_another_orders_payment(self) -> None:
        ours, theirs = paid_payment(at=NOON), paid_payment(at=NOON)

        with pytest.raises(NothingCollected):
            record(ours.order, theirs, 1)

    def test_refuses_a_payment_that_collected_nothing(self) -> None:
        payment = PaymentFactory.create()

        with pytest.raises(NothingCollected):
            record(payment.order, payment, 1)


class TestMoneyCollectedElsewhere:
    def test_is_paid_back_off_an_imported_order(self) -> None:
        order = OrderFactory.create(category="completed", total_fen=9_900, import_job=a_job())
        book_imported(order_ids=[order.pk], at=NOON)

        record(order, None, 9_900)

        order.refresh_from_db()
        assert (order.payment_status, balance_fen("elsewhere"), faults()) == ("refunded", 0, [])

    def test_is_paid_back_once(self) -> None:
        order = OrderFactory.create(category="completed", total_fen=9_900, import_job=a_job())
        book_imported(order_ids=[order.pk], at=NOON)
        record(order, None, 9_900)

        with pytest.raises(RefundAboveRest, match=r"0\.00"):
            record(order, None, 1, key="form:2")

    def test_is_not_there_for_an_order_of_our_own(self) -> None:
        payment = paid_payment(at=NOON)

        with pytest.raises(NotPaidElsewhere):
            record(payment.order, None, 1)
