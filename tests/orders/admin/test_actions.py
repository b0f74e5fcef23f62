from __future__ import annotations

from http import HTTPStatus

import pytest

from kernel.models import Category
from orders.events import OrderClosingRequested
from orders.models import Order, Shipment
from orders.services import DraftLine
from tests.desk import Desk, text
from tests.factories import OrderFactory, ShipmentFactory, carrier
from tests.helpers import published

pytestmark = pytest.mark.django_db
NUMBER = "SF1234567890123"


def address(order: Order, action: str) -> str:
    return f"/admin/orders/order/{order.pk}/{action}/"


def to_ship(*quantities: int) -> Order:
    goods = [DraftLine(title=f"Cup {n}", unit_price_fen=100, quantity=n) for n in quantities or (2,)]
    return OrderFactory.create(category=Category.AWAITING_FULFILLMENT, lines=goods)


class TestShipping:
    def test_ships_what_the_form_says(self) -> None:
        desk, order = Desk("warehouse"), to_ship(3, 2)
        carrier()
        first, second = order.lines.order_by("line_no")
        pieces = {f"line_{first.pk}": 1, f"line_{second.pk}": 0}

        desk.submit(address(order, "ship"), tracking_no=NUMBER, carrier="SF", **pieces)

        order.refresh_from_db()
        assert order.fulfillment_status == Order.FulfillmentStatus.PARTIALLY_FULFILLED
        assert list(order.lines.order_by("line_no").values_list("shipped_quantity", flat=True)) == [1, 0]

    def test_takes_the_carrier_from_the_number(self) -> None:
        desk, order = Desk("warehouse"), to_ship()
        carrier()
        line = order.lines.get()

        desk.submit(address(order, "ship"), tracking_no=NUMBER, carrier="", **{f"line_{line.pk}": 2})

        assert Shipment.objects.get(order=order).carrier == carrier("SF")

    def test_asks_for_the_carrier_where_the_number_does_not_tell(self) -> None:
        desk, order = Desk("warehouse"), to_ship()
        carrier()

        response = desk.submit(address(order, "ship"), tracking_no="0000000000", carrier="")

        assert response.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
        assert "choose one" in text(response)

    def test_refuses_more_than_is_left(self) -> None:
        desk, order = Desk("warehouse"), to_ship(2)
        carrier()
        line = order.lines.get()

        desk.submit(address(order, "ship"), tracking_no=NUMBER, carrier="SF", **{f"line_{line.pk}": 3})

        assert not Shipment.objects.filter(order=order).exists()

    def test_keeps_what_was_typed_when_it_is_refused(self) -> None:
        desk, order = Desk("warehouse"), to_ship()
        carrier()
        line = order.lines.get()

        page = text(desk.submit(address(order, "ship"), tracking_no="!", carrier="SF", **{f"line_{line.pk}": 1}))

        assert 'value="!"' in page
        assert "is no tracking number" in page

    def test_is_shut_for_what_is_not_paid(self) -> None:
        assert "It is not paid." in text(Desk("warehouse").get(address(OrderFactory.create(), "ship")))


class TestCorrecting:
    def test_puts_a_wrong_number_right_and_keeps_the_earlier_one(self) -> None:
        desk, parcel = Desk("warehouse"), ShipmentFactory.create(tracking_no="SF0000000000001")
        url = f"{address(parcel.order, 'correct-tracking')}?parcel={parcel.pk}"

        desk.submit(url, tracking_no=NUMBER, carrier="SF", reason="Typed wrongly")

        parcel.refresh_from_db()
        assert parcel.tracking_no == NUMBER
        assert parcel.corrections[0]["tracking_no"] == "SF0000000000001"

    def test_leaves_the_parcels_of_other_orders_alone(self) -> None:
        desk, order = Desk("warehouse"), to_ship()
        other = ShipmentFactory.create(tracking_no="SF0000000000001")

        response = desk.submit(
            address(order, "correct-tracking"), parcel=other.pk, tracking_no=NUMBER, carrier="SF", reason="x"
        )

        other.refresh_from_db()
        assert "There is no such parcel." in text(response)
        assert other.tracking_no == "SF0000000000001"


class TestClosing:
    def test_asks_for_it(self) -> None:
        desk, order = Desk("support"), OrderFactory.create()

        desk.submit(address(order, "close"), reason="out_of_stock")

        assert published(OrderClosingRequested) == [
            {"order_id": order.pk, "reason": "out_of_stock", "by_id": desk.user.pk}
        ]

    def test_takes_no_reason_that_is_not_for_staff(self) -> None:
        desk, order = Desk("support"), OrderFactory.create()

        desk.submit(address(order, "close"), reason="payment_timeout")

        assert published(OrderClosingRequested) == []


class TestMoving:
    def test_follows_the_transition_that_was_pressed(self) -> None:
        desk, order = Desk("manager"), OrderFactory.create(category=Category.IN_TRANSIT)

        desk.submit(f"{address(order, 'move')}?to=complete", to="complete")

        order.refresh_from_db()
        assert order.category == Category.COMPLETED

    def test_asks_for_the_right_that_the_transition_names(self) -> None:
        desk, order = Desk("auditor"), OrderFactory.create(category=Category.IN_TRANSIT)

        response = desk.submit(f"{address(order, 'move')}?to=complete", to="complete")

        order.refresh_from_db()
        assert "Your role may not do this" in text(response)
        assert order.category == Category.IN_TRANSIT

    def test_of_an_order_that_somebody_changed_meanwhile_is_a_conflict(self) -> None:
        desk, order = Desk("manager"), OrderFactory.create(category=Category.IN_TRANSIT)
        form = desk.form(f"{address(order, 'move')}?to=complete")
        Order.objects.filter(pk=order.pk).update(version=7)

        response = desk.post(address(order, "move"), form)

        assert response.status_code == HTTPStatus.CONFLICT


class TestTags:
    def test_are_put_on_and_taken_off(self) -> None:
        desk, order = Desk("support"), OrderFactory.create()
        desk.submit(address(order, "tags"), tags="gift, express")

        desk.submit(address(order, "tags"), tags="gift vip")

        assert set(order.tags.values_list("name", flat=True)) == {"gift", "vip"}


class TestNotes:
    def test_stand_in_the_timeline(self) -> None:
        desk, order = Desk("finance"), OrderFactory.create()

        desk.submit(address(order, "note"), text="Called the customer")

        assert [event.facts["text"] for event in order.events.filter(code="note")] == ["Called the customer"]
