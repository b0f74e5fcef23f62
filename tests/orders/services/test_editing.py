from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import transaction

from kernel.errors import DomainError
from kernel.models import AuditEntry, User
from orders import services as orders
from orders.events import OrderEdited
from orders.models import Order, OrderEvent
from orders.services import DraftLine, EditConflict, OrderChange, OrderNotEditable, PostalDraft, guards
from tests.factories import OrderFactory, ProductFactory, UserFactory
from tests.helpers import NOON, count_published

pytestmark = pytest.mark.django_db


@pytest.fixture
def clerk() -> User:
    return UserFactory.create(display_name="王店长")


def edit(order: Order, by: User, *, version: int | None = None, **change: object) -> Order:
    seen = order.version if version is None else version
    wanted = OrderChange(**change)  # type: ignore[arg-type]
    with transaction.atomic():
        return orders.edit_order(order_id=order.pk, change=wanted, expected_version=seen, by=by, at=NOON)


class TestEditOrder:
    def test_changes_the_price_and_spreads_it(self, clerk: User) -> None:
        order = OrderFactory.create(
            lines=[DraftLine(title="杯", unit_price_fen=3_000), DraftLine(title="盖", unit_price_fen=1_000)]
        )

        edit(order, clerk, adjustment_fen=-400)

        order.refresh_from_db()
        assert (order.total_fen, order.version) == (3_600, 2)
        assert list(order.lines.order_by("line_no").values_list("total_fen", flat=True)) == [2_700, 900]
        assert count_published(OrderEdited, order_id=order.pk) == 1

    def test_keeps_what_it_was_not_told_to_change(self, clerk: User) -> None:
        product = ProductFactory.create()
        order = OrderFactory.create(lines=[DraftLine(product_id=product.pk, title="杯", unit_price_fen=3_000)])

        edit(order, clerk, shipping_fen=500)

        order.refresh_from_db()
        line = order.lines.get()
        assert (line.title, line.product, line.unit_price_fen) == ("杯", product, 3_000)
        assert (order.recipient_name, order.total_fen) == ("李四", 3_500)

    def test_replaces_lines(self, clerk: User) -> None:
        order = OrderFactory.create(total_fen=100)

        edit(order, clerk, lines=[DraftLine(title="新", unit_price_fen=700, quantity=2)])

        assert list(order.lines.values_list("title", "total_fen")) == [("新", 1_400)]

    def test_changes_the_address_and_what_finds_it(self, clerk: User) -> None:
        order = OrderFactory.create()
        earlier = order.recipient_phone_hash

        edit(order, clerk, postal=PostalDraft(recipient_name="赵六", recipient_phone="13700137000", detail="别处"))

        order.refresh_from_db()
        assert (order.recipient_name, order.recipient_phone, order.detail) == ("赵六", "13700137000", "别处")
        assert order.recipient_phone_hash != earlier

    def test_writes_who_changed_what_and_no_address(self, clerk: User) -> None:
        order = OrderFactory.create(total_fen=9_900)

        edit(order, clerk, adjustment_fen=-900, postal=PostalDraft(recipient_phone="13700137000", detail="别处"))

        entry, audit = OrderEvent.objects.get(order=order, code="order_edited"), AuditEntry.objects.get()
        assert (entry.by, audit.by) == (clerk, clerk)
        assert set(entry.facts["changed"]) == {"adjustment_fen", "total_fen", "region", "address"}
        assert (audit.before["total_fen"], audit.after["total_fen"]) == ("￥99.00", "￥90.00")
        for written in (entry.facts, audit.before, audit.after):
            assert "13700137000" not in str(written)
            assert "别处" not in str(written)

    def test_that_makes_it_free_pays_it(self, clerk: User) -> None:
        order = OrderFactory.create(total_fen=9_900)

        edit(order, clerk, adjustment_fen=-9_900)

        order.refresh_from_db()
        assert (order.state, order.payment_status) == ("awaiting_shipment", "paid")


class TestWhatCannotBeEdited:
    @pytest.mark.parametrize("category", ["awaiting_fulfillment", "in_transit", "completed", "closed"])
    def test_an_order_that_does_not_wait_for_payment(self, category: str, clerk: User) -> None:
        order = OrderFactory.create(category=category)

        with pytest.raises(OrderNotEditable):
            edit(order, clerk, adjustment_fen=1)

    def test_an_order_with_a_part_of_the_money(self, clerk: User) -> None:
        order = OrderFactory.create(total_fen=9_900, paid_fen=1, payment_status="partially_paid")

        with pytest.raises(OrderNotEditable):
            edit(order, clerk, adjustment_fen=-100)

    def test_an_order_that_somebody_else_edited_meanwhile(self, clerk: User) -> None:
        order, other = OrderFactory.create(total_fen=9_900), UserFactory.create(display_name="李客服")
        edit(order, other, adjustment_fen=-900, version=1)

        with pytest.raises(EditConflict) as conflict:
            edit(order, clerk, adjustment_fen=-100, version=1)

        text = str(conflict.value)
        assert "李客服" in text
        assert "-￥9.00" in text  # what it says now …
        assert "-￥1.00" in text  # … and what was meant
        order.refresh_from_db()
        assert order.adjustment_fen == -900


class AttemptOpen(DomainError):
    text = "an attempt is open"


class TestAGuardOfAnUpperApp:
    @pytest.fixture(autouse=True)
    def _guarded(self) -> Iterator[None]:
        @orders.register_edit_guard
        def refuse(order: Order) -> None:
            raise AttemptOpen

        yield
        guards._edit_guards.remove(refuse)

    def test_holds_an_edit_back(self, clerk: User) -> None:
        order = OrderFactory.create(total_fen=9_900)

        with pytest.raises(AttemptOpen):
            edit(order, clerk, adjustment_fen=-100)

        order.refresh_from_db()
        assert (order.total_fen, order.version) == (9_900, 1)
