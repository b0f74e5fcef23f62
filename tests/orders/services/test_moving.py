from __future__ import annotations

import pytest
from django.db import transaction

from kernel.models import AuditEntry, Category, Transition, Trigger, User
from orders import services as orders
from orders.events import OrderCompleted
from orders.models import Order, OrderEvent
from orders.services import CannotMove, ClosesThroughGateway, OrderChanged
from tests.factories import OrderFactory, UserFactory
from tests.helpers import NOON, count_published

pytestmark = pytest.mark.django_db


@pytest.fixture
def clerk() -> User:
    return UserFactory.create(permissions=["orders.change_order", "orders.complete_order"])


def move(order: Order, code: str, by: User, *, version: int | None = 1, reason: str = "") -> Order:
    with transaction.atomic():
        return orders.move(
            order_id=order.pk, transition_code=code, expected_version=version, reason=reason, by=by, at=NOON
        )


class TestMove:
    def test_takes_the_chosen_way_and_writes_who_and_why(self, clerk: User) -> None:
        order = OrderFactory.create(category="awaiting_fulfillment")

        move(order, "hold", clerk, reason="等客户确认地址")

        order.refresh_from_db()
        entry, audit = OrderEvent.objects.get(order=order, seq=2), AuditEntry.objects.get()
        assert (order.state, order.category) == ("on_hold", "on_hold")
        assert (entry.by, entry.facts) == (clerk, {"reason": "等客户确认地址"})
        assert (audit.before, audit.after, audit.reason) == (
            {"state": "awaiting_shipment"},
            {"state": "on_hold"},
            "等客户确认地址",
        )

    def test_is_refused_with_what_is_missing(self, clerk: User) -> None:
        order = OrderFactory.create(state="problem")

        with pytest.raises(CannotMove, match=order.order_no):
            move(order, "resolve_shipped", clerk)

        assert not AuditEntry.objects.exists()

    def test_is_refused_to_whoever_may_not(self) -> None:
        order = OrderFactory.create(category="awaiting_fulfillment")

        with pytest.raises(CannotMove, match=r"orders\.change_order"):
            move(order, "hold", UserFactory.create())

    def test_is_refused_on_a_page_that_is_out_of_date(self, clerk: User) -> None:
        order = OrderFactory.create(category="awaiting_fulfillment", version=2)

        with pytest.raises(OrderChanged):
            move(order, "hold", clerk, version=1)

    def test_never_closes_past_the_gateway(self, clerk: User) -> None:
        order = OrderFactory.create()
        states = order.workflow_version.states
        Transition.objects.create(
            version=order.workflow_version,
            code="just_close",
            name="直接关闭",
            from_state=states.get(code="pending_payment"),
            to_state=states.get(code="closed"),
            trigger=Trigger.MANUAL,
        )

        with pytest.raises(ClosesThroughGateway):
            move(order, "just_close", clerk)

        order.refresh_from_db()
        assert order.category == Category.PENDING_PAYMENT


class TestComplete:
    @pytest.mark.parametrize("state", ["shipped", "delivered"])
    def test_completes_what_is_with_the_customer(self, state: str, clerk: User) -> None:
        order = OrderFactory.create(state=state)

        orders.complete(order_id=order.pk, by=clerk, at=NOON)

        order.refresh_from_db()
        assert (order.state, order.completed_at) == ("completed", NOON)
        assert count_published(OrderCompleted, order_id=order.pk) == 1

    @pytest.mark.parametrize("state", ["pending_payment", "awaiting_shipment", "closed", "completed"])
    def test_completes_nothing_else(self, state: str, clerk: User) -> None:
        order = OrderFactory.create(state=state)

        with pytest.raises(CannotMove):
            orders.complete(order_id=order.pk, by=clerk, at=NOON)
