"""Orders out and in again: nothing lost, nothing invented, nothing shown to whom it is not meant for."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from openpyxl import load_workbook

from customers.models import Customer
from customers.services import CustomerDraft, anonymous_customer, ensure_customer_types
from kernel.models import AuditEntry, Job, JobItem, Message, Sequence
from orders import services as orders
from orders.imports import read_orders
from orders.models import Order, OrderEvent, OrderLine, Shipment, ShipmentLine, Tag
from orders.services import DraftLine, OrderDraft, PostalDraft
from payments.models import LedgerEntry, LedgerLine
from payments.services import check_books
from tests.factories import UserFactory, default_workflow
from tests.helpers import NOON, drain, frozen

pytestmark = pytest.mark.django_db

NINETEEN_DIGITS = "6917926768823643751"
FORMULA = '=HYPERLINK("http://x","y")'


@pytest.fixture(autouse=True)
def clock() -> Iterator[None]:
    with frozen():
        prepare()
        yield


def prepare() -> None:
    ensure_customer_types()
    orders.ensure_carriers()
    default_workflow()


def empty() -> None:
    """Another shop, on its first day."""
    children = (LedgerLine, LedgerEntry, ShipmentLine, Shipment, OrderLine, OrderEvent, Order.tags.through)
    for model in (*children, Order, Tag, Customer, JobItem, Job, Message, Sequence):
        model._base_manager.all()._raw_delete("default")


def an_order(name: str = "张三", phone: str = "13800138000", **changes: object) -> Order:
    lines = (
        DraftLine(title="保温杯 500ml", sku="CUP-1", unit_price_fen=9_900, quantity=2),
        DraftLine(title=FORMULA, sku="+86", unit_price_fen=3_333, quantity=3),
    )
    draft = OrderDraft(
        customer=CustomerDraft(name=name, phone=phone),
        lines=lines,
        postal=PostalDraft(
            recipient_name=name,
            recipient_phone=phone,
            province="上海市",
            city="上海市",
            district="浦东新区",
            detail="世纪大道 8 号",
        ),
        shipping_fen=1_000,
        discount_fen=777,
        adjustment_fen=-100,
        customer_note='周末送,\n"谢谢"',
        staff_note="-1",
        **changes,  # type: ignore[arg-type]
    )
    return orders.create_order(draft=draft, by=None, at=NOON)


def a_shop() -> None:
    """Orders in many states, made as staff, customers and gateways make them."""
    an_order("=1+1", phone="")
    an_order(external_order_no=NINETEEN_DIGITS)
    paid = an_order("李四", "13900139000")
    orders.record_payment(order_id=paid.pk, amount_fen=paid.total_fen, at=NOON)
    first, second = OrderLine.objects.filter(order=paid).order_by("line_no")
    orders.ship(
        order_id=paid.pk, carrier_code="SF", tracking_no="SF1234567890", quantities={first.pk: 1}, by=None, at=NOON
    )
    orders.record_refund(order_id=paid.pk, amount_fen=1_500, shipping_fen=500, lines=[(second.pk, 1_000)], at=NOON)
    whole = an_order()
    orders.record_payment(order_id=whole.pk, amount_fen=whole.total_fen, at=NOON + timedelta(seconds=1, microseconds=5))
    orders.ship(order_id=whole.pk, carrier_code="ZTO", tracking_no="75123456789", quantities=None, by=None, at=NOON)
    staff = UserFactory.create()
    orders.set_flag(order_id=whole.pk, flag="red", by=staff, at=NOON)
    orders.tag(order_id=whole.pk, add=["大客户", "a,b\\c"], by=staff, at=NOON)
    closed = an_order()
    orders.close(order_id=closed.pk, reason="out_of_stock", at=NOON)
    nameless = anonymous_customer(source="backoffice", at=NOON)
    Order.objects.filter(pk=closed.pk).update(customer=nameless)
    drain()


def export(file: Path, *options: str) -> bytes:
    call_command("orders_export", str(file), *options, "--quiet", stdout=StringIO())
    return file.read_bytes()


def rows(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(StringIO(content.decode("utf-8-sig"), newline="")))


class TestTheRoundTrip:
    @pytest.mark.parametrize("suffix", ["csv", "xlsx"])
    def test_through_an_empty_shop_gives_the_same_bytes(self, tmp_path: Path, suffix: str) -> None:
        a_shop()
        file = tmp_path / f"orders.{suffix}"
        first, count = export(file, "--unmasked"), Order.objects.count()
        empty()
        assert not Order.objects.exists()

        call_command("orders_import", str(file), "--quiet", stdout=StringIO())
        drain()

        assert Order.objects.count() == count
        assert export(tmp_path / f"again.{suffix}", "--unmasked") == first
        assert [offender for stretch in check_books(at=NOON) for offender in stretch] == []

    def test_into_the_same_shop_overwrites_nothing(self, tmp_path: Path) -> None:
        a_shop()
        before = list(Order.objects.order_by("pk").values())
        export(tmp_path / "orders.csv", "--unmasked")

        with pytest.raises(SystemExit) as end:
            call_command("orders_import", str(tmp_path / "orders.csv"), "--quiet", stdout=StringIO())

        assert end.value.code == 4
        assert list(Order.objects.order_by("pk").values()) == before


class TestTheFile:
    def test_keeps_long_numbers_and_formulas_text_in_csv(self, tmp_path: Path) -> None:
        a_shop()

        told = rows(export(tmp_path / "orders.csv", "--unmasked"))

        assert {row["外部单号"] for row in told} == {"", f"'{NINETEEN_DIGITS}"}
        assert {row["商品名称"] for row in told} >= {f"'{FORMULA}"}
        assert not [cell for row in told for cell in row.values() if cell.startswith(("=", "+", "@", "\t"))]

    def test_keeps_them_text_in_xlsx(self, tmp_path: Path) -> None:
        a_shop()
        export(tmp_path / "orders.xlsx", "--unmasked")

        sheet = load_workbook(tmp_path / "orders.xlsx").active
        assert sheet is not None
        cells = {cell.value: cell.data_type for row in sheet.iter_rows() for cell in row}
        assert (cells[NINETEEN_DIGITS], cells[FORMULA]) == ("s", "s")

    def test_hides_people_unless_told_otherwise(self, tmp_path: Path) -> None:
        a_shop()

        text = export(tmp_path / "orders.csv").decode("utf-8-sig")

        assert not any(piece in text for piece in ("13800138000", "13900139000", "张三", "李四", "世纪大道 8 号"))
        assert "138****8000" in text

    def test_holds_the_chosen_orders_alone(self, tmp_path: Path) -> None:
        a_shop()

        assert {row["状态"] for row in rows(export(tmp_path / "a.csv", "--state", "closed"))} == {"closed"}
        assert rows(export(tmp_path / "b.csv", "--since", "2026-11-23")) == []
        assert len({row["订单号"] for row in rows(export(tmp_path / "c.csv", "--limit", "2"))}) == 2

    def test_can_be_gb18030(self, tmp_path: Path) -> None:
        an_order("𠮷田")

        content = export(tmp_path / "orders.csv", "--unmasked", "--encoding", "gb18030")

        assert "𠮷田" in content.decode("gb18030")
        with read_orders(tmp_path / "orders.csv") as file:
            assert file.encoding == "gb18030"

    def test_goes_to_standard_output(self, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
        an_order()

        call_command("orders_export")

        told = rows(capfdbinary.readouterr().out)
        assert len(told) == 2

    def test_is_whole_or_not_there(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        an_order()
        (tmp_path / "orders.csv").write_text("the last one")

        def die(*_args: object, **_options: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr("orders.management.commands.orders_export.write_csv", die)
        with pytest.raises(SystemExit):
            call_command("orders_export", str(tmp_path / "orders.csv"), stderr=StringIO())

        assert [(it.name, it.read_text()) for it in tmp_path.iterdir()] == [("orders.csv", "the last one")]


class TestTheAuditLog:
    def test_says_who_took_what(self, tmp_path: Path) -> None:
        an_order()

        export(tmp_path / "orders.csv", "--unmasked", "--state", "pending_payment")

        entry = AuditEntry.objects.get(action="orders.export")
        assert entry.actor == "orders_export"
        assert entry.after == {
            "orders": 1, "format": "csv", "masked": False, "filters": {"state": "['pending_payment']"},
        }  # fmt: skip

    def test_says_so_before_the_first_byte(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def look(*_args: object, **_options: object) -> None:
            assert AuditEntry.objects.filter(action="orders.export").exists()

        monkeypatch.setattr("orders.management.commands.orders_export.write_csv", look)

        export(tmp_path / "orders.csv")


class TestWhoeverTypesSomethingWrong:
    def test_is_told_which_states_there_are(self, tmp_path: Path) -> None:
        with pytest.raises(CommandError, match="pending_payment"):
            export(tmp_path / "orders.csv", "--state", "lost")

    def test_is_told_that_the_file_cannot_be_written(self, tmp_path: Path) -> None:
        with pytest.raises(CommandError, match="nowhere"):
            export(tmp_path / "nowhere" / "orders.csv")

    def test_is_told_that_standard_output_is_taken(self) -> None:
        with pytest.raises(CommandError):
            call_command("orders_export", "--format", "json", stdout=StringIO())

    def test_gets_json_beside_a_file(self, tmp_path: Path) -> None:
        out = StringIO()
        an_order()

        call_command("orders_export", str(tmp_path / "orders.csv"), "--format", "json", stdout=out)

        assert json.loads(out.getvalue())["summary"]["orders"] == 1


class TestAMaskedExport:
    def test_masks_phones_in_notes(self, tmp_path: Path) -> None:
        order = an_order()
        orders.set_staff_note(order_id=order.pk, text="先打 13900139000", by=UserFactory.create(), at=NOON)

        content = export(tmp_path / "orders.csv").decode("utf-8-sig")

        assert "先打 139****9000" in content
        assert "13900139000" not in content
