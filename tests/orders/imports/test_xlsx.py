from __future__ import annotations

import subprocess
import sys
import zipfile
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import pytest
from openpyxl import Workbook
from openpyxl.utils.datetime import CALENDAR_MAC_1904

from orders.imports import ImportedOrder, read_orders
from orders.imports.cells import BeyondExcel
from orders.imports.errors import BrokenWorkbook, EmptyFile, NotATable
from orders.imports.sheet import column_index, escape, number_text, unescape

from .files import TMALL, TMALL_ORDER, only_order, save, save_xlsx

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
SHEET = "xl/worksheets/sheet1.xml"
WALL_CLOCK = (datetime(2020, 2, 20, 23, 59, 54), datetime(2020, 2, 21))  # noqa: DTZ001 - cells have no zone


def parts_of_a_workbook(folder: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(save_xlsx(folder, TMALL, dict(TMALL_ORDER))) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def pack(folder: Path, parts: dict[str, bytes]) -> Path:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return save(folder, buffer.getvalue(), "orders.xlsx")


def with_sheet(folder: Path, rows: str, head: str = "") -> Path:
    """A workbook whose sheet is this XML."""
    sheet = f'<?xml version="1.0"?>{head}<worksheet xmlns="{MAIN}"><sheetData>{rows}</sheetData></worksheet>'
    return pack(folder, parts_of_a_workbook(folder) | {SHEET: sheet.encode()})


class TestCells:
    def test_of_dates_are_shanghai_times_whatever_their_format(self, tmp_path: Path) -> None:
        workbook = Workbook()
        sheet = workbook.active
        assert sheet is not None
        sheet.append(TMALL)
        sheet.append(["1", 100, 100, "上海", *WALL_CLOCK, 0])
        sheet["E2"].number_format = 'yyyy"年"m"月"d"日" h:mm'
        workbook.save(tmp_path / "orders.xlsx")

        order = only_order(tmp_path / "orders.xlsx")

        assert order.placed_at == datetime(2020, 2, 20, 15, 59, 54, tzinfo=UTC)
        assert order.paid_at == datetime(2020, 2, 20, 16, tzinfo=UTC)

    def test_of_a_workbook_that_counts_from_1904_are_no_four_years_off(self, tmp_path: Path) -> None:
        workbook = Workbook()
        workbook.epoch = CALENDAR_MAC_1904
        sheet = workbook.active
        assert sheet is not None
        sheet.append(TMALL)
        sheet.append(["1", 100, 100, "上海", *WALL_CLOCK, 0])
        workbook.save(tmp_path / "orders.xlsx")

        assert only_order(tmp_path / "orders.xlsx").placed_at == datetime(2020, 2, 20, 15, 59, 54, tzinfo=UTC)

    @pytest.mark.parametrize(
        ("stored", "text"),
        [
            ("178.79999999999998", "178.8"),
            ("1.3800138E10", "13800138000"),
            ("5.0E-2", "0.05"),
            ("42", "42"),
            ("-3.50", "-3.5"),
        ],
    )
    def test_of_numbers_are_what_excel_shows(self, stored: str, text: str) -> None:
        assert number_text(stored) == text

    @pytest.mark.parametrize("stored", ["6917926768823643751", "6.9179267688236401E+18", "1000000000000000"])
    def test_of_more_than_15_digits_are_marked(self, stored: str) -> None:
        assert isinstance(number_text(stored), BeyondExcel)
        assert not isinstance(number_text("999999999999999"), BeyondExcel)

    def test_may_be_shared_rich_inline_or_of_a_formula(self, tmp_path: Path) -> None:
        parts = parts_of_a_workbook(tmp_path)
        parts["xl/sharedStrings.xml"] = (
            f'<sst xmlns="{MAIN}">'
            + "".join(f"<si><t>{header}</t></si>" for header in TMALL)
            + "<si><r><t>上</t></r><r><t>海</t></r><rPh><t>ignored</t></rPh></si></sst>"
        ).encode()
        header = "".join(f'<c t="s"><v>{place}</v></c>' for place in range(7))
        parts[SHEET] = (
            f'<x:worksheet xmlns:x="{MAIN}"><x:sheetData>'
            + f"<row>{header}</row>".replace("<", "<x:").replace("<x:/", "</x:")
            + '<x:row><x:c t="str"><x:f>"1"</x:f><x:v>1</x:v></x:c><x:c><x:v>100</x:v></x:c>'
            + '<x:c r="C2"><x:v>100</x:v></x:c><x:c r="D2" t="s"><x:v>7</x:v></x:c>'
            + '<x:c r="E2" t="inlineStr"><x:is><x:t>2020-02-20 23:59:54</x:t></x:is></x:c>'
            + '<x:c r="F2" t="d"><x:v>2020-02-21T00:00:02</x:v></x:c><x:c r="G2"><x:v>0</x:v></x:c></x:row>'
            + "</x:sheetData></x:worksheet>"
        ).encode()

        order = only_order(pack(tmp_path, parts))

        assert (order.external_order_no, order.address_raw, order.total_fen) == ("1", "上海", 10_000)
        assert order.paid_at == datetime(2020, 2, 20, 16, 0, 2, tzinfo=UTC)

    def test_that_excel_could_not_compute_are_damaged(self, tmp_path: Path) -> None:
        path = save_xlsx(tmp_path, TMALL, TMALL_ORDER | {"订单编号": "#N/A"})

        with read_orders(path) as file:
            (row,) = file.rows
            assert not isinstance(row, ImportedOrder)
            assert row.reason_code == "damaged_number"

    def test_left_out_at_the_end_of_a_row_are_empty(self, tmp_path: Path) -> None:
        row = TMALL_ORDER | {"买家实际支付金额": 0, "订单付款时间 ": None, "退款金额": None}

        assert only_order(save_xlsx(tmp_path, TMALL, row)).close_reason == "payment_timeout"

    def test_keep_control_characters_by_their_escapes(self) -> None:
        assert unescape("a_x000D_b_x005F_x000D_") == "a\rb_x000D_"
        assert escape("a\rb_x000D_") == "a_x000D_b_x005F_x000D_"

    @pytest.mark.parametrize("text", ["_x0000_", "_xD83D_", "_xDE00_"])
    def test_keep_escapes_of_what_no_database_takes_for_text(self, text: str) -> None:
        assert unescape(text) == text

    def test_are_counted_in_letters(self) -> None:
        assert [column_index(letters) for letters in ("A", "Z", "AA", "XFD")] == [0, 25, 26, 16_383]


class TestWorkbook:
    def test_is_read_from_its_first_visible_sheet(self, tmp_path: Path) -> None:
        workbook = Workbook()
        hidden = workbook.active
        assert hidden is not None
        hidden.sheet_state = "hidden"
        hidden.append(["secret"])
        sheet = workbook.create_sheet("订单")
        sheet.append(TMALL)
        sheet.append(list(TMALL_ORDER.values()))
        workbook.save(tmp_path / "orders.xlsx")

        assert only_order(tmp_path / "orders.xlsx").total_fen == 10_000

    def test_keeps_the_row_numbers_of_the_sheet(self, tmp_path: Path) -> None:
        workbook = Workbook()
        sheet = workbook.active
        assert sheet is not None
        for place, header in enumerate(TMALL, start=1):
            sheet.cell(row=3, column=place, value=header)
            sheet.cell(row=9, column=place, value=TMALL_ORDER[header])
        workbook.save(tmp_path / "orders.xlsx")

        assert only_order(tmp_path / "orders.xlsx").row_no == 9

    def test_without_a_row_is_empty(self, tmp_path: Path) -> None:
        with pytest.raises(EmptyFile):
            read_orders(with_sheet(tmp_path, ""))


class TestBrokenWorkbook:
    def test_is_refused_when_cut_off(self, tmp_path: Path) -> None:
        path = save_xlsx(tmp_path, TMALL, dict(TMALL_ORDER))
        path.write_bytes(path.read_bytes()[:-200])

        with pytest.raises(BrokenWorkbook):
            read_orders(path)

    def test_is_refused_when_its_xml_is_none(self, tmp_path: Path) -> None:
        with pytest.raises(BrokenWorkbook), read_orders(with_sheet(tmp_path, "<row><c></row>")) as file:
            list(file.rows)

    @pytest.mark.parametrize("part", ["xl/workbook.xml", "xl/_rels/workbook.xml.rels", SHEET])
    def test_is_refused_when_a_part_is_missing(self, tmp_path: Path, part: str) -> None:
        parts = parts_of_a_workbook(tmp_path)
        del parts[part]

        with pytest.raises((BrokenWorkbook, NotATable)):
            read_orders(pack(tmp_path, parts))

    def test_is_no_other_zip_archive(self, tmp_path: Path) -> None:
        with pytest.raises(NotATable):
            read_orders(pack(tmp_path, {"readme.txt": b"hello"}))

    def test_points_to_no_text_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(BrokenWorkbook):
            read_orders(with_sheet(tmp_path, '<row><c t="s"><v>99</v></c></row>'))


BOMBS = {
    "ten thousandfold": f"<row><c><v>{'0' * 80_000_000}</v></c></row>",
    "far column": '<row><c r="XFD1"><v>1</v></c></row>',
    "no such column": '<row><c r="ZZZZZ1"><v>1</v></c></row>',
    "a million columns": "<row>" + "<c><v>1</v></c>" * 1_000_000 + "</row>",
    "huge cell": "<row><c t='str'><v>" + "文a" * 3_000_000 + "</v></c></row>",
    "huge tag": f"<row><c r='{'A' * 5_000_000}'><v>1</v></c></row>",
    "entities": "<row><c t='str'><v>&f;&b;</v></c></row>",
}
LAUGHS = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;"><!ENTITY f SYSTEM "file:///etc/passwd">]>'
# A process of its own: what a test process has once held, it counts as its peak for ever.
IN_A_PROCESS = """
import resource, sys, time
from pathlib import Path
from django.conf import settings
settings.configure(USE_I18N=False)
from orders.imports.errors import ImportRefused
from orders.imports.xlsxfile import open_xlsx

def peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

before, started = peak(), time.process_time()
try:
    said = sum(1 for row in open_xlsx(Path(sys.argv[1]))[1])
except ImportRefused as refused:
    said = type(refused).__name__
print(said, time.process_time() - started, peak() - before)
"""


def read_in_a_process(path: Path) -> tuple[str, float, int]:
    """What came of it (rows, or the refusal), seconds of CPU, and megabytes."""
    done = subprocess.run([sys.executable, "-c", IN_A_PROCESS, str(path)], capture_output=True, text=True, check=True)
    said, seconds, megabytes = done.stdout.split()
    return said, float(seconds), int(megabytes)


class TestUnsafeWorkbook:
    @pytest.mark.parametrize("kind", BOMBS)
    def test_is_refused_within_a_second_and_50_megabytes(self, tmp_path: Path, kind: str) -> None:
        path = with_sheet(tmp_path, BOMBS[kind], head=LAUGHS if kind == "entities" else "")

        said, seconds, megabytes = read_in_a_process(path)

        assert said == "UnsafeFile"
        assert seconds < 1
        assert megabytes < 50

    def test_does_not_allot_the_rectangle_that_it_claims(self, tmp_path: Path) -> None:
        last = '<row r="1048576"><c r="ZZ1048576"><v>1</v></c></row>'
        path = with_sheet(tmp_path, f'<row r="1"><c r="A1"><v>1</v></c></row>{last}')

        said, _seconds, megabytes = read_in_a_process(path)

        assert said == "2"
        assert megabytes < 50

    def test_is_cut_off_at_the_size_that_it_admits(self, tmp_path: Path) -> None:
        """A directory that claims a kilobyte for what unpacks to 80 MB."""
        path = with_sheet(tmp_path, BOMBS["ten thousandfold"])
        content = bytearray(path.read_bytes())
        entry = content.rindex(b"PK\x01\x02", 0, content.rindex(SHEET.encode()))
        content[entry + 24 : entry + 28] = (1_000).to_bytes(4, "little")
        path.write_bytes(content)

        said, seconds, megabytes = read_in_a_process(path)

        assert said == "BrokenWorkbook"
        assert seconds < 1
        assert megabytes < 50


def test_a_workbook_is_opened_in_the_usual_packing_alone(tmp_path: Path) -> None:
    """Others take as much memory as the file asks for."""
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_LZMA) as archive:
        for name, content in parts_of_a_workbook(tmp_path).items():
            archive.writestr(name, content)

    with pytest.raises(BrokenWorkbook):
        read_orders(save(tmp_path, buffer.getvalue(), "orders.xlsx"))
