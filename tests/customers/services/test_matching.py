from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from customers import services as customers
from customers.models import Customer, CustomerType
from customers.services import CustomerDraft, NoCustomerName, NoSuchCustomerType, match_many
from kernel.phones import phone_columns
from tests.helpers import NOON

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _types() -> None:
    customers.ensure_customer_types()


def find(name: str = "张三", phone: str = "13800138000", email: str = "", type_code: str = "individual") -> Customer:
    return customers.find_or_create(name=name, phone=phone, email=email, type_code=type_code, at=NOON)


class TestFindOrCreate:
    def test_makes_a_customer_whose_phone_is_sealed_and_findable(self) -> None:
        customer = Customer.objects.get(pk=find(phone="+86 138-0013-8000").pk)

        assert (customer.name, customer.phone) == ("张三", "13800138000")
        assert customer.type == CustomerType.objects.get(code="individual")
        assert "13800138000" not in customer.phone_sealed
        assert customer.phone_tail_hash == phone_columns("13800138000", prefix="phone_")["phone_tail_hash"]
        assert customer.customer_no == "C202611220001"

    def test_finds_the_same_phone_and_name_however_they_are_written(self) -> None:
        assert find() == find(name=" 张三 ", phone="86 138 0013 8000")

    def test_takes_another_name_on_a_family_s_phone_for_another_person(self) -> None:
        assert find() != find(name="李四")

    def test_takes_the_same_name_without_a_phone_for_another_person(self) -> None:
        assert find(phone="") != find(phone="")

    def test_adds_an_e_mail_address_and_overwrites_none(self) -> None:
        find()
        assert find(email="a@example.com").email == "a@example.com"

        assert find(email="b@example.com").email == "a@example.com"

    def test_needs_a_name(self) -> None:
        with pytest.raises(NoCustomerName):
            find(name=" ")

    def test_needs_a_type_that_exists(self) -> None:
        with pytest.raises(NoSuchCustomerType, match="alien"):
            find(type_code="alien")


class TestMatchMany:
    def test_answers_in_the_order_of_the_drafts(self) -> None:
        known = find()
        drafts = [
            CustomerDraft(name="李四", phone="13900139000"),
            CustomerDraft(name="张三", phone="13800138000"),
            CustomerDraft(name="李四", phone="139 0013 9000"),
            CustomerDraft(name="李四"),
            CustomerDraft(name="李四"),
        ]

        four, three, again, nameless, another = match_many(drafts, at=NOON)

        assert (three, again) == (known, four)
        assert len({four.pk, nameless.pk, another.pk}) == 3
        assert {four.name, nameless.name} == {"李四"}

    def test_twice_makes_nobody_twice(self) -> None:
        drafts = [CustomerDraft(name="李四", phone=f"1390013{number:04d}") for number in range(30)]

        assert match_many(drafts, at=NOON) == match_many(drafts, at=NOON)
        assert Customer.objects.count() == 30

    @pytest.mark.parametrize(
        ("few", "many"),
        [  # MySQL tells one new key at a time, SQLite takes so many values at once, PostgreSQL COPYs larger batches
            pytest.param(2, 40, marks=pytest.mark.only_on("sqlite", "postgresql")),
            pytest.param(60, 200, marks=pytest.mark.only_on("postgresql")),
        ],
    )
    def test_costs_the_same_for_many_as_for_few(self, few: int, many: int) -> None:
        find()  # makes the number series
        with CaptureQueriesContext(connection) as first:
            match_many([CustomerDraft(name="李四", phone=f"1380013{number:04d}") for number in range(few)], at=NOON)
        with CaptureQueriesContext(connection) as second:
            match_many([CustomerDraft(name="李四", phone=f"1390013{number:04d}") for number in range(many)], at=NOON)

        assert len(second) == len(first)


class TestTheAnonymousCustomer:
    def test_is_one_for_each_source(self) -> None:
        first = customers.anonymous_customer(source="tmall", at=NOON)

        assert customers.anonymous_customer(source="tmall", at=NOON) == first
        assert customers.anonymous_customer(source="jd", at=NOON) != first
        assert first.is_anonymous


def test_types_are_seeded_once_and_a_renamed_one_keeps_its_name() -> None:
    CustomerType.objects.filter(code="group").update(name="社群")

    customers.ensure_customer_types()

    assert sorted(CustomerType.objects.values_list("code", flat=True)) == ["company", "group", "individual"]
    assert CustomerType.objects.get(code="group").name == "社群"
