from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import transaction

from kernel.models import Message
from orders import services as orders
from orders.events import OrderClosed, OrderClosingRequested, OrderRevived
from orders.models import Order, OrderEvent
from orders.services import CannotRevive, OrderHasMoney, OrderMovedOn
from tests.factories import OrderFactory, UserFactory, a_job
from tests.helpers import NOON, count_published

pytestmark = pytest.mark.django_db


def close(order: Order, reason: str = "payment_timeout") -> Order:
    with transaction.atomic():
        return orders.close(order_id=order.pk, reason=reason, at=NOON)


class TestRequestClosing:
    def request(self, order: Order) -> None:
        clerk = UserFactory.create()
        with transaction.atomic():
            orders.request_closing(order_id=order.pk, reason="out_of_stock", by=clerk, at=NOON)

    def test_asks_and_closes_nothing_itself(self) -> None:
        order = OrderFactory.create()

        self.request(order)

        order.refresh_from_db()
        assert order.category == "pending_payment"
        assert count_published(OrderClosingRequested, order_id=order.pk, reason="out_of_stock") == 1
        assert OrderEvent.objects.get(order=order, seq=2).code == "closing_requested"

    def test_works_for_an_imported_order_too(self) -> None:
        self.request(OrderFactory.create(import_job=a_job()))

        assert count_published(OrderClosingRequested) == 1

    def test_of_an_order_with_money_says_to_refund_first(self) -> None:
        with pytest.raises(OrderHasMoney, match=r"￥99\.00"):
            self.request(OrderFactory.create(total_fen=9_900, category="awaiting_fulfillment"))

        assert count_published(OrderClosingRequested) == 0

    def test_of_a_closed_order_is_refused(self) -> None:
        with pytest.raises(OrderMovedOn):
            self.request(OrderFactory.create(category="closed"))

    def test_of_many_asks_for_each_that_is_unpaid_and_tells_why_not_the_others(self) -> None:
        unpaid, closed = OrderFactory.create(), OrderFactory.create(category="closed")
        paid = OrderFactory.create(total_fen=9_900, paid_fen=9_900, category="awaiting_fulfillment")
        ids, clerk = [paid.pk, closed.pk, unpaid.pk], UserFactory.create()

        outcomes = orders.request_closings(order_ids=ids, reason="test", by=clerk, at=NOON)

        assert [(it.order_id, it.result) for it in outcomes] == [
            (unpaid.pk, "done"),
            (closed.pk, "skipped"),
            (paid.pk, "failed"),
        ]
        assert "￥99.00" in outcomes[2].why
        assert count_published(OrderClosingRequested) == 1


class TestClose:
    def test_closes_an_unpaid_order_with_its_reason(self) -> None:
        order = OrderFactory.create()

        close(order)

        order.refresh_from_db()
        assert (order.category, order.close_reason, order.closed_at) == ("closed", "payment_timeout", NOON)
        assert (order.closing_due_at, order.remind_due_at, order.timer_due_at) == (None, None, None)
        assert count_published(OrderClosed, order_id=order.pk) == 1
        assert Message.objects.get().template == "order_closed"

    def test_happens_once(self) -> None:
        order = OrderFactory.create()
        close(order)

        with pytest.raises(OrderMovedOn):
            close(order)

        assert count_published(OrderClosed) == 1

    def test_loses_against_a_payment(self) -> None:
        order = OrderFactory.create(total_fen=9_900)
        orders.record_payment(order_id=order.pk, amount_fen=9_900, at=NOON)

        with pytest.raises(OrderHasMoney):
            close(order)

    def test_loses_against_a_part_of_the_money_too(self) -> None:
        order = OrderFactory.create(total_fen=9_900)
        orders.record_payment(order_id=order.pk, amount_fen=1, at=NOON)

        with pytest.raises(OrderHasMoney):
            close(order)

    def test_for_no_known_reason_is_a_mistake_in_the_caller(self) -> None:
        with pytest.raises(ValueError, match="weather"):
            close(OrderFactory.create(), reason="weather")

    def test_of_an_imported_order_tells_nobody(self) -> None:
        close(OrderFactory.create(import_job=a_job()))

        assert not Message.objects.exists()
        assert count_published(OrderClosed) == 0


class TestRevive:
    def test_lets_a_closed_order_be_paid_after_all(self) -> None:
        order = close(OrderFactory.create(total_fen=9_900))

        orders.revive(order_id=order.pk, by=None, at=NOON)
        orders.record_payment(order_id=order.pk, amount_fen=9_900, at=NOON)

        order.refresh_from_db()
        assert (order.state, order.payment_status) == ("awaiting_shipment", "paid")
        assert (order.close_reason, order.closed_at) == ("", None)
        assert count_published(OrderRevived) == 1
        codes = OrderEvent.objects.filter(order=order).order_by("seq").values_list("code", flat=True)
        assert list(codes) == ["order_created", "order_closed", "order_revived", "payment_recorded"]

    def test_gives_a_new_deadline(self) -> None:
        order = close(OrderFactory.create())

        orders.revive(order_id=order.pk, by=None, at=NOON)

        order.refresh_from_db()
        assert order.payment_due_at == order.closing_due_at == NOON + timedelta(minutes=30)

    def test_of_a_refunded_order_is_refused_and_changes_nothing(self) -> None:
        order = OrderFactory.create(
            category="closed", total_fen=100, paid_fen=100, refunded_fen=100, close_reason="fully_refunded"
        )

        with pytest.raises(CannotRevive, match=order.order_no), transaction.atomic():
            orders.revive(order_id=order.pk, by=None, at=NOON)

        order.refresh_from_db()
        assert (order.category, order.close_reason) == ("closed", "fully_refunded")

    def test_of_an_open_order_is_refused(self) -> None:
        order = OrderFactory.create()

        with pytest.raises(CannotRevive), transaction.atomic():
            orders.revive(order_id=order.pk, by=None, at=NOON)
