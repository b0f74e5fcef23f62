from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction

from customers.services import CustomerDraft, ensure_customer_types
from kernel.models import Trigger, WorkflowVersion
from kernel.workflow import Occurrence, fire, graph_of
from orders.models import Order
from orders.queries import ORDERS
from orders.services import DraftLine, NoWorkflow, OrderDraft, create_order
from orders.services.workflows import STATES
from tests.factories import OrderFactory, default_workflow
from tests.helpers import NOON

pytestmark = pytest.mark.django_db

# What each thing that can happen does in each state. What is not here moves nothing.
MOVES: dict[tuple[str, Trigger], str] = {
    ("pending_payment", Trigger.PAYMENT_SUCCEEDED): "awaiting_shipment",
    ("pending_payment", Trigger.ORDER_CLOSED): "closed",
    ("closed", Trigger.ORDER_REVIVED): "pending_payment",
    ("awaiting_shipment", Trigger.SHIPPED): "partially_shipped",
    ("awaiting_shipment", Trigger.ALL_SHIPPED): "shipped",
    ("partially_shipped", Trigger.SHIPPED): "partially_shipped",
    ("partially_shipped", Trigger.ALL_SHIPPED): "shipped",
    ("shipped", Trigger.TIMEOUT): "completed",
    ("delivered", Trigger.TIMEOUT): "completed",
    ("pending_payment", Trigger.REFUND_SUCCEEDED): "closed",
    ("awaiting_shipment", Trigger.REFUND_SUCCEEDED): "closed",
    ("partially_shipped", Trigger.REFUND_SUCCEEDED): "closed",
    ("on_hold", Trigger.REFUND_SUCCEEDED): "closed",
    ("problem", Trigger.REFUND_SUCCEEDED): "closed",
}
# The facts under which the conditions of a trigger hold.
FACTS: dict[Trigger, dict[str, Any]] = {
    Trigger.PAYMENT_SUCCEEDED: {"paid_fen": 100, "payment_status": "paid"},
    Trigger.ORDER_CLOSED: {"paid_fen": 0, "payment_status": "unpaid"},
    Trigger.ORDER_REVIVED: {"paid_fen": 0, "payment_status": "unpaid"},
    Trigger.REFUND_SUCCEEDED: {
        "paid_fen": 100,
        "refunded_fen": 100,
        "payment_status": "refunded",
        "fulfillment_status": "unfulfilled",
    },
}
# And under which they fail.
OPPOSITE: dict[Trigger, dict[str, Any]] = {
    Trigger.PAYMENT_SUCCEEDED: {"paid_fen": 99, "payment_status": "partially_paid"},
    Trigger.ORDER_CLOSED: {"paid_fen": 1, "payment_status": "partially_paid"},
    Trigger.ORDER_REVIVED: {"paid_fen": 1, "payment_status": "partially_paid"},
    Trigger.REFUND_SUCCEEDED: {"paid_fen": 100, "refunded_fen": 99, "payment_status": "partially_refunded"},
}
AUTOMATIC = [trigger for trigger in Trigger if trigger != Trigger.MANUAL]
CONDITIONAL = [(state, trigger) for state, trigger in MOVES if trigger in OPPOSITE]


def happen(order: Order, trigger: Trigger) -> None:
    with transaction.atomic():
        late = order.state_since + timedelta(days=365)  # so that no timeout is too early
        fire(subject=ORDERS, rows=[order], occurrence=Occurrence(trigger=trigger), at=late)


class TestEveryStateAndEveryTrigger:
    @pytest.mark.parametrize("trigger", AUTOMATIC)
    @pytest.mark.parametrize("state", [state.code for state in STATES])
    def test_move_as_the_table_says(self, state: str, trigger: Trigger) -> None:
        order = OrderFactory.create(total_fen=100, state=state, **FACTS.get(trigger, {}))

        happen(order, trigger)

        assert order.state == MOVES.get((state, trigger), state)

    @pytest.mark.parametrize(("state", "trigger"), CONDITIONAL)
    def test_stay_while_the_condition_fails(self, state: str, trigger: Trigger) -> None:
        order = OrderFactory.create(total_fen=100, state=state, **OPPOSITE[trigger])

        happen(order, trigger)

        assert order.state == state

    def test_a_full_refund_after_shipping_closes_nothing(self) -> None:
        facts = {**FACTS[Trigger.REFUND_SUCCEEDED], "fulfillment_status": "fulfilled"}
        order = OrderFactory.create(total_fen=100, state="problem", **facts)

        happen(order, Trigger.REFUND_SUCCEEDED)

        assert order.state == "problem"


class TestTheBuiltInWorkflow:
    def test_has_a_way_out_of_every_state_but_the_last(self) -> None:
        graph = graph_of(default_workflow().pk)

        assert {code for code in graph.states if not graph.leaving(code)} == {"completed"}

    def test_reaches_every_state(self) -> None:
        graph = graph_of(default_workflow().pk)

        assert {it.target for it in graph.transitions} | {graph.initial.code} == set(graph.states)

    def test_asks_only_for_facts_that_orders_have(self) -> None:
        graph = graph_of(default_workflow().pk)

        asked = {condition.field for it in graph.transitions for condition in it.conditions}
        assert asked <= set(ORDERS.facts)

    def test_missing_altogether_is_told_and_not_guessed(self) -> None:
        assert not WorkflowVersion.objects.exists()

        with pytest.raises(NoWorkflow):
            create_order(draft=a_draft(), by=None, at=NOON)


def a_draft() -> OrderDraft:
    ensure_customer_types()
    return OrderDraft(
        customer=CustomerDraft(name="张三", phone="13800138000"), lines=[DraftLine(title="杯", unit_price_fen=100)]
    )
