from __future__ import annotations

from datetime import timedelta
from http import HTTPStatus

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from kernel import counters
from kernel.clock import now
from kernel.models import Category
from orders.services import DraftLine, set_flag, set_staff_note
from tests.desk import Desk, text
from tests.factories import CustomerFactory, OrderFactory, ShipmentFactory, UserFactory

pytestmark = pytest.mark.django_db
LIST = "/admin/orders/order/"
MOST_QUERIES = 8


def some_orders(count: int, *, lines: int = 1) -> None:
    for _number in range(count):
        goods = [DraftLine(title="Cup", unit_price_fen=100) for _line in range(lines)]
        order = OrderFactory.create(category=Category.IN_TRANSIT, lines=goods)
        ShipmentFactory.create(order=order)


def queries(desk: Desk, url: str) -> int:
    desk.get(url)  # what is remembered for a while is remembered now
    with CaptureQueriesContext(connection) as asked:
        assert desk.get(url).status_code == HTTPStatus.OK
    return len(asked)


class TestQueries:
    @pytest.mark.parametrize(("count", "lines"), [(3, 1), (60, 1), (3, 60)])
    def test_are_as_few_for_many_orders_and_lines_as_for_few(self, count: int, lines: int) -> None:
        desk = Desk("owner")
        some_orders(count, lines=lines)

        assert queries(desk, LIST) <= MOST_QUERIES


class TestTabs:
    def test_count_what_waits(self) -> None:
        OrderFactory.create_batch(2, category=Category.AWAITING_FULFILLMENT)
        counters.recount_all(at=now())

        assert '<span class="bo-count bo-urgent">2</span>' in text(Desk("owner").get(LIST))

    def test_leave_out_other_orders(self) -> None:
        shown = OrderFactory.create(category=Category.COMPLETED)
        hidden = OrderFactory.create()

        page = text(Desk("owner").get(f"{LIST}?category__exact=completed"))

        assert shown.order_no in page
        assert hidden.order_no not in page

    def test_for_problems_hold_contradictions(self) -> None:
        paid = OrderFactory.create(total_fen=100, paid_fen=100, category=Category.PENDING_PAYMENT)
        quiet = OrderFactory.create()

        page = text(Desk("owner").get(f"{LIST}?attention=yes"))

        assert "Paid, not moved on" in page
        assert paid.order_no in page
        assert quiet.order_no not in page


class TestTheSearchBox:
    def test_opens_the_one_order_that_a_number_means(self) -> None:
        order = OrderFactory.create()
        OrderFactory.create()

        response = Desk("owner").get(LIST, {"q": order.order_no})

        assert response.headers["Location"] == f"{LIST}{order.pk}/change/"

    def test_opens_the_order_of_a_tracking_number(self) -> None:
        parcel = ShipmentFactory.create(tracking_no="SF1234567890")

        response = Desk("owner").get(LIST, {"q": "SF1234567890"})

        assert response.headers["Location"] == f"{LIST}{parcel.order.pk}/change/"

    def test_lists_all_orders_of_a_pasted_list(self) -> None:
        meant = OrderFactory.create_batch(2)
        other = OrderFactory.create()

        page = text(Desk("owner").get(LIST, {"q": "\n".join(order.order_no for order in meant)}))

        assert all(order.order_no in page for order in meant)
        assert other.order_no not in page

    def test_finds_by_the_last_four_digits_of_a_phone(self) -> None:
        OrderFactory.create_batch(2, recipient_phone="13800131234")
        other = OrderFactory.create(recipient_phone="13800139999")

        page = text(Desk("owner").get(LIST, {"q": "1234"}))

        assert "2 rows" in page
        assert other.order_no not in page

    def test_finds_by_name_without_opening(self) -> None:
        order = OrderFactory.create(customer=CustomerFactory.create(name="诸葛亮"))

        page = text(Desk("owner").get(LIST, {"q": "诸葛"}))

        assert order.order_no in page

    def test_says_so_when_nothing_is_found(self) -> None:
        assert "0 rows" in text(Desk("owner").get(LIST, {"q": "nothing-like-it-1"}))


class TestARow:
    def test_masks_the_customer(self) -> None:
        OrderFactory.create(recipient_name="张小明", recipient_phone="13800138000")

        page = text(Desk("owner").get(LIST))

        assert "张*" in page
        assert "138****8000" in page
        assert "张小明" not in page
        assert "13800138000" not in page

    def test_offers_the_next_step(self) -> None:
        order = OrderFactory.create(category=Category.AWAITING_FULFILLMENT)

        assert f"/admin/orders/order/{order.pk}/ship/?_back=" in text(Desk("warehouse").get(LIST))

    def test_says_why_a_move_is_shut(self) -> None:
        OrderFactory.create()

        assert "It is not paid." in text(Desk("owner").get(LIST))

    def test_counts_down_to_the_deadline(self) -> None:
        OrderFactory.create(category=Category.AWAITING_FULFILLMENT, ship_by=now() - timedelta(hours=1))

        assert "▲ 1:00:0" in text(Desk("owner").get(LIST))

    def test_names_the_first_good_and_counts_the_rest(self) -> None:
        OrderFactory.create(lines=[DraftLine(title=f"Cup {n}", unit_price_fen=1, quantity=n) for n in (1, 2, 3)])

        page = text(Desk("owner").get(LIST))

        assert "Cup 1 ×1" in page
        assert "and 2 more" in page

    def test_shows_flag_and_note(self) -> None:
        order, who = OrderFactory.create(), UserFactory.create()
        set_flag(order_id=order.pk, flag="red", by=who, at=now())
        set_staff_note(order_id=order.pk, text="On Saturday", by=who, at=now())

        page = text(Desk("owner").get(LIST))

        assert "Red" in page
        assert "On Saturday" in page


class TestMarking:
    def test_changes_flag_and_note_and_returns_to_the_list_as_it_was(self) -> None:
        desk, order = Desk("warehouse"), OrderFactory.create()
        here = f"{LIST}?payment_status__exact=unpaid"

        response = desk.submit(f"{LIST}{order.pk}/mark/", flag="green", staff_note="Ring twice", _back=here)

        order.refresh_from_db()
        assert response.headers["Location"] == here
        assert (order.flag, order.staff_note) == ("green", "Ring twice")

    def test_is_not_offered_to_those_who_may_not(self) -> None:
        order = OrderFactory.create()

        assert f"{order.pk}/mark/" not in text(Desk("auditor").get(LIST))
