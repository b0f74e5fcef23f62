from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO

import openpyxl
import pytest
import time_machine
from hypothesis import given
from hypothesis import strategies as st

from kernel.models import Message
from orders.models import Order, OrderLine
from orders.services import DraftLine
from payments import services
from payments.models import InvoiceRequest
from payments.services import Title
from payments.services.invoice_lines import Piece, shared
from payments.services.invoice_titles import checked
from tests.factories import OrderFactory, UserFactory, paid_payment
from tests.helpers import NOON, frozen
from tests.payments.invoices import COMPANY, NUMBER, PERSON, asked, paid_order, pdf, refunded, take, xml

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    with frozen() as clock:
        yield clock


def reds(order: Order) -> list[InvoiceRequest]:
    return list(InvoiceRequest.objects.filter(order=order, kind="red").order_by("pk"))


def issued(order: Order) -> InvoiceRequest:
    row = asked(order)
    take(("a.xml", xml(row)))
    row.refresh_from_db()
    return row


class TestAsking:
    def test_splits_the_tax_of_every_line(self) -> None:
        row = asked(paid_order())

        assert (row.status, row.amount_fen, row.net_fen, row.tax_fen) == ("requested", 17_800, 15_752, 2_048)
        assert row.title_name == COMPANY.name

    def test_covers_goods_and_shipping_fee_of_all_lines(self) -> None:
        lines = [
            DraftLine(title="甲", quantity=2, unit_price_fen=5_000),
            DraftLine(title="乙", quantity=1, unit_price_fen=99),
        ]
        order = paid_payment(order=OrderFactory.create(lines=lines, shipping_fen=1_000)).order

        row = asked(Order.objects.get(pk=order.pk))

        assert list(row.lines.values_list("title", "quantity", "amount_fen")) == [
            ("甲", 2, 10_000),
            ("乙", 1, 99),
            ("运费", 1, 1_000),
        ]

    def test_is_done_once_for_the_same_money(self) -> None:
        order = paid_order()
        row = asked(order)

        with pytest.raises(services.InvoiceUnderWay):
            asked(order)
        take(("a.xml", xml(row)))
        with pytest.raises(services.NothingToInvoice):
            asked(order)
        assert InvoiceRequest.objects.count() == 1

    def test_can_be_repeated_after_it_was_canceled(self) -> None:
        order = paid_order()
        services.cancel_invoice(request_id=asked(order).pk, reason="抬头错误", by=None, at=NOON)

        assert asked(order).effect_key == f"invoice:order:{order.pk}:v2"

    def test_is_limited_to_what_was_paid_and_not_refunded(self) -> None:
        order = paid_order()
        refunded(order, amount_fen=7_800)

        assert asked(order).amount_fen == 10_000

    def test_is_refused_where_nothing_was_paid(self) -> None:
        with pytest.raises(services.NothingToInvoice):
            asked(OrderFactory.create())

    def test_keeps_where_it_goes_sealed(self) -> None:
        row = asked(paid_order(), title=replace(PERSON, email="a@example.com", phone="13800138000"))

        stored = str(InvoiceRequest.objects.values().get(pk=row.pk))
        assert "13800138000" not in stored
        assert "a@example.com" not in stored
        assert InvoiceRequest.objects.get(pk=row.pk).email == "a@example.com"

    @given(st.lists(st.integers(1, 10**9), min_size=1, max_size=9), st.data())
    def test_shares_add_up_and_take_no_more_than_there_is(self, amounts: list[int], data: st.DataObject) -> None:
        total = data.draw(st.integers(0, sum(amounts)))
        pieces = [Piece(order_line_id=n, title="", quantity=3, amount_fen=fen) for n, fen in enumerate(amounts)]

        parts = shared(pieces, total_fen=total)

        assert sum(it.amount_fen for it in parts) == total
        assert all(0 < it.amount_fen <= amounts[it.order_line_id or 0] for it in parts)


class TestTitles:
    @pytest.mark.parametrize(
        ("title", "invoice_type", "refusal"),
        [
            (Title(name=" "), "general", services.NoTitleName),
            (replace(COMPANY, tax_no=""), "general", services.NoTaxNumber),
            (replace(COMPANY, tax_no="91350100M000100Y44"), "general", services.WrongTaxNumber),
            (PERSON, "special", services.SpecialNeedsCompany),
        ],
    )
    def test_are_refused_with_a_reason(self, title: Title, invoice_type: str, refusal: type[Exception]) -> None:
        with pytest.raises(refusal):
            checked(title, invoice_type=invoice_type)

    def test_of_people_have_no_tax_number(self) -> None:
        assert checked(replace(PERSON, tax_no="x"), invoice_type="general").tax_no == ""

    def test_of_an_unknown_kind_are_a_persons(self) -> None:
        assert checked(replace(PERSON, kind="robot"), invoice_type="general").kind == "individual"

    def test_are_known_from_the_last_time(self) -> None:
        row = asked(paid_order())
        again = paid_payment(order=OrderFactory.create(customer=row.order.customer)).order

        known = services.known_title(again)

        assert known is not None
        assert known.tax_no == COMPANY.tax_no

    def test_can_be_changed_until_it_is_issued(self) -> None:
        row = asked(paid_order(), title=replace(PERSON, email="a@example.com"))

        services.change_title(request_id=row.pk, title=COMPANY, invoice_type="special", by=None, at=NOON)
        row.refresh_from_db()
        assert (row.type, row.title_name, row.email) == ("special", COMPANY.name, "a@example.com")

        take(("a.xml", xml(row)))
        with pytest.raises(services.InvoiceNotOpen):
            services.change_title(request_id=row.pk, title=PERSON, invoice_type="general", by=None, at=NOON)


class TestTheList:
    def test_holds_what_is_ready_and_counts_it_as_being_issued(self) -> None:
        row, unready = asked(paid_order()), asked(paid_order(rate=None))

        sheet = openpyxl.load_workbook(BytesIO(services.export_invoices(again=False, by=UserFactory.create(), at=NOON)))

        rows = list(sheet.active.values)  # type: ignore[union-attr]
        assert len(rows) == 2
        told = dict(zip(rows[0], rows[1], strict=True))
        assert (told["申请单号"], told["购买方税号"], told["税率"]) == (row.request_no, COMPANY.tax_no, "13%")
        assert (told["价税合计"], told["金额（不含税）"], told["税额"]) == (178, 157.52, 20.48)
        assert row.order.order_no in str(told["备注"])
        for it, status in ((row, "issuing"), (unready, "requested")):
            it.refresh_from_db()
            assert it.status == status

    def test_holds_nothing_that_a_spreadsheet_would_run(self) -> None:
        asked(paid_order(), title=replace(PERSON, name='=HYPERLINK("http://x","y")'))

        sheet = openpyxl.load_workbook(BytesIO(services.export_invoices(again=False, by=UserFactory.create(), at=NOON)))

        assert {cell.data_type for line in sheet.active.rows for cell in line} <= {"s", "n", "inlineStr"}  # type: ignore[union-attr]

    def test_is_made_once_unless_asked_for_again(self) -> None:
        asked(paid_order())
        by = UserFactory.create()
        services.export_invoices(again=False, by=by, at=NOON)

        with pytest.raises(services.NothingToExport):
            services.export_invoices(again=False, by=by, at=NOON)
        assert services.export_invoices(again=True, by=by, at=NOON)

    def test_takes_lines_whose_rate_was_set_by_hand(self) -> None:
        row = asked(paid_order(rate=None))

        services.set_tax(request_id=row.pk, rate_permille=60, tax_code="3040203000000000000", by=None, at=NOON)

        row.refresh_from_db()
        assert (row.net_fen, row.tax_fen) == (16_792, 1_008)
        assert not services.lacks_rate(row)

    def test_has_what_the_platform_refused_again(self) -> None:
        row = asked(paid_order())
        by = UserFactory.create()
        services.export_invoices(again=False, by=by, at=NOON)
        services.fail_invoice(request_id=row.pk, reason="授信额度不足", by=None, at=NOON)

        assert services.export_invoices(again=False, by=by, at=NOON)


class TestRefunds:
    def test_lower_what_is_not_issued(self) -> None:
        order = paid_order()
        row = asked(order)

        refunded(order, amount_fen=7_800)

        row.refresh_from_db()
        assert (row.status, row.amount_fen, row.net_fen, row.tax_fen) == ("requested", 10_000, 8_850, 1_150)
        assert reds(order) == []

    def test_cancel_what_is_not_issued_when_all_goes_back(self) -> None:
        order = paid_order()
        row = asked(order)

        refunded(order, amount_fen=17_800)

        row.refresh_from_db()
        assert (row.status, bool(row.reason)) == ("canceled", True)

    def test_ask_for_a_red_letter_once_it_is_issued(self) -> None:
        order = paid_order()
        blue = issued(order)

        refunded(order, amount_fen=7_800)
        services.follow_refunds(order_id=order.pk, at=NOON)

        (red,) = reds(order)
        assert (red.status, red.amount_fen, red.blue, red.title_name) == ("red_pending", -7_800, blue, COMPANY.name)
        blue.refresh_from_db()
        assert (blue.status, blue.amount_fen) == ("sent", 17_800)

    def test_take_the_tax_back_to_the_fen_in_the_end(self) -> None:
        order = paid_order(total_fen=9_999)
        blue = issued(order)

        for place, fen in enumerate((3_333, 3_334, 3_332)):
            refunded(order, amount_fen=fen, key=str(place))

        taken = reds(order)
        assert sum(it.amount_fen for it in taken) == -blue.amount_fen
        assert sum(it.net_fen for it in taken) == -blue.net_fen
        assert sum(it.tax_fen for it in taken) == -blue.tax_fen

    def test_name_the_line_that_was_refunded(self) -> None:
        lines = [
            DraftLine(title="甲", quantity=2, unit_price_fen=5_000),
            DraftLine(title="乙", quantity=1, unit_price_fen=5_000),
        ]
        payment = paid_payment(order=OrderFactory.create(lines=lines))
        order = Order.objects.get(pk=payment.order_id)
        issued(order)
        first = OrderLine.objects.get(order=order, title="甲")

        share = services.Share(amount_fen=5_000, lines={first.pk: 5_000})
        refund = services.request_refund(payment_id=payment.pk, share=share, reason="退", key="k", by=None, at=NOON)
        services.send_refund(refund_id=refund.pk, at=NOON)
        services.follow_refunds(order_id=order.pk, at=NOON)

        (red,) = reds(order)
        assert list(red.lines.values_list("title", "quantity", "amount_fen")) == [("甲", -1, -5_000)]

    def test_are_never_held_up_by_an_invoice(self) -> None:
        order = paid_order()
        asked(order)
        services.export_invoices(again=False, by=UserFactory.create(), at=NOON)

        refunded(order, amount_fen=17_800)

        order.refresh_from_db()
        assert order.refunded_fen == 17_800
        assert [it.status for it in reds(order)] == ["red_pending"]  # it may be issued by now: only staff know

    def test_give_up_the_red_letter_with_an_invoice_that_was_never_issued(self) -> None:
        order = paid_order()
        row = asked(order)
        services.export_invoices(again=False, by=UserFactory.create(), at=NOON)
        refunded(order, amount_fen=7_800)

        services.cancel_invoice(request_id=row.pk, reason="未开具", by=None, at=NOON)

        assert {it.status for it in InvoiceRequest.objects.all()} == {"canceled"}
        assert asked(order).amount_fen == 10_000

    def test_are_done_with_when_the_red_letter_is_uploaded(self) -> None:
        order = paid_order()
        issued(order)
        refunded(order, amount_fen=7_800)
        (red,) = reds(order)

        take(("red.xml", xml(red, number="24312000000087654321")))

        red.refresh_from_db()
        assert (red.status, red.invoice_no) == ("red_issued", "24312000000087654321")
        with pytest.raises(services.NothingToInvoice):
            asked(order)


class TestSending:
    def test_goes_to_the_address_on_the_request(self) -> None:
        row = asked(paid_order(), title=replace(COMPANY, email="fapiao@example.com"))

        take(("a.xml", xml(row)), (f"dzfp_{NUMBER}.pdf", pdf()))

        message = Message.objects.get(template="invoice_ready")
        assert (message.channel, message.recipient) == ("email", "fapiao@example.com")
        assert "/invoice/" in (message.context_json or "")

    def test_goes_to_the_orders_customer_without_one_and_again_when_asked(self) -> None:
        row = issued(paid_order())

        services.send_invoice(request_id=row.pk, by=None, at=NOON)

        assert Message.objects.filter(template="invoice_ready", channel="sms").count() == 2
        row.refresh_from_db()
        assert (row.status, row.times_sent) == ("sent", 2)

    def test_waits_for_the_file(self) -> None:
        with pytest.raises(services.NotIssuedYet):
            services.send_invoice(request_id=asked(paid_order()).pk, by=None, at=NOON)

    @pytest.mark.parametrize("template", ["mail", "sms"])
    @pytest.mark.parametrize("letter", ["invoice_link", "invoice_ready", "receipt_ready"])
    @pytest.mark.parametrize("language", ["zh-hans", "en"])
    def test_has_words_for_every_letter(self, template: str, letter: str, language: str) -> None:
        from kernel.letters import render

        message = Message(template=letter, channel="email" if template == "mail" else "sms", language=language)
        message.context_json = '{"url": "https://x/i/", "amount": "￥1.00", "order_no": "1", "invoice_no": "2"}'

        subject, words = render(message)

        assert bool(subject) == (template == "mail")
        assert "https://x/i/" in words
        assert ("发票" in subject + words) == (letter != "receipt_ready" and language == "zh-hans")
