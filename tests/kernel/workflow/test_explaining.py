from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from kernel.workflow import Explanation, WayOn
from orders import services as orders
from orders.models import Order, OrderEvent
from orders.queries import why_here
from tests.factories import OrderFactory, UserFactory
from tests.helpers import NOON

pytestmark = pytest.mark.django_db


def way(explanation: Explanation, code: str) -> WayOn:
    return next(it for it in explanation.ways_on if it.transition.code == code)


def why(order: Order, **user: object) -> Explanation:
    return why_here(order, user=UserFactory.create(**user))


class TestWhyHere:
    def test_names_what_is_missing_with_the_actual_value(self) -> None:
        order = OrderFactory.create(total_fen=4_900)
        order = orders.record_payment(order_id=order.pk, amount_fen=3_900, at=NOON)

        pay = way(why(order), "pay")

        assert pay.seen_at == NOON  # the payment came …
        assert not pay.is_open
        assert "￥10.00" in pay.reason  # … and ten yuan are missing

    def test_remembers_what_should_have_moved_it_and_did_not(self) -> None:
        order = OrderFactory.create(total_fen=4_900)
        order = orders.record_payment(order_id=order.pk, amount_fen=3_900, at=NOON)

        refusal = why(order).last_refusal

        assert refusal is not None
        assert (refusal.trigger, refusal.at) == ("payment_succeeded", NOON)

    def test_says_what_an_order_waits_for(self) -> None:
        order = OrderFactory.create(total_fen=0)

        pay = way(why(order), "pay")

        assert (pay.seen_at, pay.is_open) == (None, True)
        assert pay.reason  # waits for a payment

    def test_offers_manual_moves_to_whoever_may_and_tells_the_others_why_not(self) -> None:
        order = OrderFactory.create(category="in_transit")

        allowed = way(why(order, permissions=["orders.complete_order"]), "complete")
        forbidden = way(why(order), "complete")

        assert (allowed.is_open, allowed.reason) == (True, "")
        assert not forbidden.is_open
        assert "orders.complete_order" in forbidden.reason

    def test_shows_when_the_next_timer_is_due(self) -> None:
        order = OrderFactory.create(category="awaiting_fulfillment")
        line = order.lines.get()
        assert line.quantity == 1
        from tests.factories import carrier

        orders.ship(order_id=order.pk, carrier_code=carrier().code, tracking_no="SF1234567", by=None, at=NOON)
        order.refresh_from_db()

        explanation = why(order)

        assert explanation.timer_due_at is not None
        assert way(explanation, "complete_in_time").due_at == explanation.timer_due_at

    def test_costs_no_query_when_the_page_has_read_the_history(self) -> None:
        order, user = OrderFactory.create(category="in_transit"), UserFactory.create(is_superuser=True)
        history = list(OrderEvent.objects.filter(order=order))
        why_here(order, user=user, history=history)

        with CaptureQueriesContext(connection) as queries:
            why_here(order, user=user, history=history)

        assert [it["sql"] for it in queries.captured_queries if "shopsettings" not in it["sql"]] == []
