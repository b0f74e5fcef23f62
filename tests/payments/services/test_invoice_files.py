from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from dataclasses import replace

import pytest
import time_machine

from payments import services
from payments.models import InvoiceFile, InvoiceRequest
from payments.services import einvoice
from tests.helpers import NOON, frozen
from tests.payments.invoices import COMPANY, NUMBER, PERSON, asked, ofd, paid_order, pdf, take, xml, zipped

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    with frozen() as clock:
        yield clock


@pytest.fixture
def row() -> InvoiceRequest:
    return asked(paid_order())


def stands(row: InvoiceRequest) -> tuple[str, str | None]:
    row.refresh_from_db()
    return row.status, row.invoice_no


class TestAnXml:
    def test_finds_its_invoice_by_remark_and_total(self, row: InvoiceRequest) -> None:
        asked(paid_order())  # of the same total

        (placed,) = take(("x.xml", xml(row)))

        assert placed.request == row
        assert stands(row) == ("sent", NUMBER)
        assert row.issued_at is not None
        assert row.issued_at.isoformat() == "2026-11-22T02:11:12+00:00"

    def test_finds_it_by_the_request_number_too(self, row: InvoiceRequest) -> None:
        take(("x.xml", xml(row, remark=f"申请单号：{row.request_no}")))

        assert stands(row)[0] == "sent"

    def test_of_the_older_dialect_is_read(self, row: InvoiceRequest) -> None:
        old = f"<FP><FPHM>{NUMBER}</FPHM><KPRQ>20261122</KPRQ><JSHJXX>178.00</JSHJXX><BZ>{row.order.order_no}</BZ></FP>"

        take(("x.xml", old.encode()))

        assert stands(row) == ("sent", NUMBER)

    @pytest.mark.parametrize(
        "changes",
        [
            {"total": "177.99"},
            {"remark": ""},
            {"remark": "订单号 1"},
            {"buyer": "914403001922038216"},
            {"number": "12"},
        ],
    )
    def test_that_does_not_agree_is_given_to_nobody(self, row: InvoiceRequest, changes: dict[str, str]) -> None:
        (placed,) = take(("x.xml", xml(row, **changes)))

        assert placed.request is None
        assert placed.why
        assert stands(row) == ("requested", None)
        assert not InvoiceFile.objects.exists()

    def test_is_kept_once_however_often_it_is_uploaded(self, row: InvoiceRequest) -> None:
        for _ in range(2):
            take(("x.xml", xml(row)))

        assert row.files.count() == 1
        row.refresh_from_db()
        assert row.times_sent == 1

    def test_whose_number_is_taken_makes_no_second_invoice(self, row: InvoiceRequest) -> None:
        other = asked(paid_order())
        take(("x.xml", xml(row)))

        (placed,) = take(("y.xml", xml(other)))

        assert placed.request == row or placed.request is None
        assert stands(other) == ("requested", None)


class TestABundle:
    def test_takes_pdf_and_ofd_along_by_the_number_in_their_names(self, row: InvoiceRequest) -> None:
        bundle = zipped(
            **{"a/x.xml": xml(row), f"dzfp_{NUMBER}_张.pdf": pdf(), f"{NUMBER}.ofd": ofd(), "list.txt": b"1"}
        )

        placed = take(("all.zip", bundle))

        assert [it.why for it in placed] == ["", "", ""]
        assert sorted(row.files.values_list("format", flat=True)) == ["ofd", "pdf", "xml"]

    def test_leaves_a_pdf_that_nobody_vouches_for(self, row: InvoiceRequest) -> None:
        (placed,) = take((f"{row.order.order_no}.pdf", pdf()))

        assert placed.request is None
        assert stands(row) == ("requested", None)

    def test_does_what_it_can_when_one_of_its_files_is_bad(self, row: InvoiceRequest) -> None:
        bundle = zipped(**{"good.xml": xml(row), "bad.xml": b"<not xml"})

        assert sorted(bool(it.why) for it in take(("all.zip", bundle))) == [False, True]
        assert stands(row)[0] == "sent"


class TestHostileFiles:
    def test_cannot_declare_entities(self, row: InvoiceRequest) -> None:
        bomb = (
            b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>' + xml(row).partition(b"?>")[2]
        )

        (placed,) = take(("x.xml", bomb))

        assert placed.request is None
        assert stands(row) == ("requested", None)

    def test_cannot_read_files_of_the_server(self, row: InvoiceRequest) -> None:
        thief = b'<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]>' + xml(row).partition(b"?>")[2]

        assert take(("x.xml", thief))[0].request is None

    @pytest.mark.parametrize("nested", [b"<a>" * 50_000, b"<a/>" * 100_000])
    def test_cannot_nest_or_repeat_without_end(self, nested: bytes) -> None:
        with pytest.raises(services.NotAnInvoiceFile):
            einvoice.read_invoice(b"<r>" + nested)

    def test_cannot_unpack_to_more_than_an_invoice(self, row: InvoiceRequest) -> None:
        (placed,) = take(("bomb.zip", zipped(x__xml=b"<" + b" " * (einvoice.LARGEST + 1))))

        assert "10 MB" in placed.why

    def test_cannot_hold_more_files_than_anybody_issues(self) -> None:
        many = {f"{number}.xml": b"<a/>" for number in range(einvoice.MEMBERS + 1)}

        assert "500" in take(("many.zip", zipped(**many)))[0].why

    def test_cannot_lie_about_their_size(self, row: InvoiceRequest) -> None:
        packed = bytearray(zipped(x__xml=b"<" + b" " * (einvoice.LARGEST + 1)))
        directory = packed.rindex(b"PK\x01\x02")
        packed[directory + 24 : directory + 28] = (5).to_bytes(4, "little")

        assert take(("liar.zip", bytes(packed)))[0].request is None

    @pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"MZ\x90", b"<html>", b"%PDF", b"PK" + b"\0" * 200])
    def test_of_other_kinds_are_refused(self, content: bytes) -> None:
        (placed,) = take(("invoice.pdf", content))

        assert placed.request is None
        assert placed.why

    def test_cannot_choose_where_they_lie(self, row: InvoiceRequest) -> None:
        take(("../../evil.xml", xml(row)))

        file = InvoiceFile.objects.get()
        assert str(file.file.name).startswith("invoices/I")
        assert file.name == f"{NUMBER}.xml"

    def test_encrypted_are_refused_with_words(self) -> None:
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("x.xml", b"<a/>")
        content = bytearray(packed.getvalue())
        for mark in (b"PK\x03\x04", b"PK\x01\x02"):
            place = content.index(mark) + (6 if mark == b"PK\x03\x04" else 8)
            content[place] |= 1

        assert take(("x.zip", bytes(content)))[0].why


class TestByHand:
    def test_takes_a_pdf_with_its_number(self, row: InvoiceRequest) -> None:
        upload = services.Upload(name="x.pdf", content=pdf())

        services.take_files_for(request_id=row.pk, uploads=[upload], invoice_no=NUMBER, by=None, at=NOON)

        assert stands(row) == ("sent", NUMBER)

    def test_asks_for_the_number(self, row: InvoiceRequest) -> None:
        upload = services.Upload(name="x.pdf", content=pdf())

        with pytest.raises(services.NumberMissing):
            services.take_files_for(request_id=row.pk, uploads=[upload], invoice_no="", by=None, at=NOON)

    def test_takes_no_xml_of_another_total(self, row: InvoiceRequest) -> None:
        upload = services.Upload(name="x.xml", content=xml(row, total="1.00"))

        with pytest.raises(services.OtherTotal):
            services.take_files_for(request_id=row.pk, uploads=[upload], invoice_no="", by=None, at=NOON)
        assert stands(row) == ("requested", None)

    def test_takes_no_number_of_another_invoice(self, row: InvoiceRequest) -> None:
        take(("x.xml", xml(row)))
        other = asked(paid_order(), title=replace(PERSON, name="李四"))
        upload = services.Upload(name="x.pdf", content=pdf())

        with pytest.raises(services.NumberTaken):
            services.take_files_for(request_id=other.pk, uploads=[upload], invoice_no=NUMBER, by=None, at=NOON)
        assert COMPANY.name != other.title_name
