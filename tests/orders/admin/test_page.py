from __future__ import annotations

from datetime import timedelta
from http import HTTPStatus

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from kernel.clock import now
from kernel.models import AuditEntry, Category
from orders.models import Order, OrderEvent
from orders.services import DraftLine, add_note
from tests.desk import Desk, text
from tests.factories import OrderFactory, ShipmentFactory, UserFactory

pytestmark = pytest.mark.django_db
MOST_QUERIES = 10


def page_of(order: Order) -> str:
    return f"/admin/orders/order/{order.pk}/change/"


def notes(order: Order, count: int) -> None:
    who = UserFactory.create()
    for number in range(count):
        add_note(order_id=order.pk, text=f"note {number}.", by=who, at=now())


class TestQueries:
    @pytest.mark.parametrize("count", [3, 60])
    def test_are_as_few_for_many_lines_events_and_parcels_as_for_few(self, count: int) -> None:
        desk = Desk("owner")
        goods = [DraftLine(title="Cup", unit_price_fen=100) for _line in range(count)]
        order = OrderFactory.create(category=Category.IN_TRANSIT, lines=goods)
        notes(order, count)
        for parcel_no in range(1, count + 1):
            ShipmentFactory.create(order=order, parcel_no=parcel_no)
        desk.get(page_of(order))  # what is remembered for a while is remembered now

        with CaptureQueriesContext(connection) as asked:
            assert desk.get(page_of(order)).status_code == HTTPStatus.OK

        assert len(asked) <= MOST_QUERIES


class TestThePage:
    def test_shows_three_badges_and_the_next_step(self) -> None:
        order = OrderFactory.create(category=Category.AWAITING_FULFILLMENT)

        page = text(Desk("owner").get(page_of(order)))

        assert all(word in page for word in ("To ship", "Paid", "Not shipped"))
        assert f"/admin/orders/order/{order.pk}/ship/" in page

    def test_says_why_a_move_is_shut(self) -> None:
        order = OrderFactory.create(total_fen=9_900, category=Category.AWAITING_FULFILLMENT)

        assert "￥99.00 is paid: refund it first." in text(Desk("owner").get(page_of(order)))

    def test_takes_no_form(self) -> None:
        order = OrderFactory.create()

        response = Desk("owner").post(page_of(order), {"state": "completed", "paid_fen": "1"})

        order.refresh_from_db()
        assert response.status_code == HTTPStatus.FORBIDDEN
        assert order.state == "pending_payment"

    def test_is_not_kept_by_the_browser(self) -> None:
        assert Desk("owner").get(page_of(OrderFactory.create())).headers["Cache-Control"].startswith("no-store")

    def test_of_an_order_that_is_not_there_leads_to_the_start_page(self) -> None:
        assert Desk("owner").get("/admin/orders/order/999/change/").headers["Location"] == "/admin/"

    def test_explains_where_the_order_stands(self) -> None:
        order = OrderFactory.create(total_fen=9_900)

        assert "Waits for" in text(Desk("owner").get(f"/admin/orders/order/{order.pk}/why/"))


class TestTheTimeline:
    def test_is_paged(self) -> None:
        order = OrderFactory.create()
        notes(order, 60)
        desk = Desk("owner")

        first, second = text(desk.get(page_of(order))), text(desk.get(f"{page_of(order)}?events=2"))

        assert "note 59." in first
        assert "note 3." not in first
        assert "note 3." in second

    def test_is_filtered_by_kind(self) -> None:
        order = OrderFactory.create()
        notes(order, 1)

        page = text(Desk("owner").get(f"{page_of(order)}?kind={OrderEvent.Kind.PAYMENT}"))

        assert "note 0." not in page
        assert "Nothing of this kind." in page

    @pytest.mark.parametrize("query", ["events=0", "events=x", "events=99999999999", "kind=other"])
    def test_takes_nonsense_for_the_first_page(self, query: str) -> None:
        order = OrderFactory.create()
        notes(order, 1)

        assert "note 0." in text(Desk("owner").get(f"{page_of(order)}?{query}")) or query == "events=99999999999"


class TestRevealing:
    FETCH = {"X-Requested-With": "fetch"}

    def reveal(self, desk: Desk, order: Order, field: str) -> dict[str, str]:
        url = f"/admin/orders/order/{order.pk}/reveal/"
        answer: dict[str, str] = desk.post(url, {"field": field}, headers=self.FETCH).json()
        return answer

    def test_is_masked_until_it_is_asked_for(self) -> None:
        order = OrderFactory.create(recipient_phone="13800138000", detail="世纪大道 8 号 302 室")

        page = text(Desk("owner").get(page_of(order)))

        assert "138****8000" in page
        assert "13800138000" not in page
        assert "302" not in page

    def test_shows_the_phone_and_logs_who_looked(self) -> None:
        desk, order = Desk("warehouse"), OrderFactory.create(recipient_phone="13800138000")

        answer = self.reveal(desk, order, "phone")

        entry = AuditEntry.objects.get(action="customers.reveal")
        assert answer == {"text": "13800138000"}
        assert (entry.by, entry.subject_id) == (desk.user, str(order.pk))

    def test_hands_out_the_address_on_one_line_for_the_courier(self) -> None:
        order = OrderFactory.create(
            recipient_name="张小明", recipient_phone="13800138000", city="上海市", detail="世纪大道 8 号"
        )

        answer = self.reveal(Desk("warehouse"), order, "address")

        assert answer["text"].startswith("张小明 13800138000")
        assert answer["text"].endswith("世纪大道 8 号")
        assert AuditEntry.objects.filter(action="customers.reveal").count() == 2

    def test_is_not_for_the_auditor(self) -> None:
        order = OrderFactory.create()

        response = Desk("auditor").post(f"/admin/orders/order/{order.pk}/reveal/", {"field": "phone"})

        assert response.status_code == HTTPStatus.FORBIDDEN
        assert not AuditEntry.objects.filter(action="customers.reveal").exists()

    def test_works_as_a_page_without_scripts(self) -> None:
        desk, order = Desk("support"), OrderFactory.create(recipient_phone="13800138000")

        page = text(desk.submit(f"/admin/orders/order/{order.pk}/reveal/?field=phone", field="phone"))

        assert "13800138000" in page


class TestNeighbours:
    def test_are_those_of_the_list_that_was_left(self) -> None:
        at = now()
        old, _between, new = (
            OrderFactory.create(placed_at=at - timedelta(hours=hours), flag=flag)
            for hours, flag in ((3, "red"), (2, ""), (1, "red"))
        )
        url = f"/admin/orders/order/{new.pk}/beside/next/?_changelist_filters=flag__exact%3Dred"

        location = Desk("owner").get(url).headers["Location"]

        assert location.startswith(f"/admin/orders/order/{old.pk}/change/")

    def test_at_the_end_of_the_list_is_the_list(self) -> None:
        order = OrderFactory.create()

        location = Desk("owner").get(f"/admin/orders/order/{order.pk}/beside/previous/").headers["Location"]

        assert location.startswith("/admin/orders/order/?")
