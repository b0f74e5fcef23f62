from __future__ import annotations

from http import HTTPStatus

import pytest

from customers.models import Address, Customer
from customers.services import anonymous_customer
from kernel.clock import now
from kernel.models import AuditEntry
from kernel.secrets import lookup_hash
from tests.desk import Desk, text
from tests.factories import CustomerFactory, OrderFactory

pytestmark = pytest.mark.django_db
LIST = "/admin/customers/customer/"


def page_of(customer: Customer) -> str:
    return f"{LIST}{customer.pk}/change/"


class TestTheList:
    def test_masks_names_and_phones(self) -> None:
        CustomerFactory.create(name="诸葛亮", phone="13800138000")

        page = text(Desk("owner").get(LIST))

        assert "诸*" in page
        assert "138****8000" in page
        assert "诸葛亮" not in page

    @pytest.mark.parametrize("term", ["13800138000", "8000", "诸葛", "C7770001"])
    def test_finds_by_number_phone_and_name(self, term: str) -> None:
        CustomerFactory.create(name="诸葛亮", phone="13800138000", customer_no="C77700010")
        CustomerFactory.create(name="关羽", phone="13900139999")

        page = text(Desk("owner").get(LIST, {"q": "C77700010" if term.startswith("C") else term}))

        assert "1 row" in page


class TestThePage:
    def test_lists_the_newest_orders(self) -> None:
        order = OrderFactory.create()

        assert order.order_no in text(Desk("owner").get(page_of(order.customer)))

    def test_shows_nothing_whole_to_those_who_may_only_look(self) -> None:
        customer = CustomerFactory.create(name="诸葛亮", phone="13800138000", email="zhuge@example.com")

        page = text(Desk("auditor").get(page_of(customer)))

        assert "诸*" in page
        assert "诸葛亮" not in page
        assert "zhuge@" not in page

    def test_keeps_the_phone_that_is_not_typed(self) -> None:
        customer = CustomerFactory.create(phone="13800138000")

        Desk("support").post(page_of(customer), {"name": "诸葛亮", "type": customer.type_id, "new_phone": ""})

        customer.refresh_from_db()
        assert (customer.name, customer.phone) == ("诸葛亮", "13800138000")

    def test_takes_a_new_phone_and_finds_by_it(self) -> None:
        customer = CustomerFactory.create(phone="13800138000")

        Desk("support").post(
            page_of(customer), {"name": "诸葛亮", "type": customer.type_id, "new_phone": "+86 139 0013 9000"}
        )

        customer.refresh_from_db()
        assert customer.phone == "13900139000"
        assert customer.phone_hash == lookup_hash("13900139000", kind="phone")

    def test_writes_nothing_personal_into_the_audit_log(self) -> None:
        customer = CustomerFactory.create()

        Desk("support").post(
            page_of(customer), {"name": "诸葛亮", "type": customer.type_id, "new_phone": "13900139000"}
        )

        entry = AuditEntry.objects.get(action="changed")
        assert entry.after == {"name": "***", "new_phone": "***"}

    def test_of_the_nameless_is_not_edited(self) -> None:
        nobody = anonymous_customer(source="tmall", at=now())

        assert Desk("owner").post(page_of(nobody), {"name": "x"}).status_code == HTTPStatus.FORBIDDEN


class TestAddresses:
    def test_are_added_and_masked(self) -> None:
        desk, customer = Desk("support"), CustomerFactory.create()

        desk.submit(
            f"{LIST}{customer.pk}/add-address/",
            kind="shipping",
            recipient_name="张小明",
            recipient_phone="13800138000",
            city="上海市",
            detail="世纪大道 8 号",
        )

        address, page = Address.objects.get(), text(desk.get(page_of(customer)))
        assert (address.recipient_phone, address.detail) == ("13800138000", "世纪大道 8 号")
        assert "世纪大道" not in page
        assert "张*" in page

    def test_of_another_customer_are_not_shown(self) -> None:
        mine, other = CustomerFactory.create(), CustomerFactory.create()
        address = Address(customer=other, kind="shipping", recipient_name="张小明")
        address.detail = "世纪大道 8 号"
        address.save()

        form = {"field": "detail", "address": address.pk}
        response = Desk("owner").post(f"{LIST}{mine.pk}/reveal/", form, headers={"X-Requested-With": "fetch"})

        assert "世纪大道" not in text(response)


class TestRevealing:
    def test_is_logged(self) -> None:
        desk, customer = Desk("support"), CustomerFactory.create(phone="13800138000")

        answer = desk.post(
            f"{LIST}{customer.pk}/reveal/", {"field": "phone"}, headers={"X-Requested-With": "fetch"}
        ).json()

        assert answer == {"text": "13800138000"}
        assert AuditEntry.objects.get(action="customers.reveal").by == desk.user
