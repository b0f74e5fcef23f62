from __future__ import annotations

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from orders import services as orders
from tests.factories import OrderFactory
from tests.helpers import NOON

pytestmark = pytest.mark.django_db


def explain(order_no: str, **options: object) -> str:
    out = StringIO()
    call_command("workflow_explain", order_no, stdout=out, **options)
    return out.getvalue()


def test_it_names_what_an_underpaid_order_is_missing() -> None:
    order = OrderFactory.create(total_fen=4_900, placed_at=NOON)
    orders.record_payment(order_id=order.pk, amount_fen=3_900, at=NOON)

    said = explain(order.order_no)

    assert "To ship" in said
    assert "✗" in said
    assert "￥10.00" in said.splitlines()[-1]


def test_it_finds_nothing_stuck_where_nothing_has_happened() -> None:
    said = explain(OrderFactory.create(total_fen=4_900).order_no)

    assert "✗" in said
    assert "￥" not in said.splitlines()[-1]


def test_it_speaks_json() -> None:
    order = OrderFactory.create(category="in_transit")

    answer = json.loads(explain(order.order_no, format="json"))

    assert answer["exit_code"] == 0
    assert {row["trigger"] for row in answer["rows"]} == {"manual", "timeout"}


def test_an_order_that_does_not_exist_is_a_plain_failure() -> None:
    with pytest.raises(CommandError):
        explain("nonsense")
