"""Rules on the states of the merchant's own workflow: once for each time that an order enters one."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import transaction

from kernel import events
from kernel.models import Alert, OutboxEvent, Rule, RuleAction, RuleRun
from kernel.rules import back_test
from orders import services as orders
from orders.models import Order, OrderEvent
from tests.factories import OrderFactory, UserFactory
from tests.factories.orders import a_job
from tests.helpers import NOON, drain
from tests.payments.test_rules import labels, late_money, rule

pytestmark = pytest.mark.django_db

ENTERED = "order_entered"
ON_HOLD = ("state", "eq", "on_hold")


def waiting() -> Order:
    return OrderFactory.create(category="awaiting_fulfillment")


def go(order: Order, *ways: str) -> None:
    for way in ways:
        with transaction.atomic():
            orders.move(order_id=order.pk, transition_code=way, expected_version=None, by=None, at=NOON)


class TestEntering:
    def test_runs_the_rule_of_that_state_and_no_other(self) -> None:
        rule(ON_HOLD, do=("label", "缓办"), event=ENTERED)
        rule(("state", "eq", "problem"), do=("label", "异常"), event=ENTERED)
        rule(ON_HOLD, ("from_state", "eq", "problem"), do=("label", "又缓"), event=ENTERED)
        order = waiting()

        go(order, "hold")
        drain()

        assert labels(order) == ["缓办"]

    def test_counts_each_time(self) -> None:
        made = rule(ON_HOLD, do=("alert", "看一下"), event=ENTERED)

        go(waiting(), "hold", "release", "hold")
        drain()
        drain()

        assert RuleRun.objects.filter(rule=made, state="done").count() == 2

    def test_told_twice_it_runs_once(self) -> None:
        made = rule(ON_HOLD, do=("alert", "看一下"), event=ENTERED)
        go(waiting(), "hold")
        told = OutboxEvent.objects.get(name="orders.OrderEntered")
        OutboxEvent.objects.create(name=told.name, payload=told.payload, created_at=told.created_at)

        drain()

        assert RuleRun.objects.filter(rule=made).count() == 1

    def test_by_money_counts_too(self) -> None:
        rule(("state", "eq", "awaiting_shipment"), do=("label", "可发"), event=ENTERED)
        order = OrderFactory.create(total_fen=9_900)

        orders.record_payment(order_id=order.pk, amount_fen=9_900, at=NOON)
        drain()

        assert labels(order) == ["可发"]

    def test_of_an_imported_order_is_history(self) -> None:
        made = rule(ON_HOLD, do=("alert", "看一下"), event=ENTERED)
        order = waiting()
        Order.objects.filter(pk=order.pk).update(import_job=a_job())

        go(order, "hold")
        drain()

        assert RuleRun.objects.filter(rule=made).count() == 0

    def test_writes_nothing_while_nobody_listens(self) -> None:
        made = rule(ON_HOLD, do=("alert", "看一下"), event=ENTERED)
        Rule.objects.filter(pk=made.pk).update(is_enabled=False)

        go(waiting(), "hold")

        assert not OutboxEvent.objects.filter(name="orders.OrderEntered").exists()

    def test_of_two_rules_that_send_an_order_round_and_round_is_cut_off_and_told(self) -> None:
        rule(ON_HOLD, do=("move", "release"), event=ENTERED)
        rule(("from_state", "eq", "on_hold"), do=("move", "hold"), event=ENTERED)

        go(waiting(), "hold")
        rounds = 0
        while events.deliver_due(at=NOON + timedelta(days=365)):
            rounds += 1
            assert rounds < 50

        assert Alert.objects.filter(kind="event_circle").exists()
        assert OrderEvent.objects.filter(to_state="on_hold").count() < 10


def test_a_state_that_is_gone_stops_the_rule_with_words() -> None:
    made = rule(ON_HOLD, do=("label", "缓办"), event=ENTERED)
    made.conditions.update(value="a_state_of_old")
    order = waiting()

    go(order, "hold")
    drain()

    assert "a_state_of_old" in RuleRun.objects.get(rule=made, state="failed").error
    assert labels(order) == []


class TestTriedOnThePast:
    def test_finds_each_time_an_order_entered_the_state(self) -> None:
        order = waiting()
        go(order, "hold", "release", "hold")
        go(waiting(), "hold", "release")
        made = rule(ON_HOLD, do=("label", "缓办"), event=ENTERED)

        found = back_test(rule_id=made.pk, days=7, at=NOON + timedelta(days=1))

        assert (found.considered, found.matched) == (5, 3)
        assert RuleRun.objects.count() == 0

    def test_finds_the_orders_that_were_revived(self) -> None:
        money = late_money()
        orders.revive(order_id=money.payment.order_id, by=UserFactory.create(), at=NOON)  # type: ignore[union-attr]
        made = rule(do=("label", "回来"), event="order_revived")

        found = back_test(rule_id=made.pk, days=7, at=NOON + timedelta(days=1))

        assert (found.considered, found.matched) == (1, 1)


def test_actions_of_such_a_rule_may_move_the_order_on() -> None:
    made = rule(ON_HOLD, do=("label", "缓办"), event=ENTERED)
    RuleAction.objects.create(rule=made, position=1, action="move", value="release")
    order = waiting()

    go(order, "hold")
    drain()

    order.refresh_from_db()
    assert (order.state, labels(order)) == ("awaiting_shipment", ["缓办"])
