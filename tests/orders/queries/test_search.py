from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.db.models import QuerySet
from django.test.utils import CaptureQueriesContext

from orders.models import Order
from orders.queries import find_order_ids, register_search, split_terms
from orders.queries import search as search_orders
from orders.queries.search import _lookups
from orders.services import DraftLine
from tests.factories import CustomerFactory, OrderFactory, ShipmentFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def order() -> Order:
    customer = CustomerFactory.create(name="王小明", phone="13800138111")
    order = OrderFactory.create(
        order_no="202611220001",
        source="taobao",
        external_order_no="6917926768823643751",
        customer=customer,
        recipient_name="赵铁柱",
        recipient_phone="13900139222",
        category="in_transit",
        lines=[DraftLine(title="杯", sku="CUP-500", unit_price_fen=100)],
    )
    ShipmentFactory.create(order=order, tracking_no="SF1390000001")
    OrderFactory.create(order_no="202611220002", recipient_phone="13700137000", recipient_name="孙七")
    return order


class TestFindOrderIds:
    @pytest.mark.parametrize(
        "text",
        [
            "202611220001",
            " 202611220001\n",
            "6917926768823643751",
            "SF1390000001",
            "sf1390000001",
            "CUP-500",
            "13900139222",
            "+86 139-0013-9222".replace(" ", ""),
            "9222",
            "13800138111",
            "8111",
            "王小明",
            "王小",
            "赵铁",
        ],
    )
    def test_finds_an_order_by_whatever_people_have_in_hand(self, order: Order, text: str) -> None:
        assert find_order_ids(text) == [order.pk]

    @pytest.mark.parametrize(
        "text", ["", "20261122", "20261122000", "1390013922", "222", "9223", "小明", "铁柱", "SF139", "CUP", "'; --"]
    )
    def test_finds_nothing_by_a_part_of_a_number_or_the_middle_of_a_name(self, order: Order, text: str) -> None:
        assert find_order_ids(text) == []

    def test_finds_each_of_a_pasted_list_once(self, order: Order) -> None:
        text = "202611220001, SF1390000001\n202611220002；孙七 202699999999"

        assert sorted(find_order_ids(text)) == sorted(Order.objects.values_list("pk", flat=True))

    def test_reads_two_hundred_terms_and_no_more(self) -> None:
        assert len(split_terms("\n".join(str(number) for number in range(300)))) == 200

    def test_asks_the_database_once_for_a_number_and_twice_at_most(self, order: Order) -> None:
        for text, most in (("9222", 1), ("13900139222", 1), ("王小明", 1), ("202611220001 王小明", 2)):
            with CaptureQueriesContext(connection) as queries:
                find_order_ids(text)
            assert len(queries) <= most, text

    def test_stops_at_the_limit(self, order: Order) -> None:
        assert len(find_order_ids("202611220001 202611220002", limit=1)) == 1

    def test_narrows_a_list(self, order: Order) -> None:
        closed = Order.objects.filter(category="closed")

        assert list(search_orders(Order.objects.all(), "9222")) == [order]
        assert list(search_orders(closed, "9222")) == []


class TestALookupOfAnUpperApp:
    @pytest.fixture(autouse=True)
    def _registered(self) -> Iterator[None]:
        @register_search
        def by_made_up_number(numbers: Any) -> QuerySet[Any, Any]:
            wanted = [number.removeprefix("P-") for number in numbers]
            return Order.objects.filter(order_no__in=wanted).values_list("pk", flat=True)

        yield
        _lookups.remove(by_made_up_number)

    def test_finds_orders_too(self, order: Order) -> None:
        assert find_order_ids("P-202611220001") == [order.pk]
