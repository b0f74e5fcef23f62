from __future__ import annotations

import pytest
from pytest_django import DjangoCaptureOnCommitCallbacks

from kernel import counters
from orders import services as orders
from orders.queries import tab_counts
from tests.factories import OrderFactory
from tests.helpers import NOON

pytestmark = pytest.mark.django_db


def test_tabs_are_counted_from_the_rows() -> None:
    OrderFactory.create()
    OrderFactory.create(category="closed")
    OrderFactory.create(category="closed")

    counts = tab_counts()

    assert (counts["pending_payment"], counts["closed"], counts["completed"]) == (1, 2, 0)


def test_the_tabs_that_are_no_category_count_what_they_list() -> None:
    OrderFactory.create(category="problem")
    OrderFactory.create(total_fen=100, paid_fen=100, category="pending_payment")
    OrderFactory.create(category="awaiting_fulfillment", fulfillment_status="partially_fulfilled")
    OrderFactory.create(category="completed", aftersales_status="open")

    counts = tab_counts()

    assert (counts["attention"], counts["partly_shipped"], counts["in_aftersales"]) == (2, 1, 1)


def test_an_order_that_moves_moves_the_counts(
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    order = OrderFactory.create(total_fen=9_900)
    tab_counts()

    with django_capture_on_commit_callbacks(execute=True):
        orders.record_payment(order_id=order.pk, amount_fen=9_900, at=NOON)

    counts = tab_counts()
    assert (counts["pending_payment"], counts["awaiting_fulfillment"]) == (0, 1)
    assert counts == counters.recount("orders", at=NOON)  # and as the rows say
