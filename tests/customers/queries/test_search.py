from __future__ import annotations

import pytest

from customers.queries import search
from tests.factories import CustomerFactory

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "term", ["C00000001", "c00000001", "13800138111", "+8613800138111", "8111", "王小", " 王小明 "]
)
def test_finds_a_customer_by_number_phone_or_the_beginning_of_the_name(term: str) -> None:
    CustomerFactory.create(name="李四", phone="13900139000")
    wanted = CustomerFactory.create(customer_no="C00000001", name="王小明", phone="13800138111")

    assert search(term) == [wanted]


@pytest.mark.parametrize("term", ["", "  ", "小明", "811", "1380013811"])
def test_finds_nobody_by_less(term: str) -> None:
    CustomerFactory.create(customer_no="C00000001", name="王小明", phone="13800138111")

    assert search(term) == []


def test_shows_so_many_and_no_more() -> None:
    for _number in range(5):
        CustomerFactory.create(name="王小明")

    assert len(search("王", limit=3)) == 3
