from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from kernel.models import Category, Trigger, User, WorkflowVersion
from kernel.workflow import (
    Condition,
    FireResult,
    Occurrence,
    RowsMoved,
    StateSpec,
    TransitionSpec,
    Why,
    WorkflowSpec,
    ensure_workflow,
    fire,
)
from orders.models import Order, OrderEvent
from orders.queries import ORDERS
from tests.factories import CustomerFactory, OrderFactory, UserFactory, a_job, default_workflow
from tests.helpers import NOON

pytestmark = pytest.mark.django_db

PAYMENT = Occurrence(trigger=Trigger.PAYMENT_SUCCEEDED, code="payment_recorded", kind="payment", is_fact=True)


def tell(*orders: Order, occurrence: Occurrence = PAYMENT, by: User | None = None) -> FireResult:
    with transaction.atomic():
        return fire(subject=ORDERS, rows=orders, occurrence=occurrence, by=by, at=NOON)


def by_hand(code: str) -> Occurrence:
    return Occurrence(trigger=Trigger.MANUAL, transition=code)


def flow(*transitions: TransitionSpec) -> WorkflowVersion:
    states = (
        StateSpec(code="a", name="甲", category=Category.PENDING_PAYMENT, is_initial=True),
        StateSpec(code="b", name="乙", category=Category.AWAITING_FULFILLMENT),
        StateSpec(code="c", name="丙", category=Category.COMPLETED),
    )
    spec = WorkflowSpec(code="own", name="自己的", name_en="", owner="orders", states=states, transitions=transitions)
    return ensure_workflow(spec, at=NOON)


def arrow(code: str, path: str, trigger: Trigger, **more: object) -> TransitionSpec:
    return TransitionSpec(code=code, name=code, source=path[0], target=path[1], trigger=trigger, **more)  # type: ignore[arg-type]


def paid(count: int) -> list[Order]:
    """Many at once: one order at a time would take the test's whole time."""
    customer, version = CustomerFactory.create(), default_workflow()
    Order.objects.bulk_create(
        Order(
            order_no=f"S{number}",
            customer=customer,
            workflow_version=version,
            state="pending_payment",
            category="pending_payment",
            state_since=NOON,
            placed_at=NOON,
            paid_fen=100 + number,
            history_seq=number % 3,
        )
        for number in range(count)
    )
    return list(Order.objects.order_by("pk"))


class TestASet:
    def test_moves_with_a_handful_of_statements_and_numbers_each_history_on(self) -> None:
        orders = paid(1_000)

        with CaptureQueriesContext(
            connection,
        ) as queries:
            result = tell(*orders)

        assert len(result.moved) == 1_000
        assert len(queries) <= 12
        assert Order.objects.filter(state="awaiting_shipment").count() == 1_000
        written = OrderEvent.objects.values_list("order_id", "seq")
        assert dict(written) == {order.pk: number % 3 + 1 for number, order in enumerate(orders)}

    def test_costs_as_many_statements_for_ten_as_for_one(self) -> None:
        orders = paid(11)
        tell(orders[0])  # compiles the workflow

        with CaptureQueriesContext(connection) as one:
            tell(orders[1])
        with CaptureQueriesContext(connection) as nine:
            tell(*orders[2:])

        assert len(nine) == len(one)

    def test_lets_each_row_stand_or_go_by_its_own_facts(self) -> None:
        due, done = OrderFactory.create(total_fen=100), OrderFactory.create(total_fen=100, paid_fen=100)

        result = tell(due, done)

        assert (set(result.moved), set(result.refused)) == ({done.pk}, {due.pk})
        assert result.refused[due.pk].why == Why.CONDITIONS
        assert "￥1.00" in result.refused[due.pk].text

    def test_of_rows_on_different_versions_follows_each_ones_own(self) -> None:
        old = OrderFactory.create(total_fen=0)
        version = flow(arrow("skip", "ac", Trigger.PAYMENT_SUCCEEDED))
        new = OrderFactory.create(total_fen=0, workflow_version=version)

        tell(old, new)

        assert (old.state, new.state) == ("awaiting_shipment", "c")


class TestTheMove:
    def test_sets_state_category_and_since_in_the_row_and_on_the_instance(self) -> None:
        order = OrderFactory.create(total_fen=0)

        tell(order)

        stored = Order.objects.get(pk=order.pk)
        for it in (order, stored):
            assert (it.state, it.category, it.state_since) == ("awaiting_shipment", "awaiting_fulfillment", NOON)
            assert it.history_seq == 2

    def test_is_the_first_whose_conditions_hold(self) -> None:
        version = flow(
            arrow("rich", "ac", Trigger.PAYMENT_SUCCEEDED, conditions=(Condition("paid_fen", "ge", 500),)),
            arrow("any", "ab", Trigger.PAYMENT_SUCCEEDED),
        )
        poor = OrderFactory.create(workflow_version=version, paid_fen=499, total_fen=499)
        rich = OrderFactory.create(workflow_version=version, paid_fen=500, total_fen=500)

        tell(poor, rich)

        assert (poor.state, rich.state) == ("b", "c")

    def test_writes_along_what_the_caller_changed(self) -> None:
        order = OrderFactory.create(total_fen=100)
        order.paid_fen = 100

        with transaction.atomic():
            fire(subject=ORDERS, rows=[order], occurrence=PAYMENT, changed=["paid_fen"], at=NOON)

        assert Order.objects.get(pk=order.pk).paid_fen == 100

    def test_of_a_row_that_somebody_else_moved_is_refused_whole(self) -> None:
        order = OrderFactory.create(total_fen=0)
        Order.objects.filter(pk=order.pk).update(state="closed", category="closed")

        with pytest.raises(RowsMoved):
            tell(order)

        assert OrderEvent.objects.filter(order=order, code="payment_recorded").count() == 0

    @pytest.mark.django_db(transaction=True)
    def test_needs_the_transaction_of_the_act_it_follows(self) -> None:
        order = OrderFactory.create(total_fen=0)

        with pytest.raises(RuntimeError, match="transaction"):
            fire(subject=ORDERS, rows=[order], occurrence=PAYMENT, at=NOON)

    def test_keeps_the_facts_of_what_happened_readable(self) -> None:
        order = OrderFactory.create(total_fen=0)
        occurrence = Occurrence(trigger=Trigger.PAYMENT_SUCCEEDED, facts={"who": "张三 “%”", "amount_fen": 100})

        tell(order, occurrence=occurrence)

        entry = OrderEvent.objects.get(order=order, seq=2)
        assert entry.facts == {"who": "张三 “%”", "amount_fen": 100}
        assert (entry.trigger, entry.transition, entry.at) == ("payment_succeeded", "pay", NOON)


class TestARefusal:
    def test_of_a_fact_is_told_in_the_history_and_moves_nothing(self) -> None:
        order = OrderFactory.create(total_fen=100)

        tell(order)

        entry = OrderEvent.objects.get(order=order, seq=2)
        assert (entry.from_state, entry.to_state, entry.facts) == ("pending_payment", "", {"refused": "conditions"})
        assert Order.objects.get(pk=order.pk).history_seq == 2

    def test_of_an_attempt_leaves_no_trace(self) -> None:
        order = OrderFactory.create(total_fen=100)

        result = tell(order, occurrence=Occurrence(trigger=Trigger.ORDER_REVIVED))

        assert result.refused[order.pk].why == Why.NO_TRANSITION
        assert OrderEvent.objects.filter(order=order).count() == 1


class TestAManualMove:
    def test_is_refused_to_whoever_lacks_the_permission(self) -> None:
        order, stranger = OrderFactory.create(category="in_transit"), UserFactory.create()

        result = tell(order, occurrence=by_hand("complete"), by=stranger)

        assert result.refused[order.pk].why == Why.PERMISSION
        assert "orders.complete_order" in result.refused[order.pk].text
        assert Order.objects.get(pk=order.pk).state == "shipped"

    def test_goes_for_whoever_has_it(self) -> None:
        clerk = UserFactory.create(permissions=["orders.complete_order"])
        order = OrderFactory.create(category="in_transit")

        tell(order, occurrence=by_hand("complete"), by=clerk)

        assert order.state == "completed"
        assert OrderEvent.objects.get(order=order, seq=2).by == clerk

    def test_is_the_one_that_was_chosen_and_no_other(self) -> None:
        order = OrderFactory.create(category="in_transit")

        tell(order, occurrence=by_hand("problem_shipped"))

        assert order.state == "problem"

    def test_that_starts_elsewhere_is_refused(self) -> None:
        order = OrderFactory.create(category="in_transit")

        assert tell(order, occurrence=by_hand("hold")).refused[order.pk].why == Why.NO_TRANSITION


class TestATimeout:
    def late(self, order: Order) -> FireResult:
        with transaction.atomic():
            at = NOON + timedelta(hours=3)
            return fire(subject=ORDERS, rows=[order], occurrence=Occurrence(trigger=Trigger.TIMEOUT), at=at)

    def test_is_due_when_the_state_has_lasted_long_enough(self) -> None:
        version = flow(
            arrow("pay", "ab", Trigger.PAYMENT_SUCCEEDED),
            arrow("soon", "bc", Trigger.TIMEOUT, after=timedelta(hours=2)),
        )
        order = OrderFactory.create(workflow_version=version)

        tell(order)

        assert order.timer_due_at == NOON + timedelta(hours=2)
        assert tell(order, occurrence=Occurrence(trigger=Trigger.TIMEOUT)).refused[order.pk].why == Why.TOO_EARLY
        self.late(order)
        assert Order.objects.values_list("state", "timer_due_at").get(pk=order.pk) == ("c", None)

    def test_never_runs_for_an_imported_order(self) -> None:
        version = flow(
            arrow("pay", "ab", Trigger.PAYMENT_SUCCEEDED),
            arrow("soon", "bc", Trigger.TIMEOUT, after=timedelta(hours=2)),
        )
        order = OrderFactory.create(workflow_version=version, import_job=a_job())

        tell(order)

        assert (order.state, order.timer_due_at) == ("b", None)
