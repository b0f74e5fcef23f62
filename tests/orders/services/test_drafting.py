from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from customers import services as customers
from customers.models import Customer
from kernel.models import ShopSettings
from kernel.phones import phone_columns
from orders.events import OrderCreated, OrderPaid
from orders.models import Order, OrderEvent
from orders.services import (
    DraftLine,
    ExternalNumberTaken,
    LineIncomplete,
    NoGoods,
    NoSuchProduct,
    OrderDraft,
    PostalDraft,
    WrongQuantity,
    create_order,
)
from tests.factories import CustomerFactory, OrderFactory, ProductFactory, UserFactory, default_workflow
from tests.helpers import NOON, count_published

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _shop() -> None:
    default_workflow()
    customers.ensure_customer_types()


CUP = DraftLine(title="保温杯", unit_price_fen=9_900, quantity=2)


def draft(*lines: DraftLine, **more: object) -> OrderDraft:
    more.setdefault("customer", customers.CustomerDraft(name="张三", phone="138 0013 8000"))
    return OrderDraft(lines=lines or (CUP,), **more)  # type: ignore[arg-type]


def make(*lines: DraftLine, **more: object) -> Order:
    order = create_order(draft=draft(*lines, **more), by=None, at=NOON)
    return Order.objects.get(pk=order.pk)


class TestCreateOrder:
    def test_waits_for_payment_until_the_shop_s_deadline(self) -> None:
        order = make()

        assert (order.state, order.payment_status, order.total_fen) == ("pending_payment", "unpaid", 19_800)
        assert order.payment_due_at == order.closing_due_at == NOON + timedelta(minutes=30)
        assert order.remind_due_at == NOON + timedelta(minutes=15)
        assert count_published(OrderCreated, order_id=order.pk) == 1

    def test_takes_the_deadlines_from_the_settings(self) -> None:
        ShopSettings.objects.update_or_create(pk=1, defaults={"payment_minutes": 60, "reminder_minutes": 0})

        order = make()

        assert (order.payment_due_at, order.remind_due_at) == (NOON + timedelta(minutes=60), None)

    def test_is_numbered_by_the_day_in_shanghai(self) -> None:
        late_on_the_22nd = datetime(2026, 11, 22, 15, 59, 59, tzinfo=UTC)
        numbers = [
            create_order(draft=draft(), by=None, at=at).order_no
            for at in (late_on_the_22nd, late_on_the_22nd, late_on_the_22nd + timedelta(seconds=1))
        ]

        assert numbers == ["202611220001", "202611220002", "202611230001"]

    def test_passes_over_a_number_that_an_imported_order_holds(self) -> None:
        OrderFactory.create(order_no="202611220001")

        assert make().order_no == "202611220002"

    def test_begins_its_history(self) -> None:
        clerk = UserFactory.create()

        order = create_order(draft=draft(), by=clerk, at=NOON)

        entry = OrderEvent.objects.get(order=order)
        assert (entry.seq, entry.code, entry.to_state, entry.by) == (1, "order_created", "pending_payment", clerk)
        assert order.history_seq == 1

    def test_stores_each_line_s_share_of_discount_and_adjustment(self) -> None:
        cup, lid = DraftLine(title="杯", unit_price_fen=3_000), DraftLine(title="盖", unit_price_fen=1_000)

        order = make(cup, lid, discount_fen=400, adjustment_fen=-100, shipping_fen=800)

        shares = order.lines.order_by("line_no").values_list("discount_fen", "adjustment_fen", "total_fen")
        assert list(shares) == [(300, -75, 2_625), (100, -25, 875)]
        assert order.total_fen == 4_300

    def test_keeps_where_it_goes_sealed_and_findable(self) -> None:
        postal = PostalDraft(
            recipient_name="李四", recipient_phone="+86 139-0013-9000", city="上海市", detail="某路 8 号"
        )

        order = make(postal=postal)

        assert (order.recipient_phone, order.detail) == ("13900139000", "某路 8 号")
        assert "13900139000" not in order.recipient_phone_sealed
        assert order.recipient_phone_hash == phone_columns("13900139000")["hash"]

    def test_costs_few_statements_whatever_the_number_of_lines(self) -> None:
        make()

        with CaptureQueriesContext(connection) as one:
            make(CUP)
        with CaptureQueriesContext(connection) as twenty:
            make(*[CUP] * 20)

        assert len(twenty) == len(one)
        assert len(one) <= 16


class TestAnOrderThatCostsNothing:
    def test_is_paid_at_once(self) -> None:
        order = make(DraftLine(title="补发", unit_price_fen=0))

        assert (order.state, order.payment_status, order.paid_at) == ("awaiting_shipment", "paid", NOON)
        assert order.closing_due_at is None
        assert count_published(OrderPaid, order_id=order.pk) == 1


class TestTheCustomer:
    def test_is_found_again_by_phone_and_name(self) -> None:
        first, second = make(), make()

        assert first.customer == second.customer
        assert Customer.objects.count() == 1

    def test_can_be_one_who_is_known(self) -> None:
        known = CustomerFactory.create()

        assert make(customer=None, customer_id=known.pk).customer == known

    def test_must_be_named(self) -> None:
        with pytest.raises(customers.NoCustomerName):
            make(customer=None)

    def test_gets_nothing_while_blocked(self) -> None:
        known = CustomerFactory.create(is_blocked=True)

        with pytest.raises(customers.CustomerIsBlocked):
            make(customer=None, customer_id=known.pk)

    def test_gets_nothing_while_blocked_under_a_new_draft_either(self) -> None:
        CustomerFactory.create(name="张三", phone="13800138000", is_blocked=True)

        with pytest.raises(customers.CustomerIsBlocked):
            make()


class TestTheGoods:
    def test_come_from_the_book_with_its_price(self) -> None:
        product = ProductFactory.create(title="清洁刷", sku="B-1", price_fen=1_500)

        line = make(DraftLine(product_id=product.pk, quantity=3)).lines.get()

        assert (line.title, line.sku, line.unit_price_fen, line.total_fen) == ("清洁刷", "B-1", 1_500, 4_500)

    def test_may_be_sold_at_another_price(self) -> None:
        product = ProductFactory.create(price_fen=1_500)

        assert make(DraftLine(product_id=product.pk, unit_price_fen=1_200)).total_fen == 1_200

    def test_are_needed(self) -> None:
        with pytest.raises(NoGoods):
            create_order(draft=OrderDraft(lines=(), customer_id=1), by=None, at=NOON)

    @pytest.mark.parametrize("line", [DraftLine(title="杯"), DraftLine(title=" ", unit_price_fen=1)])
    def test_need_a_title_and_a_price(self, line: DraftLine) -> None:
        with pytest.raises(LineIncomplete):
            make(line)

    @pytest.mark.parametrize("quantity", [0, -1, 1_000_001])
    def test_need_a_sensible_quantity(self, quantity: int) -> None:
        with pytest.raises(WrongQuantity):
            make(DraftLine(title="杯", unit_price_fen=1, quantity=quantity))

    def test_must_be_on_sale(self) -> None:
        gone = ProductFactory.create(is_active=False)

        with pytest.raises(NoSuchProduct):
            make(DraftLine(product_id=gone.pk))


def test_the_same_external_number_cannot_be_ordered_twice() -> None:
    make(source="phone", external_order_no="A1")

    with pytest.raises(ExternalNumberTaken, match="A1"):
        make(source="phone", external_order_no="A1")
    assert make(source="shop", external_order_no="A1").external_order_no == "A1"
