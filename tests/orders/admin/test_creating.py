from __future__ import annotations

from http import HTTPStatus
from typing import Any

import pytest

from customers.models import Customer
from customers.services import ensure_customer_types
from orders.models import Order
from tests.desk import Desk, text
from tests.factories import CustomerFactory, ProductFactory, default_workflow

pytestmark = pytest.mark.django_db
ADD = "/admin/orders/order/add/"


@pytest.fixture(autouse=True)
def _ready() -> None:
    ensure_customer_types()
    default_workflow()


def filled(*lines: dict[str, Any], **fields: Any) -> dict[str, Any]:
    form: dict[str, Any] = {"lines-TOTAL_FORMS": len(lines), "lines-INITIAL_FORMS": 0, **fields}
    for number, line in enumerate(lines):
        form.update({f"lines-{number}-{name}": value for name, value in line.items()})
    return form


CUP = {"title": "Cup", "unit_price": "99.00", "quantity": 2}
ZHANG = {"name": "张小明", "phone": "13800138000", "type_code": "individual"}


class TestANewOrder:
    def test_for_a_new_customer_with_free_lines(self) -> None:
        desk = Desk("support")

        response = desk.submit(ADD, **filled(CUP, **ZHANG, shipping="10", city="上海市", detail="世纪大道 8 号"))

        order = Order.objects.get()
        assert response.headers["Location"] == f"/admin/orders/order/{order.pk}/change/"
        assert (order.total_fen, order.shipping_fen, order.customer.name) == (20_800, 1_000, "张小明")
        assert order.detail == "世纪大道 8 号"

    def test_for_a_known_customer_from_the_product_book(self) -> None:
        desk, customer, product = Desk("support"), CustomerFactory.create(), ProductFactory.create(price_fen=5_000)

        desk.submit(ADD, **filled({"product": product.pk, "quantity": 3}, customer=customer.pk))

        order = Order.objects.get()
        assert (order.customer, order.total_fen) == (customer, 15_000)
        assert order.lines.get().title == product.title

    def test_is_made_once_by_a_double_click(self) -> None:
        desk = Desk("support")
        form = {**desk.form(ADD), **filled(CUP, **ZHANG)}

        first, second = desk.post(ADD, form), desk.post(ADD, form)

        assert Order.objects.count() == 1
        assert first.headers["Location"] == second.headers["Location"]

    def test_knows_a_customer_by_phone_and_name(self) -> None:
        desk = Desk("support")
        desk.submit(ADD, **filled(CUP, **ZHANG))

        desk.submit(ADD, **filled(CUP, **ZHANG))

        assert Customer.objects.filter(name="张小明").count() == 1


class TestARefusal:
    def test_names_what_is_missing_and_keeps_the_rest(self) -> None:
        response = Desk("support").submit(ADD, **filled({"title": "Cup", "quantity": 1}, **ZHANG))

        assert response.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
        assert "needs a title and a price" in text(response)
        assert 'value="张小明"' in text(response)
        assert not Order.objects.exists()

    def test_of_a_bad_amount_stands_at_the_field(self) -> None:
        page = text(Desk("support").submit(ADD, **filled({**CUP, "unit_price": "9.999"}, **ZHANG)))

        assert "is not an amount" in page

    def test_of_a_discount_above_the_goods(self) -> None:
        page = text(Desk("support").submit(ADD, **filled(CUP, **ZHANG, discount="500")))

        assert "is more than the goods cost" in page


class TestFindingTheCustomer:
    def test_tells_customers_apart_and_shows_nobody_whole(self) -> None:
        CustomerFactory.create(name="张小明", phone="13800138000")

        page = text(Desk("support").get(ADD, {"find": "张"}))

        assert "张* 138****8000" in page
        assert "张小明" not in page

    def test_says_so_when_there_is_none(self) -> None:
        assert "Nobody found" in text(Desk("support").get(ADD, {"find": "无此人"}))
