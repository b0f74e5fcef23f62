from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from datetime import timedelta
from http import HTTPStatus
from typing import Any

import pytest
import time_machine
from django.test import Client

from orders.models import Order
from payments.models import InvoiceLink, InvoiceRequest
from payments.services import NothingReceived, create_invoice_link, receipt_pdf
from tests import requirements
from tests.factories import OrderFactory
from tests.helpers import NOON, frozen
from tests.payments.invoices import NUMBER, TAX_NO, asked, paid_order, pdf, refunded, take, xml

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    with frozen() as clock:
        yield clock


@pytest.fixture
def order() -> Order:
    return paid_order()


def link_to(order: Order) -> str:
    url = create_invoice_link(order_id=order.pk, by=None, at=NOON)[1]
    return re.sub(r"^https?://[^/]+", "", url)


def customer(language: str = "en") -> Client:
    client = Client()
    client.cookies["django_language"] = language
    return client


def unpacked(pdf: bytes) -> bytes:
    """What stands in a PDF's compressed streams."""
    streams = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.DOTALL)
    return b"".join(zlib.decompressobj().decompress(it) for it in streams if it.startswith(b"\x78"))


def text(response: Any) -> str:
    return str(response.content.decode())


class TestThePage:
    def test_asks_for_the_title_of_what_can_be_invoiced(self, order: Order) -> None:
        page = text(customer().get(link_to(order)))

        assert "￥178.00" in page
        assert 'name="tax_no"' in page

    def test_speaks_chinese_unless_asked_otherwise(self, order: Order) -> None:
        page = text(Client().get(link_to(order)))

        assert "发票抬头" in page
        assert 'lang="zh-hans"' in page

    def test_shows_nothing_of_the_person_who_ordered(self, order: Order) -> None:
        page = text(customer().get(link_to(order)))

        for private in (order.recipient_name, order.recipient_phone, order.detail, order.customer.name):
            assert private not in page

    def test_is_as_strict_as_the_pay_page(self, order: Order) -> None:
        response = customer().get(link_to(order))

        assert "default-src 'none'" in response.headers["Content-Security-Policy"]
        assert "unsafe" not in response.headers["Content-Security-Policy"]
        assert response.headers["Cache-Control"] == "no-store"
        assert response.headers["Referrer-Policy"] == "no-referrer"
        assert "<script" not in text(response)
        assert "style=" not in text(response)

    def test_ends_after_sixty_days(self, order: Order, clock: time_machine.Traveller) -> None:
        path = link_to(order)
        clock.move_to(NOON + timedelta(days=60))

        assert customer().get(path).status_code == HTTPStatus.GONE

    def test_cannot_be_guessed(self, order: Order) -> None:
        path = link_to(order)

        answer = customer().get(path[:-3] + "xy/")

        assert answer.status_code == HTTPStatus.NOT_FOUND
        assert order.order_no not in text(answer)
        assert path.split("/")[2] not in str(InvoiceLink.objects.values().get())

    def test_turns_away_who_keeps_guessing(self, order: Order) -> None:
        answers = [customer().get(f"/invoice/guess{number}/").status_code for number in range(30)]

        assert HTTPStatus.TOO_MANY_REQUESTS in answers

    def test_is_made_for_no_order_without_money(self) -> None:
        with pytest.raises(NothingReceived):
            create_invoice_link(order_id=OrderFactory.create().pk, by=None, at=NOON)


class TestAsking:
    def test_makes_a_request_with_what_was_typed(self, order: Order) -> None:
        path, client = link_to(order), customer()

        answer = client.post(f"{path}ask", {"kind": "company", "name": "某某公司", "tax_no": f" {TAX_NO.lower()} "})

        assert answer.headers["Location"] == path
        row = InvoiceRequest.objects.get()
        assert (row.order, row.origin, row.tax_no, row.type) == (order, "customer", TAX_NO, "general")
        assert "To be issued" in text(client.get(path))

    def test_makes_one_of_two_clicks(self, order: Order) -> None:
        path, client = link_to(order), customer()

        for _ in range(2):
            answer = client.post(f"{path}ask", {"kind": "individual", "name": "张三"})

        assert answer.status_code == HTTPStatus.FOUND
        assert InvoiceRequest.objects.count() == 1

    def test_keeps_what_was_typed_when_it_is_refused(self, order: Order) -> None:
        answer = customer().post(f"{link_to(order)}ask", {"kind": "company", "name": "<b>某某", "tax_no": "9135"})

        assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
        assert "check digit" in text(answer)
        assert 'value="&lt;b&gt;某某"' in text(answer)
        assert not InvoiceRequest.objects.exists()

    def test_is_for_nobody_without_the_link(self, order: Order) -> None:
        answer = customer().post("/invoice/guess/ask", {"kind": "individual", "name": "张三"})

        assert answer.status_code == HTTPStatus.NOT_FOUND
        assert not InvoiceRequest.objects.exists()


class TestFiles:
    @pytest.fixture
    def row(self, order: Order) -> InvoiceRequest:
        row = asked(order)
        take(("a.xml", xml(row)), (f"{NUMBER}.pdf", pdf("legal")))
        return row

    def test_are_downloaded_and_never_shown(self, row: InvoiceRequest) -> None:
        path = link_to(row.order)
        file = row.files.get(format="pdf")

        answer = customer().get(f"{path}file/{file.pk}")

        assert answer.content == pdf("legal")
        assert answer.headers["Content-Disposition"] == f'attachment; filename="{NUMBER}.pdf"'
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert f"{path}file/{file.pk}" in text(customer().get(path))

    def test_of_other_orders_are_not_there(self, row: InvoiceRequest) -> None:
        path = link_to(paid_order())

        assert customer().get(f"{path}file/{row.files.first().pk}").status_code == HTTPStatus.NOT_FOUND  # type: ignore[union-attr]


class TestTheReceipt:
    @pytest.mark.parametrize(("language", "title"), [("zh-hans", "收据"), ("en", "Receipt")])
    def test_says_what_was_received_in_capitals_and_is_no_invoice(
        self, order: Order, language: str, title: str
    ) -> None:
        page = text(customer(language).get(f"{link_to(order)}receipt"))

        assert f"<h1>{title}</h1>" in page
        assert "壹佰柒拾捌圆整" in page
        assert order.order_no in page
        assert "发票" not in page

    def test_takes_off_what_went_back(self, order: Order) -> None:
        refunded(order, amount_fen=7_800)

        page = text(customer().get(f"{link_to(order)}receipt"))

        assert "壹佰圆整" in page
        assert "￥78.00" in page

    def test_is_to_be_printed_where_no_pdf_can_be_made(self, order: Order, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(receipt_pdf, "find_spec", lambda name: None)
        path = f"{link_to(order)}receipt"

        assert "print this page" in text(customer().get(path))
        refused = customer().get(path, {"pdf": "1"})
        assert refused.headers["Content-Type"].startswith("text/html")
        assert "print this page" in text(refused)

    def test_comes_as_a_pdf_with_its_chinese_font_inside(self, order: Order) -> None:
        requirements.pdf()
        path = f"{link_to(order)}receipt"
        assert "?pdf=1" in text(customer().get(path))

        answer = customer("zh-hans").get(path, {"pdf": "1"})

        assert answer.headers["Content-Type"] == "application/pdf"
        assert answer.content.startswith(b"%PDF")
        inside = unpacked(answer.content)
        assert b"/FontFile" in inside
        assert b"CJK" in inside
