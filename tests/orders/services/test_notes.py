from __future__ import annotations

import pytest

from kernel.models import User
from orders import services as orders
from orders.models import OrderEvent
from orders.services import EmptyNote, NoteTooLong, timeline
from tests.factories import OrderFactory, UserFactory
from tests.helpers import NOON

pytestmark = pytest.mark.django_db


@pytest.fixture
def clerk() -> User:
    return UserFactory.create()


class TestFlags:
    def test_are_set_and_taken_off_and_remembered(self, clerk: User) -> None:
        order = OrderFactory.create()

        assert orders.set_flag(order_id=order.pk, flag="red", by=clerk, at=NOON).flag == "red"
        assert orders.set_flag(order_id=order.pk, flag="", by=clerk, at=NOON).flag == ""

        told = OrderEvent.objects.filter(order=order, code="flag_set").order_by("seq")
        assert [entry.facts["flag"] for entry in told] == ["red", ""]

    def test_of_many_change_only_those_that_differ(self, clerk: User) -> None:
        red, plain = OrderFactory.create(flag="red"), OrderFactory.create()

        outcomes = orders.set_flags(order_ids=[red.pk, plain.pk], flag="red", by=clerk, at=NOON)

        assert [(it.order_no, it.result) for it in outcomes] == [(red.order_no, "skipped"), (plain.order_no, "done")]
        assert not OrderEvent.objects.filter(order=red, code="flag_set").exists()

    def test_have_five_colours(self, clerk: User) -> None:
        with pytest.raises(ValueError, match="pink"):
            orders.set_flag(order_id=OrderFactory.create().pk, flag="pink", by=clerk, at=NOON)


class TestNotes:
    def test_stay_in_the_timeline(self, clerk: User) -> None:
        order = OrderFactory.create()

        entry = orders.add_note(order_id=order.pk, text=" 周末送 ", by=clerk, at=NOON)

        assert (entry.facts, entry.by, entry.kind) == ({"text": "周末送"}, clerk, "staff")

    def test_say_something(self, clerk: User) -> None:
        with pytest.raises(EmptyNote):
            orders.add_note(order_id=OrderFactory.create().pk, text="  ", by=clerk, at=NOON)

    def test_are_not_cut(self, clerk: User) -> None:
        with pytest.raises(NoteTooLong):
            orders.add_note(order_id=OrderFactory.create().pk, text="长" * 501, by=clerk, at=NOON)

    def test_of_the_merchant_can_be_replaced_and_the_earlier_one_is_kept(self, clerk: User) -> None:
        order = OrderFactory.create(staff_note="旧")

        orders.set_staff_note(order_id=order.pk, text="新", by=clerk, at=NOON)

        order.refresh_from_db()
        assert order.staff_note == "新"
        assert OrderEvent.objects.get(order=order, code="staff_note_set").facts == {"text": "新", "earlier": "旧"}


class TestTags:
    def test_are_put_on_and_taken_off_by_name(self, clerk: User) -> None:
        order = OrderFactory.create()
        orders.tag(order_id=order.pk, add=["急", "企业"], by=clerk, at=NOON)

        orders.tag(order_id=order.pk, add=["急"], remove=["企业"], by=clerk, at=NOON)

        assert list(order.tags.values_list("name", flat=True)) == ["急"]
        assert OrderEvent.objects.filter(order=order, code="tags_set").count() == 2

    def test_go_on_many_orders_at_once_and_not_twice_on_one(self, clerk: User) -> None:
        urgent, plain = OrderFactory.create(), OrderFactory.create()
        orders.tag(order_id=urgent.pk, add=["急"], by=clerk, at=NOON)

        outcomes = orders.tag_many(order_ids=[plain.pk, urgent.pk, 0], add=["急"], by=clerk, at=NOON)

        assert [(it.order_id, it.result) for it in outcomes] == [
            (urgent.pk, "skipped"),
            (plain.pk, "done"),
            (0, "failed"),
        ]
        assert list(plain.tags.values_list("name", flat=True)) == ["急"]
        assert OrderEvent.objects.filter(order=urgent, code="tags_set").count() == 1


class TestTheTimeline:
    def test_is_gapless_even_when_written_through_a_stale_instance(self) -> None:
        order = OrderFactory.create()
        stale = type(order).objects.get(pk=order.pk)

        timeline.append(order=order, kind="staff", code="note", facts={"text": "1"}, at=NOON)
        timeline.append(order=stale, kind="staff", code="note", facts={"text": "2"}, at=NOON)

        seqs = OrderEvent.objects.filter(order=order).order_by("seq").values_list("seq", flat=True)
        assert list(seqs) == [1, 2, 3]
        assert type(order).objects.get(pk=order.pk).history_seq == stale.history_seq == 3
