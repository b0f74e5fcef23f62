from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from typing import Any

import pytest
from django.db import connection

from kernel.errors import DomainError
from kernel.models import Category, User
from orders.admin import before_edit, editing
from orders.models import Order
from orders.services import DraftLine
from tests.desk import Desk, text
from tests.factories import OrderFactory

pytestmark = pytest.mark.django_db


def address(order: Order) -> str:
    return f"/admin/orders/order/{order.pk}/edit/"


def an_order() -> Order:
    return OrderFactory.create(lines=[DraftLine(title="Cup", unit_price_fen=9_900)], detail="世纪大道 8 号")


def cups(quantity: int, **fields: Any) -> dict[str, Any]:
    return {
        "lines-TOTAL_FORMS": 1,
        "lines-INITIAL_FORMS": 1,
        "lines-0-title": "Cup",
        "lines-0-unit_price": "99.00",
        "lines-0-quantity": quantity,
        **fields,
    }


class TestEditing:
    def test_changes_lines_and_price(self) -> None:
        order = an_order()

        Desk("support").submit(address(order), **cups(3, shipping="10", discount="7"))

        order.refresh_from_db()
        assert (order.total_fen, order.version) == (30_000, 2)

    def test_keeps_an_address_that_is_left_empty(self) -> None:
        order = an_order()

        Desk("support").submit(address(order), **cups(2))

        order.refresh_from_db()
        assert order.detail == "世纪大道 8 号"

    def test_replaces_an_address_that_is_typed(self) -> None:
        order = an_order()

        Desk("support").submit(address(order), **cups(1, recipient_name="李四", detail="人民路 1 号"))

        order.refresh_from_db()
        assert (order.recipient_name, order.detail) == ("李四", "人民路 1 号")

    def test_never_shows_the_address(self) -> None:
        assert "世纪大道" not in text(Desk("support").get(address(an_order())))

    def test_is_shut_for_a_paid_order(self) -> None:
        order = OrderFactory.create(category=Category.AWAITING_FULFILLMENT)

        assert "only while it is unpaid" in text(Desk("support").get(address(order)))


class TestTwoEditors:
    def test_the_second_sees_what_the_first_did_and_what_they_wrote(self) -> None:
        desk, order = Desk("support"), an_order()
        shown_before = desk.form(address(order))
        Desk("manager").submit(address(order), **cups(5))

        response = desk.post(address(order), {**shown_before, **cups(2)})

        order.refresh_from_db()
        assert response.status_code == HTTPStatus.CONFLICT
        assert "while you were editing" in text(response)
        assert "￥495.00" in text(response)
        assert order.total_fen == 49_500


class StillOpen(DomainError):
    text = "The customer is paying just now."


class TestWhatMustHappenFirst:
    def test_happens_outside_of_any_transaction_and_may_refuse(
        self, monkeypatch: pytest.MonkeyPatch, transactional_db: None
    ) -> None:
        inside: list[bool] = []
        monkeypatch.setattr(editing, "_before_edit", [])

        @before_edit
        def refuse(*, order_id: int, by: User, at: datetime) -> None:
            inside.append(connection.in_atomic_block)
            raise StillOpen

        order = an_order()
        response = Desk("support").submit(address(order), **cups(2))

        order.refresh_from_db()
        assert inside == [False]
        assert "The customer is paying just now." in text(response)
        assert order.version == 1
