from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from orders import services as orders
from orders.events import OrderClosingRequested, OrderCompleted, OrderPaymentReminderDue
from orders.models import Order, OrderEvent
from tests.factories import OrderFactory, a_job
from tests.helpers import NOON, count_published

pytestmark = pytest.mark.django_db


def minutes(count: int) -> datetime:
    return NOON + timedelta(minutes=count)


class TestRequestOverdueClosings:
    def ask(self, at: datetime, limit: int = 100) -> int:
        return orders.request_overdue_closings(at=at, limit=limit)

    def test_asks_for_an_order_whose_time_is_over(self) -> None:
        order = OrderFactory.create(placed_at=NOON)

        assert (self.ask(minutes(29)), self.ask(minutes(30))) == (0, 1)

        assert count_published(OrderClosingRequested, order_id=order.pk, reason="payment_timeout") == 1
        order.refresh_from_db()
        assert order.category == "pending_payment"

    def test_asks_again_after_a_while_for_one_that_could_not_be_closed(self) -> None:
        OrderFactory.create(placed_at=NOON)

        asked = [self.ask(minutes(30)), self.ask(minutes(31)), self.ask(minutes(35))]

        assert asked == [1, 0, 1]

    def test_starves_nobody(self) -> None:
        """One that can never be closed goes to the back, so a limit of one reaches the next."""
        first, second = OrderFactory.create(placed_at=NOON), OrderFactory.create(placed_at=minutes(1))

        self.ask(minutes(31), limit=1)
        self.ask(minutes(31), limit=1)

        for order in (first, second):
            assert count_published(OrderClosingRequested, order_id=order.pk) == 1

    def test_never_asks_for_an_order_with_money_in_it(self) -> None:
        order = OrderFactory.create(placed_at=NOON, total_fen=9_900)
        orders.record_payment(order_id=order.pk, amount_fen=1, at=NOON)

        assert self.ask(minutes(60)) == 0


class TestRemindUnpaid:
    def remind(self, at: datetime) -> int:
        return orders.remind_unpaid(at=at, limit=100)

    def test_reminds_once(self) -> None:
        order = OrderFactory.create(placed_at=NOON)

        reminded = [self.remind(minutes(14)), self.remind(minutes(15)), self.remind(minutes(16))]

        assert reminded == [0, 1, 0]
        assert count_published(OrderPaymentReminderDue, order_id=order.pk) == 1

    def test_does_not_remind_when_it_is_too_late(self) -> None:
        OrderFactory.create(placed_at=NOON)

        assert self.remind(minutes(30)) == 0
        assert count_published(OrderPaymentReminderDue) == 0

    def test_does_not_remind_who_has_paid(self) -> None:
        order = OrderFactory.create(placed_at=NOON, total_fen=9_900)
        orders.record_payment(order_id=order.pk, amount_fen=9_900, at=NOON)

        assert self.remind(minutes(15)) == 0


class TestRunOrderTimers:
    def shipped(self, **more: object) -> Order:
        more.setdefault("timer_due_at", NOON + timedelta(days=10))
        return OrderFactory.create(category="in_transit", placed_at=NOON, **more)

    def run(self, days: int) -> int:
        return orders.run_order_timers(at=NOON + timedelta(days=days), limit=100)

    def test_completes_what_was_shipped_long_ago(self) -> None:
        order = self.shipped()

        assert (self.run(9), self.run(10), self.run(11)) == (0, 1, 0)

        order.refresh_from_db()
        assert (order.state, order.completed_at, order.timer_due_at) == ("completed", NOON + timedelta(days=10), None)
        assert OrderEvent.objects.get(order=order, seq=2).trigger == "timeout"
        assert count_published(OrderCompleted, order_id=order.pk) == 1

    def test_looks_again_later_where_the_shop_now_waits_longer(self) -> None:
        from kernel.models import ShopSettings

        order = self.shipped()
        ShopSettings.objects.update_or_create(pk=1, defaults={"complete_days": 20})

        assert self.run(10) == 0

        order.refresh_from_db()
        assert (order.state, order.timer_due_at) == ("shipped", NOON + timedelta(days=20))

    def test_lets_imported_orders_be(self) -> None:
        order = self.shipped(import_job=a_job(), timer_due_at=None)

        assert self.run(100) == 0

        order.refresh_from_db()
        assert order.state == "shipped"
