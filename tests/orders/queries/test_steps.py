from __future__ import annotations

import pytest

from kernel.models import User
from orders.models import Order
from orders.queries import Step, next_steps
from tests.factories import OrderFactory, UserFactory

pytestmark = pytest.mark.django_db

ALL = ["orders.ship_order", "orders.change_order", "orders.close_order", "orders.complete_order"]


@pytest.fixture
def manager() -> User:
    return UserFactory.create(permissions=ALL)


def steps(order: Order, user: User) -> dict[str, Step]:
    return {step.code: step for step in next_steps(order, user=user)}


class TestNextSteps:
    @pytest.mark.parametrize(
        ("state", "first"), [("awaiting_shipment", "ship"), ("partially_shipped", "ship"), ("shipped", "complete")]
    )
    def test_begin_with_what_should_happen_next(self, state: str, first: str, manager: User) -> None:
        order = OrderFactory.create(state=state)

        step = next_steps(order, user=manager)[0]

        assert (step.code, step.is_next, step.is_enabled) == (first, True, True)

    def test_say_why_an_unpaid_order_is_not_shipped(self, manager: User) -> None:
        found = steps(OrderFactory.create(), manager)

        assert not found["ship"].is_enabled
        assert found["ship"].reason
        assert found["edit"].is_enabled
        assert found["close"].is_enabled

    def test_say_that_a_paid_order_is_refunded_and_not_closed(self, manager: User) -> None:
        close = steps(OrderFactory.create(total_fen=9_900, category="awaiting_fulfillment"), manager)["close"]

        assert "￥99.00" in close.reason

    def test_tell_whoever_may_not_which_right_is_missing(self) -> None:
        order = OrderFactory.create(category="awaiting_fulfillment")

        found = steps(order, UserFactory.create(permissions=["orders.change_order"]))

        assert "orders.ship_order" in found["ship"].reason
        assert found["hold"].is_enabled

    @pytest.mark.parametrize("state", ["closed", "completed", "on_hold", "problem", "shipped", "delivered"])
    def test_ship_nothing_that_cannot_be_shipped(self, state: str, manager: User) -> None:
        assert not steps(OrderFactory.create(state=state), manager)["ship"].is_enabled
