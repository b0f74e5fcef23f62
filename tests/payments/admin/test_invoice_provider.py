"""Invoice settings, a provider's invoices, previews and red letters, as staff see them."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO

import openpyxl
import pytest
from django.test import Client

from kernel.models import AuditEntry
from payments import services
from payments.models import InvoiceRequest, InvoiceSettings
from tests.helpers import NOON
from tests.payments.invoices import asked, paid_order, refunded, take, xml
from tests.payments.nuonuo import KEY, SECRET, TAX_NO, Desk, open_desk

from .staff import address, submit, text_of
from .test_invoices import of_order, page

pytestmark = pytest.mark.django_db

TYPED = {
    "channel": "nuonuo",
    "ready": "paid",
    "window_days": "7",
    "seller_name": "某某商贸",
    "seller_tax_no": TAX_NO,
    "app_key": KEY,
    "new_app_secret": SECRET,
}
RED_LETTERS = "payments_invoicerequest_red_letters"


def settings_page() -> str:
    return address("payments_invoicesettings_change", services.invoice_settings().pk)


@pytest.fixture
def desk(owner: Client) -> Iterator[Desk]:
    with open_desk() as desk:
        owner.post(settings_page(), {**TYPED, "address": desk.address})
        yield desk


class TestTheSettings:
    def test_take_a_secret_and_never_show_it(self, owner: Client) -> None:
        owner.post(settings_page(), TYPED)

        assert InvoiceSettings.objects.get().app_secret == SECRET
        assert SECRET not in owner.get(settings_page()).content.decode()
        assert SECRET not in str(list(AuditEntry.objects.values()))

    def test_show_no_secret_to_those_who_only_look(self, owner: Client, finance: Client) -> None:
        owner.post(settings_page(), {**TYPED, "new_token": "T0KEN-IN-CLEAR"})

        shown = finance.get(settings_page()).content.decode()

        assert "某某商贸" in shown
        assert SECRET not in shown
        assert "T0KEN-IN-CLEAR" not in shown

    def test_say_what_a_provider_lacks(self, owner: Client) -> None:
        answer = owner.post(settings_page(), {**TYPED, "new_app_secret": ""})

        assert "The provider needs" in text_of(answer)
        assert InvoiceSettings.objects.get().channel == "manual"

    def test_try_the_provider_out(self, owner: Client, desk: Desk) -> None:
        test = address("payments_invoicesettings_test", 1)
        assert "The provider answers" in text_of(submit(owner, test))

        InvoiceSettings.objects.update(platform_account="13800000000")
        desk.signed_in = False
        assert "scan a code" in text_of(submit(owner, test))


class TestAnInvoice:
    def test_is_sent_on_a_click_and_says_what_came_of_it(self, finance: Client, desk: Desk) -> None:
        desk.faults.append("refuse")
        row = asked(paid_order())

        for _ in range(2):
            submit(finance, address("payments_invoicerequest_ask_provider", row.pk))
        assert "授信额度不足" in page(finance, row)

        submit(finance, address("payments_invoicerequest_retry", row.pk))
        row.refresh_from_db()
        assert row.status == "requested"

    def test_is_released_before_its_time(self, finance: Client) -> None:
        services.save_invoice_settings(changes={"ready": "signed"}, secrets={}, by=None, at=NOON)
        row = asked(paid_order())
        assert "It waits until" in page(finance, row)

        submit(finance, address("payments_invoicerequest_release", row.pk))

        assert "It is ready to be issued" in page(finance, row)

    def test_tells_what_stands_against_issuing_it(self, finance: Client) -> None:
        assert "A line has no VAT rate" in page(finance, asked(paid_order(rate=None)))

    def test_tells_whether_the_customer_opened_its_link(self, finance: Client) -> None:
        row = asked(paid_order())
        _link, url = services.create_invoice_link(order_id=row.order_id, by=None, at=NOON)
        assert "not opened yet" in page(finance, row)

        for _ in range(2):
            Client().get(url.partition("/invoice/")[1] + url.partition("/invoice/")[2])

        assert "opened 2×" in page(finance, row)
        assert "The customer opened the link" in text_of(finance.get(of_order("change", row.order)))

    def test_has_a_preview_that_says_it_is_none(self, finance: Client) -> None:
        row = asked(paid_order())

        shown = text_of(finance.get(address("payments_invoicerequest_preview", row.pk)))

        assert "this is no invoice" in shown
        assert "壹佰柒拾捌圆整" in shown
        assert "13%" in shown
        assert row.tax_no in shown


class TestRedLettersOfAMonth:
    def test_are_listed_with_those_that_wait_first(self, finance: Client) -> None:
        order = paid_order()
        take(("a.xml", xml(asked(order))))
        refunded(order, amount_fen=7_800)
        red = InvoiceRequest.objects.get(kind="red")

        text = text_of(finance.get(address(RED_LETTERS), {"month": "2026-11"}))
        assert red.request_no in text
        assert "1 still to be issued" in text
        assert red.request_no not in text_of(finance.get(address(RED_LETTERS), {"month": "2026-10"}))

    def test_go_out_as_a_workbook(self, finance: Client) -> None:
        order = paid_order()
        take(("a.xml", xml(asked(order))))
        refunded(order, amount_fen=7_800)

        answer = finance.get(address(RED_LETTERS), {"month": "2026-11", "xlsx": "1"})

        head, row = openpyxl.load_workbook(BytesIO(answer.content)).active.values  # type: ignore[union-attr]
        told = dict(zip(head, row, strict=True))
        assert (told["状态"], told["价税合计"], told["订单号"]) == ("待红冲", -78, order.order_no)

    def test_take_no_month_that_is_none(self, finance: Client) -> None:
        answer = finance.get(address(RED_LETTERS), {"month": "next"})

        assert answer.status_code == 200
        assert "Write the month as" in text_of(answer)


class TestTheRefundForm:
    def said(self, client: Client, row: InvoiceRequest) -> str:
        return text_of(client.get(of_order("refund", row.order)))

    def test_says_that_a_red_letter_follows(self, finance: Client) -> None:
        row = asked(paid_order())
        take(("a.xml", xml(row)))

        assert "Invoice 24312…678 is issued: after the refund succeeds, a red letter" in self.said(finance, row)

    def test_says_that_an_invoice_not_issued_yet_is_lowered(self, finance: Client) -> None:
        row = asked(paid_order())

        assert "is not issued yet: after the refund succeeds, it is lowered" in self.said(finance, row)

    def test_says_that_one_being_issued_is_taken_back_later(self, finance: Client) -> None:
        row = asked(paid_order())
        InvoiceRequest.objects.update(status="issuing")

        assert "is being issued" in self.said(finance, row)

    def test_says_nothing_where_there_is_none(self, finance: Client) -> None:
        order = paid_order()

        assert "Invoice " not in text_of(finance.get(of_order("refund", order))).partition("Refundable now")[2][:200]
