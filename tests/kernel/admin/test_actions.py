from __future__ import annotations

from http import HTTPStatus

import pytest
from django.http import HttpResponse

from kernel.clock import now
from kernel.models import AuditEntry, Delivery, OutboxEvent
from tests.desk import Desk, text

pytestmark = pytest.mark.django_db
ELSEWHERE = "https://evil.example/"


def a_delivery(state: str = Delivery.State.PARKED) -> Delivery:
    event = OutboxEvent.objects.create(name="orders.OrderPaid", payload={"order_id": 1}, created_at=now())
    return Delivery.objects.create(event=event, handler="payments.settle", state=state, due_at=now())


def address(delivery: Delivery) -> str:
    return f"/admin/kernel/delivery/{delivery.pk}/rerun/"


def reruns() -> int:
    return AuditEntry.objects.filter(action="events.rerun").count()


class TestAnAction:
    def test_is_done_by_one_press(self) -> None:
        desk, delivery = Desk("ops"), a_delivery()

        response = desk.submit(address(delivery))

        delivery.refresh_from_db()
        assert response.status_code == HTTPStatus.FOUND
        assert (delivery.state, reruns()) == (Delivery.State.QUEUED, 1)

    def test_is_done_once_by_a_double_click(self) -> None:
        desk, delivery = Desk("ops"), a_delivery()
        pressed = desk.form(address(delivery))

        desk.post(address(delivery), pressed)
        Delivery.objects.update(state=Delivery.State.PARKED)  # so that nothing but the key stands in the way
        second = desk.post(address(delivery), pressed, follow=True)

        assert reruns() == 1
        assert "nothing was done twice" in text(second)

    def test_is_refused_with_a_key_that_was_not_made_here(self) -> None:
        desk, delivery = Desk("ops"), a_delivery()

        response = desk.post(address(delivery), {"_once": "made-up"})

        assert response.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
        assert "This form is too old" in text(response)
        assert reruns() == 0

    def test_tells_a_refusal_with_the_trace_id_of_the_request(self) -> None:
        desk, delivery = Desk("ops"), a_delivery()

        response = desk.post(address(delivery), {"_once": "made-up"})

        assert response.headers["X-Trace-Id"] in text(response)

    def test_shows_why_it_cannot_be_done_and_no_button(self) -> None:
        desk, delivery = Desk("ops"), a_delivery(Delivery.State.DONE)

        page = text(desk.get(address(delivery)))

        assert "Only parked deliveries" in page
        assert 'name="_once"' not in page

    def test_is_closed_to_other_roles(self) -> None:
        assert Desk("support").get(address(a_delivery())).status_code == HTTPStatus.FORBIDDEN

    def test_of_a_row_that_is_gone_leads_to_the_start_page(self) -> None:
        assert Desk("ops").get("/admin/kernel/delivery/0/rerun/").headers["Location"] == "/admin/"


class TestAfterwards:
    def test_people_are_back_where_they_came_from(self) -> None:
        here = "/admin/kernel/delivery/?state__exact=parked"

        assert self.sent_to(here) == here

    def test_nobody_is_sent_to_another_site(self) -> None:
        assert self.sent_to(ELSEWHERE).startswith("/admin/kernel/delivery/")

    def sent_to(self, back: str) -> str:
        desk, delivery = Desk("ops"), a_delivery()
        response: HttpResponse = desk.submit(address(delivery), _back=back)
        return response.headers["Location"]


class TestTheListAction:
    def test_delivers_what_is_parked_and_leaves_the_rest(self) -> None:
        desk, parked, done = Desk("ops"), a_delivery(), a_delivery(Delivery.State.DONE)

        chosen = {"action": "rerun_selected", "_selected_action": [parked.pk, done.pk]}
        response = desk.post("/admin/kernel/delivery/", chosen, follow=True)

        assert "1 delivery is due now." in text(response)
        assert set(Delivery.objects.values_list("state", flat=True)) == {"queued", "done"}
