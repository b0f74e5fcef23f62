from __future__ import annotations

import pytest
from django.db import transaction

from kernel.models import AuditEntry, Message, User
from orders import services as orders
from orders.events import OrderShipped
from orders.models import Carrier, Order, OrderEvent, Shipment
from orders.services import (
    CannotShip,
    DraftLine,
    NothingToShip,
    TrackingNoUsed,
    UnknownCarrier,
    WrongShipQuantity,
    WrongTrackingNo,
)
from tests.factories import CustomerFactory, OrderFactory, UserFactory, a_job
from tests.helpers import NOON, count_published

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _carriers() -> None:
    orders.ensure_carriers()


def to_ship(**more: object) -> Order:
    more.setdefault("category", "awaiting_fulfillment")
    lines = [
        DraftLine(title="杯", unit_price_fen=3_000, quantity=2),
        DraftLine(title="盖", unit_price_fen=1_000, quantity=1),
    ]
    return OrderFactory.create(lines=lines, **more)


def ship(
    order: Order, quantities: dict[int, int] | None = None, *, no: str = "SF1390000001", code: str = "SF"
) -> Shipment:
    with transaction.atomic():
        return orders.ship(
            order_id=order.pk, carrier_code=code, tracking_no=no, quantities=quantities, by=None, at=NOON
        )


class TestShipWhole:
    def test_moves_the_order_on(self) -> None:
        order = to_ship()

        shipment = ship(order, no=" sf139 0000001 ")

        order.refresh_from_db()
        assert (order.state, order.fulfillment_status, order.shipped_at) == ("shipped", "fulfilled", NOON)
        assert (shipment.tracking_no, shipment.carrier_name, shipment.parcel_no) == ("SF1390000001", "顺丰速运", 1)
        assert dict(shipment.lines.values_list("line__title", "quantity")) == {"杯": 2, "盖": 1}
        assert count_published(OrderShipped, order_id=order.pk, shipment_id=shipment.pk) == 1

    def test_tells_the_customer_once(self) -> None:
        order = to_ship()

        ship(order)

        assert Message.objects.get().template == "order_shipped"

    def test_of_an_imported_order_tells_nobody(self) -> None:
        ship(to_ship(import_job=a_job()))

        assert not Message.objects.exists()
        assert count_published(OrderShipped) == 0

    def test_happens_once(self) -> None:
        order = to_ship()
        ship(order)

        with pytest.raises(NothingToShip):
            ship(order, no="SF1390000002")

    def test_starts_the_time_after_which_it_is_complete(self) -> None:
        order = to_ship()

        ship(order)

        order.refresh_from_db()
        assert order.timer_due_at is not None
        assert (order.timer_due_at - NOON).days == 10


class TestShipInParts:
    def test_ships_a_part_and_then_the_rest(self) -> None:
        order = to_ship()
        cup, lid = order.lines.order_by("line_no")

        ship(order, {cup.pk: 1})
        order.refresh_from_db()
        assert (order.state, order.fulfillment_status) == ("partially_shipped", "partially_fulfilled")

        second = ship(order, no="SF1390000002")
        order.refresh_from_db()
        assert (order.state, order.fulfillment_status) == ("shipped", "fulfilled")
        assert dict(second.lines.values_list("line", "quantity")) == {cup.pk: 1, lid.pk: 1}

    def test_of_three_parts_keeps_a_gapless_history(self) -> None:
        order = to_ship()
        cup, lid = order.lines.order_by("line_no")

        for number, part in enumerate(({cup.pk: 1}, {cup.pk: 1}, {lid.pk: 1})):
            ship(order, part, no=f"SF139000000{number}")

        assert list(OrderEvent.objects.filter(order=order).order_by("seq").values_list("seq", "code")) == [
            (1, "order_created"),
            (2, "part_shipped"),
            (3, "part_shipped"),
            (4, "shipped"),
        ]

    def test_of_more_than_is_left_is_refused(self) -> None:
        order = to_ship()
        cup, _lid = order.lines.order_by("line_no")
        ship(order, {cup.pk: 1})

        with pytest.raises(WrongShipQuantity, match="杯"):
            ship(order, {cup.pk: 2}, no="SF1390000002")

    @pytest.mark.parametrize("pieces", [0, -1])
    def test_of_nothing_is_refused(self, pieces: int) -> None:
        order = to_ship()
        cup, _lid = order.lines.order_by("line_no")

        with pytest.raises(WrongShipQuantity):
            ship(order, {cup.pk: pieces})

    def test_of_another_order_s_line_is_refused(self) -> None:
        order, other = to_ship(), to_ship()

        with pytest.raises(WrongShipQuantity):
            ship(order, {other.lines.all()[0].pk: 1})


class TestWhatCannotBeShipped:
    @pytest.mark.parametrize("state", ["pending_payment", "closed", "on_hold", "problem"])
    def test_an_order_whose_state_does_not_let_it_go(self, state: str) -> None:
        order = to_ship(category="", state=state)

        with pytest.raises(CannotShip, match=order.order_no):
            ship(order)

        order.refresh_from_db()
        assert (order.state, order.fulfillment_status) == (state, "unfulfilled")
        assert not Shipment.objects.exists()
        assert set(order.lines.values_list("shipped_quantity", flat=True)) == {0}

    @pytest.mark.parametrize("number", ["", "123", "2.02611E+11", "快递", "A" * 65])
    def test_a_number_that_is_none(self, number: str) -> None:
        with pytest.raises(WrongTrackingNo):
            ship(to_ship(), no=number)

    def test_a_carrier_that_is_not_in_the_book(self) -> None:
        with pytest.raises(UnknownCarrier):
            ship(to_ship(), code="UFO")

    def test_a_number_that_another_customer_s_parcel_has(self) -> None:
        first, second = to_ship(), to_ship()
        ship(first)

        with pytest.raises(TrackingNoUsed, match=first.order_no):
            ship(second)

    def test_a_number_twice_in_one_order(self) -> None:
        order = to_ship()
        cup, _lid = order.lines.order_by("line_no")
        ship(order, {cup.pk: 1})

        with pytest.raises(TrackingNoUsed):
            ship(order)


def test_two_orders_of_one_customer_may_share_a_parcel() -> None:
    customer = CustomerFactory.create()
    first, second = to_ship(customer=customer), to_ship(customer=customer)
    ship(first)

    assert ship(second).tracking_no == "SF1390000001"


class TestCorrectTracking:
    def correct(self, shipment: Shipment, no: str, *, code: str = "ZTO") -> Shipment:
        clerk = UserFactory.create(display_name="李仓")
        return orders.correct_tracking(
            shipment_id=shipment.pk, carrier_code=code, tracking_no=no, reason="写错了", by=clerk, at=NOON
        )

    def test_puts_it_right_and_keeps_the_earlier_one(self) -> None:
        shipment = ship(to_ship())

        self.correct(shipment, "735123456")

        shipment.refresh_from_db()
        assert (shipment.carrier_name, shipment.tracking_no) == ("中通快递", "735123456")
        [earlier] = shipment.corrections
        assert (earlier["tracking_no"], earlier["carrier"], earlier["reason"]) == ("SF1390000001", "顺丰速运", "写错了")
        assert AuditEntry.objects.get().before["tracking_no"] == "SF1390000001"
        assert OrderEvent.objects.filter(order=shipment.order, code="tracking_corrected").count() == 1

    def test_may_change_the_carrier_alone(self) -> None:
        shipment = ship(to_ship())

        assert self.correct(shipment, "SF1390000001").carrier_name == "中通快递"

    def test_refuses_a_number_in_use(self) -> None:
        ship(to_ship(), no="SF1390000009")
        shipment = ship(to_ship())

        with pytest.raises(TrackingNoUsed):
            self.correct(shipment, "SF1390000009")


class TestCarriers:
    def test_are_seeded_once_and_what_was_edited_stays(self) -> None:
        Carrier.objects.filter(code="SF").update(name="我的顺丰")
        count = Carrier.objects.count()

        orders.ensure_carriers()

        assert Carrier.objects.count() == count
        assert Carrier.objects.get(code="SF").name == "我的顺丰"

    @pytest.mark.parametrize(
        ("number", "code"),
        [("SF139", "SF"), ("yt88001", "YTO"), ("JT30", "JTSD"), ("JDVB01", "JD"), ("773001", "STO"), ("9800", "YZPY")],
    )
    def test_are_suggested_by_how_a_number_begins(self, number: str, code: str) -> None:
        suggested = orders.suggest_carrier(number)

        assert suggested is not None
        assert suggested.code == code

    def test_are_not_guessed(self) -> None:
        assert orders.suggest_carrier("431234567") is None

    @pytest.mark.parametrize(
        ("written", "code"),
        [
            ("圆通", "YTO"),
            ("圆通快递", "YTO"),
            ("yuantong", "YTO"),
            ("SF", "SF"),
            ("百世汇通", "HTKY"),
            ("邮政EMS", "EMS"),
        ],
    )
    def test_are_found_by_any_of_their_names(self, written: str, code: str) -> None:
        found = orders.find_carrier(written)

        assert found is not None
        assert found.code == code


def test_who_ships_is_in_the_history() -> None:
    clerk: User = UserFactory.create()
    order = to_ship()

    orders.ship(order_id=order.pk, carrier_code="SF", tracking_no="SF1390000001", by=clerk, at=NOON)

    assert OrderEvent.objects.get(order=order, code="shipped").by == clerk
