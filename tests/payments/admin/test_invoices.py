from __future__ import annotations

from http import HTTPStatus
from io import BytesIO
from typing import Any

import pytest
from django.test import Client

from backoffice.staff.matrix import Role
from payments.models import InvoiceRequest
from tests.payments.invoices import COMPANY, NUMBER, TAX_NO, asked, paid_order, pdf, refunded, take, xml, zipped

from .staff import address, signed_in, submit, text_of

pytestmark = pytest.mark.django_db

LIST = "payments_invoicerequest_changelist"


def upload(name: str, content: bytes) -> BytesIO:
    file = BytesIO(content)
    file.name = name
    return file


def page(client: Client, row: InvoiceRequest) -> str:
    return text_of(client.get(address("payments_invoicerequest_change", row.pk)))


def of_order(name: str, row: Any) -> str:
    return address(f"orders_order_{name}", row.pk)


class TestTheList:
    def test_shows_what_is_to_be_issued_first(self, finance: Client) -> None:
        waiting, done = asked(paid_order()), asked(paid_order())
        take(("a.xml", xml(done)))

        text = text_of(finance.get(address(LIST)))

        assert waiting.request_no in text
        assert done.request_no not in text

    @pytest.mark.parametrize("part", ["", "issued", "sent", "red", "failed", "all"])
    def test_opens_in_every_part(self, finance: Client, part: str) -> None:
        order = paid_order()
        row = asked(order)
        take(("a.xml", xml(row)))
        refunded(order, amount_fen=100)

        text = text_of(finance.get(address(LIST), {"part": part}))

        assert (row.request_no in text) == (part in ("sent", "all"))
        assert (row.reds.get().request_no in text) == (part in ("red", "all"))

    def test_finds_by_order_invoice_and_tax_number(self, finance: Client) -> None:
        row = asked(paid_order())
        asked(paid_order(), title=COMPANY.__class__(name="别人"))

        for term in (row.order.order_no, row.request_no, TAX_NO):
            text = text_of(finance.get(address(LIST), {"part": "all", "q": term}))
            assert row.request_no in text
            assert "别人" not in text


class TestThePage:
    def test_shows_lines_with_tax_and_hides_where_it_goes(self, finance: Client) -> None:
        row = asked(paid_order(), title=COMPANY.__class__(name="张三", phone="13800138000"))

        text = page(finance, row)

        assert "￥157.52" in text
        assert "￥20.48" in text
        assert "13800138000" not in text

    def test_takes_files_and_gives_them_back(self, finance: Client) -> None:
        row = asked(paid_order())

        submit(finance, address("payments_invoicerequest_upload", row.pk), documents=upload("a.xml", xml(row)))

        row.refresh_from_db()
        assert (row.status, row.invoice_no) == ("sent", NUMBER)
        file = row.files.get()
        assert finance.get(address("payments_invoicerequest_file", file.pk)).content == xml(row)

    def test_says_why_a_file_is_refused(self, finance: Client) -> None:
        row = asked(paid_order())

        answer = submit(
            finance,
            address("payments_invoicerequest_upload", row.pk),
            documents=upload("a.xml", xml(row, total="1.00")),
        )

        assert "￥1.00" in text_of(answer)
        row.refresh_from_db()
        assert row.status == "requested"

    def test_cancels_with_a_reason(self, finance: Client) -> None:
        row = asked(paid_order())

        submit(finance, address("payments_invoicerequest_cancel", row.pk), reason="客户不要了")

        row.refresh_from_db()
        assert (row.status, row.reason) == ("canceled", "客户不要了")

    def test_sets_rate_and_title_and_notes_a_refusal(self, finance: Client) -> None:
        row = asked(paid_order(rate=None))
        assert "no VAT rate" in page(finance, row)

        submit(finance, address("payments_invoicerequest_tax", row.pk), percent="13", tax_code="")
        submit(
            finance, address("payments_invoicerequest_title", row.pk), type="general", kind="individual", name="李四"
        )
        submit(finance, address("payments_invoicerequest_fail", row.pk), reason="授信额度不足")

        row.refresh_from_db()
        assert (row.tax_fen, row.title_name, row.tax_no, row.status) == (2_048, "李四", "", "failed")

    def test_sends_again(self, finance: Client) -> None:
        row = asked(paid_order())
        take(("a.xml", xml(row)))

        submit(finance, address("payments_invoicerequest_send", row.pk))

        row.refresh_from_db()
        assert row.times_sent == 2


class TestManyAtOnce:
    def test_go_out_as_a_list_and_come_back_as_a_zip(self, finance: Client) -> None:
        rows = [asked(paid_order()) for _ in range(2)]

        answer = finance.post(address("payments_invoicerequest_export"), {})
        assert answer.headers["Content-Disposition"].startswith("attachment")
        assert answer.content.startswith(b"PK")

        files = {f"{n}.xml": xml(row, number=f"2431200000001234567{n}") for n, row in enumerate(rows)}
        bundle = upload("all.zip", zipped(**files, **{"x.pdf": pdf()}))
        text = text_of(finance.post(address("payments_invoicerequest_take"), {"documents": bundle}))

        assert "24312000000012345670" in text
        assert "x.pdf ✕" in text
        assert set(InvoiceRequest.objects.values_list("status", flat=True)) == {"sent"}

    def test_says_that_there_is_nothing_to_export(self, finance: Client) -> None:
        answer = finance.post(address("payments_invoicerequest_export"), {})

        assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
        assert "No invoice is ready" in text_of(answer)


class TestOnAnOrder:
    def test_is_requested_by_support(self) -> None:
        order = paid_order()
        support = signed_in(Role.SUPPORT)

        submit(support, of_order("invoice", order), type="general", kind="company", name="某某", tax_no=TAX_NO)

        row = InvoiceRequest.objects.get()
        assert (row.order, row.origin) == (order, "staff")
        assert row.request_no in text_of(support.get(of_order("change", order)))
        refused = support.post(address("payments_invoicerequest_cancel", row.pk), {"reason": "x"})
        assert refused.status_code == HTTPStatus.FORBIDDEN

    def test_refuses_a_wrong_tax_number_with_words(self, finance: Client) -> None:
        fields = {"type": "general", "kind": "company", "name": "某某", "tax_no": "91350100M000100Y44"}

        answer = submit(finance, of_order("invoice", paid_order()), **fields)

        assert "check digit" in text_of(answer)
        assert not InvoiceRequest.objects.exists()

    def test_makes_and_sends_a_link(self, finance: Client) -> None:
        order = paid_order()

        assert "/invoice/" in submit(finance, of_order("invoice_link", order)).content.decode()
        submit(finance, of_order("send_invoice_link", order))

        assert "A link to ask for an invoice was sent" in text_of(finance.get(of_order("change", order)))

    def test_prints_the_receipt(self, finance: Client) -> None:
        order = paid_order()

        page = finance.get(of_order("receipt", order)).content.decode()

        assert "壹佰柒拾捌圆整" in page
        assert "<h1>Receipt</h1>" in page
