from __future__ import annotations

import re
from html import unescape
from http import HTTPStatus
from typing import Any

import pytest

from kernel.models import AuditEntry
from kernel.shop import shop
from orders.events import OrderClosingRequested
from orders.models import Order
from orders.services import DraftLine
from tests.desk import Desk, text
from tests.factories import OrderFactory
from tests.helpers import count_published

pytestmark = pytest.mark.django_db
LIST = "/admin/orders/order/"
HIDDEN = re.compile(r'<input type="hidden" name="(ids|_back|_once)" value="([^"]*)"')
PHONE, STREET = "13800138000", "人民路 8 号"


def tick(desk: Desk, action: str, *orders: Order, url: str = LIST, **fields: Any) -> Any:
    """Choose an action under the list for these rows."""
    return desk.post(url, {"action": action, "_selected_action": [it.pk for it in orders], **fields})


def do(desk: Desk, action: str, *orders: Order, url: str = LIST, **fields: Any) -> Any:
    """Choose it, fill in the page that it opens, and press the button."""
    hidden = {name: unescape(value) for name, value in HIDDEN.findall(text(tick(desk, action, *orders, url=url)))}
    return desk.post(f"{LIST}selected/{action.removesuffix('_selected')}/", {**hidden, **fields})


class TestManyOrders:
    def test_are_flagged_and_the_list_is_as_it_was(self) -> None:
        desk, (first, second, other) = Desk("support"), OrderFactory.create_batch(3)
        here = f"{LIST}?payment_status__exact=unpaid"

        response = do(desk, "flag_selected", first, second, url=here, flag="green")

        assert response.headers["Location"] == here
        assert {it.flag for it in Order.objects.filter(pk__in=[first.pk, second.pk])} == {"green"}
        assert Order.objects.get(pk=other.pk).flag == ""
        assert "Flag: 2 done, 0 skipped, 0 failed." in text(desk.get(here))

    def test_get_a_tag_and_those_that_have_it_are_named(self) -> None:
        desk, (first, second) = Desk("support"), OrderFactory.create_batch(2)
        do(desk, "tag_selected", first, tags="urgent")

        page = text(do(desk, "tag_selected", first, second, tags="urgent"))

        assert "1 done, 1 skipped, 0 failed" in page
        assert first.order_no in page
        assert "It has this tag already." in page
        assert list(second.tags.values_list("name", flat=True)) == ["urgent"]

    def test_are_asked_to_close_and_the_paid_one_says_why_not(self) -> None:
        unpaid = OrderFactory.create()
        paid = OrderFactory.create(total_fen=9_900, paid_fen=9_900, category="awaiting_fulfillment")

        page = text(do(Desk("manager"), "close_selected", unpaid, paid, reason="out_of_stock"))

        assert "1 done, 0 skipped, 1 failed" in page
        assert paid.order_no in page
        assert "Refund it first" in page
        assert count_published(OrderClosingRequested, order_id=unpaid.pk, reason="out_of_stock") == 1
        assert count_published(OrderClosingRequested, order_id=paid.pk) == 0

    def test_are_closed_once_by_a_double_click(self) -> None:
        desk, order = Desk("manager"), OrderFactory.create()
        hidden = {name: unescape(it) for name, it in HIDDEN.findall(text(tick(desk, "close_selected", order)))}
        for _click in range(2):
            desk.post(f"{LIST}selected/close/", {**hidden, "reason": "test"})

        assert count_published(OrderClosingRequested) == 1
        assert "nothing was done twice" in text(desk.get(LIST))

    def test_stay_as_they_are_without_a_reason(self) -> None:
        response = do(Desk("manager"), "close_selected", OrderFactory.create(), reason="")

        assert response.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
        assert count_published(OrderClosingRequested) == 0

    def test_are_all_that_match_when_all_are_chosen(self) -> None:
        flagged, other = OrderFactory.create(category="closed"), OrderFactory.create()

        page = text(
            tick(Desk("owner"), "flag_selected", flagged, url=f"{LIST}?category__exact=closed", select_across=1)
        )

        assert "1 order is selected" in page
        assert f'name="ids" value="{flagged.pk}"' in page
        assert str(other.pk) not in HIDDEN.findall(page)[0][1].split(",")

    def test_are_no_more_than_can_be_done_at_a_time(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("orders.admin.bulk.MOST", 2)
        desk, orders = Desk("owner"), OrderFactory.create_batch(3)

        tick(desk, "flag_selected", *orders)

        assert "More than 2 orders are selected" in text(desk.get(LIST))

    def test_found_by_one_number_are_not_left_for_their_page(self) -> None:
        order = OrderFactory.create()

        assert "1 order is selected" in text(
            tick(Desk("owner"), "flag_selected", order, url=f"{LIST}?q={order.order_no}")
        )

    def test_are_kept_from_those_who_may_not(self) -> None:
        desk, order = Desk("warehouse"), OrderFactory.create()

        response = desk.post(f"{LIST}selected/close/", {"ids": order.pk, "reason": "test"})

        assert response.status_code == HTTPStatus.FORBIDDEN
        assert 'value="close_selected"' not in text(desk.get(LIST))

    def test_are_exported_alone(self) -> None:
        desk, (taken, left) = Desk("owner"), OrderFactory.create_batch(2)

        address = tick(desk, "export_selected", taken).headers["Location"]
        response: Any = desk.post(address, {"file_format": "csv", "encoding": "utf-8-sig", "people": "masked"})

        content = b"".join(response.streaming_content).decode()
        assert taken.order_no in content
        assert left.order_no not in content


class TestPackingSlips:
    def order(self) -> Order:
        lines = [DraftLine(title="Cup", sku="C-1", unit_price_fen=100, quantity=3)]
        return OrderFactory.create(lines=lines, recipient_name="张小明", recipient_phone=PHONE, detail=STREET)

    def test_show_shop_goods_and_whole_address_and_say_so_in_the_audit_log(self) -> None:
        desk, order = Desk("warehouse"), self.order()

        page = text(desk.submit(f"{LIST}{order.pk}/packing-slip/", people="full"))

        assert all(it in page for it in (shop().name, "Cup", "C-1", "张小明", PHONE, STREET))
        told = AuditEntry.objects.get(action="customers.reveal_printed")
        assert (told.by, told.subject_id) == (desk.user, str(order.pk))

    def test_mask_on_demand_and_log_nothing(self) -> None:
        page = text(Desk("warehouse").submit(f"{LIST}{self.order().pk}/packing-slip/", people="masked"))

        assert "138****8000" in page
        assert PHONE not in page
        assert not AuditEntry.objects.filter(action="customers.reveal_printed").exists()

    def test_are_masked_for_those_who_may_not_reveal(self) -> None:
        desk, order = Desk("finance"), self.order()

        refused = text(desk.submit(f"{LIST}{order.pk}/packing-slip/", people="full"))
        page = text(desk.submit(f"{LIST}{order.pk}/packing-slip/", people="masked"))

        assert not any(it in refused + page for it in (PHONE, STREET, "张小明"))
        assert "Cup" in page

    def test_of_many_orders_are_a_page_each(self) -> None:
        desk, orders = Desk("warehouse"), [self.order(), self.order()]

        page = text(do(desk, "slips_selected", *orders, people="full"))

        assert page.count('<article class="bo-slip">') == 2
        assert all(it.order_no in page for it in orders)
        assert AuditEntry.objects.filter(action="customers.reveal_printed").count() == 2

    def test_stop_at_the_most_of_a_day(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("customers.services.revealing.PRINTED_PER_DAY", 1)

        page = text(do(Desk("warehouse"), "slips_selected", self.order(), self.order(), people="full"))

        assert "the 1 of one day" in page
        assert PHONE not in page
