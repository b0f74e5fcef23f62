from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import transaction

from orders import services as orders
from orders.events import OrderClosed, OrderPaid
from orders.models import Order, OrderEvent
from orders.services import DraftLine, OrderIsClosed, RefundDoesNotAddUp, RefundExceedsShare
from tests.factories import OrderFactory, a_job
from tests.helpers import NOON, count_published

pytestmark = pytest.mark.django_db


def pay(order: Order, amount_fen: int) -> Order:
    return orders.record_payment(order_id=order.pk, amount_fen=amount_fen, at=NOON)


def told(order: Order) -> list[tuple[str, str, str]]:
    """The history as (what, from, to)."""
    return list(OrderEvent.objects.filter(order=order).order_by("seq").values_list("code", "from_state", "to_state"))


class TestRecordPayment:
    def test_pays_the_order_and_moves_it_on(self) -> None:
        order = OrderFactory.create(total_fen=9_900)

        paid = pay(order, 9_900)

        order.refresh_from_db()
        assert (order.payment_status, order.paid_fen, order.paid_at) == ("paid", 9_900, NOON)
        assert (order.state, order.category, order.state_since) == ("awaiting_shipment", "awaiting_fulfillment", NOON)
        assert (paid.state, paid.history_seq) == (order.state, order.history_seq)  # the instance says the same
        assert count_published(OrderPaid) == 1

    def test_writes_what_happened_and_the_move_as_one_entry(self) -> None:
        order = OrderFactory.create(total_fen=9_900)

        pay(order, 9_900)

        assert told(order)[1:] == [("payment_recorded", "pending_payment", "awaiting_shipment")]

    def test_promises_when_it_ships_and_presses_no_more(self) -> None:
        order = pay(OrderFactory.create(total_fen=9_900), 9_900)

        order.refresh_from_db()
        assert order.ship_by == NOON + timedelta(hours=48)
        assert (order.closing_due_at, order.remind_due_at) == (None, None)

    def test_keeps_an_order_waiting_that_is_paid_in_part(self) -> None:
        order = pay(OrderFactory.create(total_fen=9_900), 3_900)

        order.refresh_from_db()
        assert (order.state, order.payment_status, order.paid_at) == ("pending_payment", "partially_paid", None)
        assert told(order)[1:] == [("payment_recorded", "pending_payment", "")]  # it happened, and moved nothing
        assert order.closing_due_at is None  # with money in it, it must not be closed
        assert count_published(OrderPaid) == 0

    def test_moves_on_when_the_rest_comes(self) -> None:
        order = pay(OrderFactory.create(total_fen=9_900), 3_900)

        order = pay(order, 6_000)

        assert (order.state, order.payment_status, order.paid_at) == ("awaiting_shipment", "paid", NOON)

    def test_refuses_money_for_a_closed_order(self) -> None:
        order = OrderFactory.create(total_fen=9_900, category="closed")

        with pytest.raises(OrderIsClosed):
            pay(order, 9_900)

        order.refresh_from_db()
        assert order.paid_fen == 0

    def test_announces_nothing_of_an_imported_order(self) -> None:
        pay(OrderFactory.create(total_fen=9_900, import_job=a_job()), 9_900)

        assert count_published(OrderPaid) == 0


class TestRecordRefund:
    def lines(self, order: Order) -> list[int]:
        return list(order.lines.order_by("line_no").values_list("pk", flat=True))

    def test_takes_the_shares_off_exactly_their_lines(self) -> None:
        order = OrderFactory.create(
            lines=[DraftLine(title="杯", unit_price_fen=5_000), DraftLine(title="盖", unit_price_fen=3_000)],
            shipping_fen=1_000,
            category="awaiting_fulfillment",
        )
        cup, lid = self.lines(order)

        orders.record_refund(order_id=order.pk, amount_fen=1_300, shipping_fen=300, lines=[(lid, 1_000)], at=NOON)

        order.refresh_from_db()
        assert dict(order.lines.values_list("pk", "refunded_fen")) == {cup: 0, lid: 1_000}
        assert (order.refunded_fen, order.shipping_refunded_fen) == (1_300, 300)
        assert (order.payment_status, order.state) == ("partially_refunded", "awaiting_shipment")

    def test_closes_an_unshipped_order_that_is_refunded_in_full(self) -> None:
        order = OrderFactory.create(total_fen=9_900, category="awaiting_fulfillment")

        orders.record_refund(
            order_id=order.pk, amount_fen=9_900, shipping_fen=0, lines=[(self.lines(order)[0], 9_900)], at=NOON
        )

        order.refresh_from_db()
        assert (order.category, order.close_reason, order.closed_at) == ("closed", "fully_refunded", NOON)
        assert order.payment_status == "refunded"
        assert count_published(OrderClosed) == 1

    def test_leaves_a_shipped_order_where_it_is(self) -> None:
        order = OrderFactory.create(total_fen=9_900, category="in_transit")

        orders.record_refund(
            order_id=order.pk, amount_fen=9_900, shipping_fen=0, lines=[(self.lines(order)[0], 9_900)], at=NOON
        )

        order.refresh_from_db()
        assert (order.state, order.payment_status) == ("shipped", "refunded")
        assert count_published(OrderClosed) == 0

    def test_refuses_shares_that_are_another_sum(self) -> None:
        order = OrderFactory.create(total_fen=9_900, category="awaiting_fulfillment")

        with pytest.raises(RefundDoesNotAddUp):
            orders.record_refund(
                order_id=order.pk, amount_fen=9_900, shipping_fen=0, lines=[(self.lines(order)[0], 9_899)], at=NOON
            )

    def test_refuses_more_than_a_line_cost(self) -> None:
        order = OrderFactory.create(
            lines=[DraftLine(title="杯", unit_price_fen=5_000), DraftLine(title="盖", unit_price_fen=3_000)],
            category="awaiting_fulfillment",
        )
        with pytest.raises(RefundExceedsShare), transaction.atomic():
            orders.record_refund(
                order_id=order.pk, amount_fen=3_001, shipping_fen=0, lines=[(self.lines(order)[1], 3_001)], at=NOON
            )
        order.refresh_from_db()
        assert order.refunded_fen == 0

    def test_refuses_more_shipping_fee_than_was_asked(self) -> None:
        order = OrderFactory.create(total_fen=9_900, shipping_fen=900, category="awaiting_fulfillment")

        with pytest.raises(RefundExceedsShare):
            orders.record_refund(order_id=order.pk, amount_fen=901, shipping_fen=901, lines=[], at=NOON)

    def test_refuses_a_line_of_another_order(self) -> None:
        order = OrderFactory.create(total_fen=9_900, category="awaiting_fulfillment")
        other = OrderFactory.create(total_fen=9_900, category="awaiting_fulfillment")

        with pytest.raises(RefundDoesNotAddUp):
            orders.record_refund(
                order_id=order.pk, amount_fen=9_900, shipping_fen=0, lines=[(self.lines(other)[0], 9_900)], at=NOON
            )
