from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import time_machine

from payments import services
from payments.models import InvoiceRequest
from tests.helpers import NOON, frozen
from tests.payments.commands.test_commands import run
from tests.payments.invoices import NUMBER, asked, paid_order, pdf, xml, zipped
from tests.payments.nuonuo import KEY, SECRET, TAX_NO, Desk, open_desk

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    with frozen() as clock:
        yield clock


@pytest.fixture
def desk() -> Iterator[Desk]:
    with open_desk() as desk:
        facts = {"channel": "nuonuo", "seller_name": "某某", "seller_tax_no": TAX_NO, "app_key": KEY}
        changes = {**facts, "address": desk.address}
        services.save_invoice_settings(changes=changes, secrets={"app_secret": SECRET}, by=None, at=NOON)
        yield desk


class TestInvoicesIssue:
    def test_sends_what_is_ready_to_the_provider(self, desk: Desk) -> None:
        row = asked(paid_order())

        code, said = run("invoices_issue")

        row.refresh_from_db()
        assert (code, row.status) == (0, "issuing")
        assert row.request_no in said

    def test_exits_4_if_one_could_not_be_issued(self, desk: Desk) -> None:
        good, bad = asked(paid_order()), asked(paid_order(rate=None))

        code, said = run("invoices_issue", "--format", "json")

        told = json.loads(said)
        assert (code, told["exit_code"], told["summary"]["refused"]) == (4, 4, 1)
        assert [row["reference"] for row in told["rows"]] == [good.request_no, bad.request_no]

    def test_only_says_what_stands_against_it_on_a_dry_run(self, desk: Desk) -> None:
        asked(paid_order(rate=None))

        assert run("invoices_issue", "--dry-run")[0] == 4
        assert not desk.calls
        assert InvoiceRequest.objects.get().status == "requested"

    def test_takes_no_more_than_the_limit(self, desk: Desk) -> None:
        for _ in range(2):
            asked(paid_order())

        run("invoices_issue", "--limit", "1")

        assert len(desk.orders) == 1

    def test_writes_the_list_of_those_issued_by_hand(self, tmp_path: Path) -> None:
        row = asked(paid_order())

        assert run("invoices_issue", "--workbook", str(tmp_path / "list.xlsx"))[0] == 0

        row.refresh_from_db()
        assert row.status == "issuing"
        assert (tmp_path / "list.xlsx").read_bytes().startswith(b"PK")


class TestInvoicesImport:
    def test_gives_each_file_to_its_invoice(self, tmp_path: Path) -> None:
        row, packed = asked(paid_order()), asked(paid_order())
        (tmp_path / f"{NUMBER}.pdf").write_bytes(pdf())
        (tmp_path / "z.xml").write_bytes(xml(row))
        (tmp_path / "a.zip").write_bytes(zipped(b__xml=xml(packed, number="24312000000000000009")))
        (tmp_path / "notes.txt").write_text("nothing")

        code, said = run("invoices_import", str(tmp_path))

        assert (code, "notes.txt" in said) == (0, False)
        assert set(InvoiceRequest.objects.values_list("status", flat=True)) == {"sent"}
        assert set(row.files.values_list("format", flat=True)) == {"xml", "pdf"}

    def test_lists_what_belongs_to_none_and_exits_4(self, tmp_path: Path) -> None:
        row = asked(paid_order())
        (tmp_path / "other.xml").write_bytes(xml(row, total="1.00"))

        code, said = run("invoices_import", str(tmp_path))

        assert code == 4
        assert "other.xml" in said
        assert "￥1.00" in said

    def test_takes_nothing_on_a_dry_run(self, tmp_path: Path) -> None:
        row = asked(paid_order())
        (tmp_path / "a.xml").write_bytes(xml(row))

        code, said = run("invoices_import", str(tmp_path), "--dry-run")

        row.refresh_from_db()
        assert (code, row.status, row.request_no in said) == (0, "requested", True)
