from __future__ import annotations

import csv
import io
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from django.db.models import TextChoices
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook, load_workbook

from orders.imports import (
    DoesNotFitSheet,
    ExportedOrder,
    ImportedLine,
    ImportedOrder,
    ImportedShipment,
    Rejected,
    csv_chunks,
    write_csv,
    write_xlsx,
)
from orders.imports.native import ALLOWED, HEADERS
from orders.models import Order, OrderLine, Shipment
from orders.records import TEXT_LIMITS

from .files import only_rejected, read_all

NOON = datetime(2026, 11, 22, 4, 30, 0, 123456, tzinfo=UTC)
FORMULAS = ("=1+1", "+86", "-5", "@SUM(A1)", "\t=1", "\r=1", "＝1", "＋1", "－1", "＠x", "'=1", "''", "=cmd|' /C'!A0")
TEMPTING = (
    "6917926768823643751",
    "2.02611E+11",
    "1E5",
    "007",
    "1-2",
    "3/4",
    "12:30",
    "5月3日",
    "Mar-5",
    "1,234.50",
)
NASTY = (
    *FORMULAS,
    *TEMPTING,
    'a"b',
    "a,b",
    "a\r\nb",
    " blank ",
    "_x000D_",
    "\x01",
    "<&>",
    "𠮷",
    "\ufeffx",
    "\u2028",
    "'",
    "TRUE",
)


def order(**changes: Any) -> ExportedOrder:
    usual = ExportedOrder(
        order_no="202611220001",
        source="backoffice",
        state="awaiting_shipment",
        placed_at=NOON,
        subtotal_fen=20_000,
        discount_fen=1_000,
        adjustment_fen=-500,
        shipping_fen=800,
        total_fen=19_300,
        paid_fen=19_300,
        lines=(
            ImportedLine(
                sku="A-1", title="茶杯", quantity=2, unit_price_fen=7_500, discount_fen=1_000, total_fen=14_000
            ),
            ImportedLine(
                line_no=2, title="茶壶", quantity=1, unit_price_fen=5_000, adjustment_fen=-500, total_fen=4_500
            ),
        ),
        shipments=(
            ImportedShipment(
                carrier="顺丰速运", carrier_code="SF", tracking_no="SF123", shipped_at=NOON, lines=((1, 1),)
            ),
            ImportedShipment(carrier="中通快递", tracking_no="75123456789012345678", lines=((1, 1), (2, 1))),
        ),
    )
    return replace(usual, **changes)


def facts(one: ExportedOrder) -> dict[str, Any]:
    return {field.name: getattr(one, field.name) for field in fields(ExportedOrder)}


def written(kind: str, folder: Path, *orders: ExportedOrder) -> Path:
    path = folder / f"orders.{kind}"
    with path.open("wb") as file:
        (write_csv if kind == "csv" else write_xlsx)(file, orders)
    return path


def read_back(kind: str, folder: Path, *orders: ExportedOrder) -> list[dict[str, Any]]:
    rows = read_all(written(kind, folder, *orders))
    assert not [row.message for row in rows if isinstance(row, Rejected)]
    return [facts(row) for row in rows if isinstance(row, ImportedOrder)]


KINDS = pytest.mark.parametrize("kind", ["csv", "xlsx"])


@KINDS
class TestRoundTrip:
    def test_of_an_order_with_lines_and_parcels_is_the_same_order(self, tmp_path: Path, kind: str) -> None:
        one, other = order(), order(order_no="202611220002", shipments=())

        assert read_back(kind, tmp_path, one, other) == [facts(one), facts(other)]

    def test_of_an_order_without_lines_is_the_same_order(self, tmp_path: Path, kind: str) -> None:
        draft = ExportedOrder(order_no="1", source="shop", state="draft", placed_at=NOON, total_fen=0, lines=())

        assert read_back(kind, tmp_path, draft) == [facts(draft)]

    def test_keeps_every_field(self, tmp_path: Path, kind: str) -> None:
        full = order(
            order_type="presale_order",
            external_order_no="6917926768823643751",
            category="awaiting_fulfillment",
            close_reason="test",
            payment_status="paid",
            fulfillment_status="unfulfilled",
            aftersales_status="none",
            refunded_fen=100,
            shipping_refunded_fen=50,
            customer_no="C1",
            customer_type="individual",
            customer_name="张三",
            customer_phone="13800138000",
            recipient_name="李四",
            phone="138****8000",
            province="浙江省",
            city="杭州市",
            district="余杭区",
            address_detail="文一西路969号",
            customer_note="快\n点",
            staff_note="=1+1",
            flag="red",
            tags=("vip", "a,b\\", "=x"),
            raw={"店铺": "甲", "数": [1, None, {"a": "'"}]},
            **{
                field.name: NOON + timedelta(days=place)
                for place, field in enumerate(fields(ExportedOrder))
                if field.name.endswith("_at") or field.name in {"ship_by", "state_since"}
            },
        )
        unset = [field.name for field in fields(full) if getattr(full, field.name) in ("", None, 0, (), {})]

        assert unset == []
        assert read_back(kind, tmp_path, full) == [facts(full)]

    @pytest.mark.parametrize("text", NASTY)
    def test_keeps_text_whatever_it_looks_like(self, tmp_path: Path, kind: str, text: str) -> None:
        one = order(order_no=text, customer_note=text, tags=(text,), raw={text: text})

        assert read_back(kind, tmp_path, one) == [facts(one)]

    def test_exported_again_is_the_same_file(self, tmp_path: Path, kind: str) -> None:
        orders = [order(order_no=str(number), staff_note=text) for number, text in enumerate(NASTY)]
        path = written(kind, tmp_path, *orders)
        first = path.read_bytes()

        again = [row for row in read_all(path) if isinstance(row, ImportedOrder)]

        assert written(kind, tmp_path, *again).read_bytes() == first


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=20) | st.sampled_from(NASTY)
MOMENTS = st.datetimes(
    datetime(1992, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
    datetime(2099, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)


@st.composite
def exported(draw: st.DrawFn) -> ExportedOrder:
    lines = tuple(
        ImportedLine(
            line_no=number,
            sku=draw(TEXTS),
            title=draw(TEXTS),
            quantity=quantity,
            unit_price_fen=price,
            total_fen=price * quantity - quantity,
            discount_fen=quantity,
        )
        for number, quantity, price in [
            (number, draw(st.integers(2, 999)), draw(st.integers(1, 10**8)))
            for number in range(1, draw(st.integers(1, 3)) + 1)
        ]
    )
    shipping_fen = draw(st.integers(0, 10_000))
    total_fen = sum(line.total_fen for line in lines) + shipping_fen
    packed = st.lists(st.sampled_from([(line.line_no, 1) for line in lines]), unique=True).map(tuple)
    parcels = st.builds(
        ImportedShipment, carrier=TEXTS, tracking_no=TEXTS, shipped_at=st.none() | MOMENTS, lines=packed
    )
    return ExportedOrder(
        order_no=draw(TEXTS.filter(str.strip)),
        source=draw(TEXTS.filter(bool)),
        external_order_no=draw(TEXTS),
        state="shipped",
        placed_at=draw(MOMENTS),
        paid_at=draw(st.none() | MOMENTS),
        lines=lines,
        subtotal_fen=sum(line.unit_price_fen * line.quantity for line in lines),
        discount_fen=sum(line.discount_fen for line in lines),
        shipping_fen=shipping_fen,
        total_fen=total_fen,
        paid_fen=draw(st.integers(0, total_fen)),
        customer_name=draw(st.none() | TEXTS.filter(bool)),
        customer_note=draw(TEXTS),
        tags=tuple(draw(st.lists(TEXTS.filter(bool), max_size=3))),
        shipments=tuple(draw(st.lists(parcels, max_size=2))),
        raw=draw(st.dictionaries(TEXTS, TEXTS, max_size=2)),
    )


@KINDS
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(one=exported())
def test_any_order_comes_back_as_it_left(tmp_path: Path, kind: str, one: ExportedOrder) -> None:
    assert read_back(kind, tmp_path, one) == [facts(one)]


class TestCsv:
    def cells(self, one: ExportedOrder) -> dict[str, str]:
        text = b"".join(csv_chunks([one])).decode("utf-8-sig")
        return next(csv.DictReader(io.StringIO(text, newline="")))

    @pytest.mark.parametrize("text", [*FORMULAS, *TEMPTING])
    def test_guards_what_a_spreadsheet_would_run_or_take_for_a_number(self, text: str) -> None:
        assert self.cells(order(staff_note=text))["商家备注"] == f"'{text}"

    @pytest.mark.parametrize("text", ["茶杯", "A-1", "202611220", "13800138000", "0", "a=b", "2026 新款"])
    def test_leaves_other_text_as_it_is(self, text: str) -> None:
        assert self.cells(order(staff_note=text))["商家备注"] == text

    def test_leaves_amounts_numbers_even_below_zero(self) -> None:
        cells = self.cells(order())

        assert (cells["应付金额"], cells["改价金额"], cells["数量"]) == ("193.00", "-5.00", "2")

    def test_writes_times_of_shanghai_with_their_offset(self) -> None:
        assert self.cells(order())["下单时间"] == "2026-11-22T12:30:00.123456+08:00"

    def test_starts_with_a_mark_for_excel_unless_told_otherwise(self) -> None:
        assert b"".join(csv_chunks([order()])).startswith(b"\xef\xbb\xbf")
        assert not b"".join(csv_chunks([order()], encoding="utf-8")).startswith(b"\xef\xbb\xbf")

    def test_comes_in_pieces(self) -> None:
        pieces = list(csv_chunks(order(order_no=str(number)) for number in range(2_000)))

        assert max(map(len, pieces)) < 250_000
        assert len(pieces) > 5


class TestWorkbook:
    def test_holds_text_as_text_and_numbers_as_numbers(self, tmp_path: Path) -> None:
        path = written("xlsx", tmp_path, order(order_no="6917926768823643751", staff_note="=1+1"))

        sheet = load_workbook(path).worksheets[0]  # another reader than ours
        row = dict(zip(HEADERS, sheet[2], strict=True))

        assert (row["订单号"].value, row["订单号"].data_type) == ("6917926768823643751", "s")
        assert (row["商家备注"].value, row["商家备注"].data_type) == ("=1+1", "s")
        assert (row["应付金额"].value, row["应付金额"].data_type) == (193, "n")
        assert row["应付金额"].number_format == "0.00"

    def test_that_would_cut_a_text_off_is_not_written(self, tmp_path: Path) -> None:
        with pytest.raises(DoesNotFitSheet):
            written("xlsx", tmp_path, order(address_detail="长" * 32_768))


class TestRefusals:
    def changed(self, folder: Path, change: dict[str, str], *, row: int = 0, drop: int = -1) -> Path:
        text = b"".join(csv_chunks([order()])).decode("utf-8-sig")
        rows = list(csv.DictReader(io.StringIO(text, newline="")))
        rows[row] |= change
        kept = [cells for place, cells in enumerate(rows) if place != drop]
        with (folder / "orders.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, HEADERS)
            writer.writeheader()
            writer.writerows(kept)
        return folder / "orders.csv"

    def everywhere(self, folder: Path, change: dict[str, str]) -> Path:
        """The order's own columns, which each of its rows repeats."""
        text = b"".join(csv_chunks([order()])).decode("utf-8-sig")
        rows = [cells | change for cells in csv.DictReader(io.StringIO(text, newline=""))]
        with (folder / "orders.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, HEADERS)
            writer.writeheader()
            writer.writerows(rows)
        return folder / "orders.csv"

    def test_an_order_whose_rows_are_not_together(self, tmp_path: Path) -> None:
        rejected = only_rejected(self.changed(tmp_path, {}, drop=1))

        assert rejected.reason_code == "rows_apart"
        assert len(rejected.more) == 3  # all that is left of it, to be mended and imported again

    def test_an_order_whose_rows_disagree(self, tmp_path: Path) -> None:
        rejected = only_rejected(self.changed(tmp_path, {"状态": "closed"}, row=2))

        assert (rejected.reason_code, rejected.reason.facts["column"]) == ("rows_disagree", "状态")

    @pytest.mark.parametrize(
        ("change", "code"),
        [
            ({"下单时间": ""}, "no_date"),
            ({"下单时间": "02-10-2017 10:56"}, "ambiguous_date"),
            ({"状态": ""}, "no_state"),
            ({"币种": "USD"}, "other_currency"),
            ({"应付金额": "193.01"}, "lines_differ"),
            ({"优惠金额": "9.99"}, "lines_differ"),
            ({"已退金额": "193.01"}, "refunded_above_paid"),
            ({"实付金额": "-1"}, "negative_amount"),
            ({"订单号": "2.02611E+11"}, "damaged_number"),
            ({"收件人手机": "1.38E+10"}, "damaged_number"),
            ({"订单号": "1" * 33}, "too_long"),
            ({"订单号": "", "外部单号": "", "订单来源": ""}, "no_order_number"),
            ({"其他列": "{"}, "unknown_value"),
            ({"其他列": "[1]"}, "unknown_value"),
            ({"其他列": "[" * 100_000}, "unknown_value"),
            ({"行类型": "gift"}, "unknown_value"),
            ({"其他列": '{"a":"\\u0000"}'}, "unknown_value"),
            ({"其他列": '{"a":"\\ud800"}'}, "unknown_value"),
            ({"旗标": "pink"}, "unknown_value"),
            ({"关闭原因": "mood"}, "unknown_value"),
            ({"付款状态": "maybe"}, "unknown_value"),
            ({"标签": "长" * 41}, "too_long"),
            ({"已退金额": "1.00", "已退运费": "1.01"}, "refunded_above_paid"),
            ({"行已退": "0.01"}, "refunded_above_paid"),
        ],
    )
    def test_an_order_that_makes_no_sense(self, tmp_path: Path, change: dict[str, str], code: str) -> None:
        assert only_rejected(self.everywhere(tmp_path, change)).reason_code == code

    @pytest.mark.parametrize(
        ("change", "code"),
        [
            ({"数量": "0"}, "unreadable_number"),
            ({"数量": "1.5"}, "unreadable_number"),
            ({"数量": ""}, "unreadable_number"),
            ({"单价": "74.99"}, "lines_differ"),
            ({"行小计": "139.99"}, "lines_differ"),
            ({"行号": "x"}, "unreadable_number"),
            ({"行号": "2"}, "line_numbers"),
            ({"行号": "40000"}, "line_numbers"),
        ],
    )
    def test_an_order_with_a_line_that_makes_no_sense(self, tmp_path: Path, change: dict[str, str], code: str) -> None:
        assert only_rejected(self.changed(tmp_path, change)).reason_code == code

    @pytest.mark.parametrize("change", [{"包裹内数量": "3"}, {"行号": "9"}, {"包裹内数量": ""}])
    def test_an_order_with_a_parcel_of_what_was_not_ordered(self, tmp_path: Path, change: dict[str, str]) -> None:
        assert only_rejected(self.changed(tmp_path, change, row=2)).reason_code == "packed_too_much"

    def test_an_order_of_more_rows_than_anyone_orders(self, tmp_path: Path) -> None:
        lines = tuple(
            ImportedLine(line_no=number, title="x", quantity=1, unit_price_fen=1, total_fen=1)
            for number in range(1, 2_502)
        )
        huge = ExportedOrder(
            order_no="1", state="draft", placed_at=NOON, total_fen=2_501, subtotal_fen=2_501, lines=lines
        )

        assert only_rejected(written("csv", tmp_path, huge)).reason_code == "too_many_rows"


@pytest.mark.parametrize(
    ("name", "choices"),
    [
        ("close_reason", Order.CloseReason),
        ("payment_status", Order.PaymentStatus),
        ("fulfillment_status", Order.FulfillmentStatus),
        ("aftersales_status", Order.AftersalesStatus),
        ("flag", Order.Flag),
    ],
)
def test_the_codes_it_allows_are_those_of_an_order(name: str, choices: type[TextChoices]) -> None:
    assert ALLOWED[name] == {"", *choices.values}


def test_no_text_that_it_allows_is_too_long_for_an_order() -> None:
    columns = [field for model in (Order, OrderLine, Shipment) for field in model._meta.fields if field.max_length]
    lengths = {field.name: field.max_length for field in columns}
    common = {name: limit for name, limit in TEXT_LIMITS.items() if name in lengths}

    assert len(common) > 12
    assert common == {name: lengths[name] for name in common}


class TestFilesThatPeopleEdit:
    def test_may_leave_out_what_follows_from_the_rest(self, tmp_path: Path) -> None:
        path = tmp_path / "orders.csv"
        path.write_text(
            "订单来源,外部单号,状态,下单时间,应付金额,行类型,商品名称,数量,单价\n"
            "shop,1,completed,2026/11/22 12:30,12.5,line,茶杯,2,5\n"
            "shop,1,completed,2026/11/22 12:30,12.5,line,茶盖,1,2.50\n",
            encoding="utf-8",
        )

        (row,) = read_all(path)

        assert isinstance(row, ImportedOrder)
        assert (row.total_fen, row.subtotal_fen, row.currency, row.order_type) == (1_250, 1_250, "CNY", "payment_order")
        assert [line.line_no for line in row.lines] == [1, 2]
        assert [line.total_fen for line in row.lines] == [1_000, 250]
        assert row.placed_at == datetime(2026, 11, 22, 12, 30, tzinfo=timezone(timedelta(hours=8)))

    def test_may_be_saved_by_excel_as_a_workbook(self, tmp_path: Path) -> None:
        """The apostrophes that guard a CSV are then part of the cells."""
        one = order(order_no="6917926768823643751", staff_note="=1+1")
        rows = list(csv.reader(io.StringIO(b"".join(csv_chunks([one])).decode("utf-8-sig"), newline="")))
        workbook = Workbook()
        sheet = workbook.active
        assert sheet is not None
        for cells in rows:
            sheet.append(cells)
        workbook.save(tmp_path / "orders.xlsx")

        (row,) = read_all(tmp_path / "orders.xlsx")

        assert isinstance(row, ImportedOrder)
        assert facts(row) == facts(one)
