"""The command: what it says, and the exit codes that cron can tell apart."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.utils import translation
from openpyxl import Workbook

from customers.services import ensure_customer_types
from kernel.models import Job
from orders.imports import job as imports
from orders.models import Order
from orders.services import ensure_carriers
from payments.models import LedgerEntry
from tests.factories import default_workflow

from .imports.files import TAOBAO_2016, TAOBAO_ORDER, TMALL, TMALL_ORDER, save, save_csv

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def shop() -> Iterator[None]:
    default_workflow()
    ensure_carriers()
    ensure_customer_types()
    with translation.override("en"):
        yield


def run(*arguments: object) -> tuple[int, str]:
    out = StringIO()
    try:
        call_command("orders_import", *map(str, arguments), stdout=out, stderr=StringIO())
    except SystemExit as end:
        return int(str(end.code)), out.getvalue()
    return 0, out.getvalue()


def refused(*arguments: object) -> str:
    with pytest.raises(CommandError) as refusal:
        run(*arguments)
    assert refusal.value.returncode == 1
    return str(refusal.value)


def tmall(folder: Path, *rows: dict[str, str], encoding: str = "utf-8") -> Path:
    return save_csv(folder, TMALL, *(TMALL_ORDER | row for row in rows), encoding=encoding)


class TestImporting:
    def test_takes_all_rows_and_books_their_money_before_it_ends(self, tmp_path: Path) -> None:
        code, said = run(tmall(tmp_path, {"订单编号": "1"}, {"订单编号": "2"}))

        assert (code, Order.objects.count(), LedgerEntry.objects.count()) == (0, 2, 2)
        assert "2 new, 0 already there, 0 rejected" in said
        assert "7 of 7 columns" in said

    def test_the_second_run_finds_all_there(self, tmp_path: Path) -> None:
        file = tmall(tmp_path, {"订单编号": "1"})
        run(file)

        assert run(file)[0] == 0
        assert "0 new, 1 already there, 0 rejected" in run(file)[1]

    def test_some_refused_rows_are_exit_code_4_with_reasons(self, tmp_path: Path) -> None:
        code, said = run(tmall(tmp_path, {"订单编号": "1"}, {"订单编号": "2.02611E+11"}, {"订单编号": ""}))

        assert code == 4
        assert "row 3  damaged_number" in said
        assert "rejected: 1 × number damaged by Excel, 1 × no order number" in said

    def test_many_refused_rows_are_not_all_listed(self, tmp_path: Path) -> None:
        _code, said = run(tmall(tmp_path, *({"订单编号": ""} for _row in range(50))))

        assert (said.count("no_order_number"), "50 × no order number" in said) == (20, True)

    def test_json_lists_them_all(self, tmp_path: Path) -> None:
        _code, said = run(tmall(tmp_path, *({"订单编号": ""} for _row in range(30))), "--format", "json")

        told = json.loads(said)
        assert (told["exit_code"], len(told["rows"]), told["summary"]["rejected"]) == (4, 30, 30)

    def test_writes_the_refused_rows_to_the_report(self, tmp_path: Path) -> None:
        report = tmp_path / "rejects.csv"

        run(tmall(tmp_path, {"订单编号": "1"}, {"订单编号": "2", "总金额": "?"}), "--report", report)

        rows = list(csv.DictReader(StringIO(report.read_text("utf-8-sig"))))
        assert [(row["行 row"], row["订单编号"]) for row in rows] == [("3", "2")]

    def test_what_was_assumed_is_told(self, tmp_path: Path) -> None:
        _code, said = run(save_csv(tmp_path, TAOBAO_2016, TAOBAO_ORDER | {"订单付款时间 ": ""}))

        assert "assumed: 1 × payment time taken from the order" in said

    def test_an_interrupted_import_is_nobodys_until_it_is_started_again(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def interrupt(_name: str) -> None:
            raise KeyboardInterrupt

        file = tmall(tmp_path, {"订单编号": "1"})
        with monkeypatch.context() as patch:
            patch.setattr(imports, "failpoint", interrupt)
            assert run(file)[0] == 130
        assert (Job.objects.get().state, Order.objects.count()) == ("canceled", 1)

        assert run(file)[0] == 0
        assert (Order.objects.count(), LedgerEntry.objects.count()) == (1, 1)


class TestADryRun:
    def test_writes_no_order(self, tmp_path: Path) -> None:
        run(tmall(tmp_path, {"订单编号": "1"}))

        code, said = run(tmall(tmp_path, {"订单编号": "1"}, {"订单编号": "2"}), "--dry-run")

        assert (code, Order.objects.count(), Job.objects.count()) == (0, 1, 1)
        assert "1 new, 1 already there, 0 rejected" in said

    def test_tells_what_would_be_refused_and_writes_that_to_the_report(self, tmp_path: Path) -> None:
        run(tmall(tmp_path, {"订单编号": "1"}))
        file = tmall(tmp_path, {"订单编号": "1", "收货地址 ": "北京"}, {"订单编号": "2", "总金额": "?"})
        report = tmp_path / "rejects.csv"

        code, said = run(file, "--dry-run", "--report", report)

        rows = list(csv.DictReader(StringIO(report.read_text("utf-8-sig"))))
        assert (code, Order.objects.count()) == (4, 1)
        assert [(row["行 row"], row["收货地址"]) for row in rows] == [("2", "北京"), ("3", "上海")]
        assert "already_there" in said


class TestWhoeverTypesSomethingWrong:
    def test_is_told_that_there_is_no_such_file(self, tmp_path: Path) -> None:
        assert "no file" in refused(tmp_path / "nothing.csv")

    def test_is_told_which_layouts_there_are(self, tmp_path: Path) -> None:
        text = refused(tmall(tmp_path, {}), "--profile", "taobao")

        assert "There is no layout “taobao”" in text
        assert "taobao_order_2020" in text

    def test_is_told_what_a_chosen_layout_lacks(self, tmp_path: Path) -> None:
        assert "买家会员名" in refused(tmall(tmp_path, {}), "--profile", "taobao_order_2016")

    def test_is_told_that_no_layout_fits(self, tmp_path: Path) -> None:
        assert "fit no known layout" in refused(save(tmp_path, b"a,b\n1,2\n"))

    def test_is_told_which_line_is_not_in_the_encoding(self, tmp_path: Path) -> None:
        file = tmall(tmp_path, {"订单编号": "1"}, encoding="gb18030")

        assert "line 1 cannot be read" in refused(file, "--encoding", "utf-8")
        assert run(file)[0] == 0

    def test_is_told_that_an_encoding_does_not_exist(self, tmp_path: Path) -> None:
        assert "no known text encoding" in refused(tmall(tmp_path, {}), "--encoding", "klingon")

    def test_is_told_about_an_unclosed_quotation_mark(self, tmp_path: Path) -> None:
        broken = tmall(tmp_path, {}).read_bytes() + b'2,"' + b"x" * 200_000

        text = refused(save(tmp_path, broken))

        assert "closing quotation mark" in text

    def test_is_told_about_numbers_that_excel_has_damaged(self, tmp_path: Path) -> None:
        workbook = Workbook()
        sheet = workbook.active
        assert sheet is not None
        sheet.append([header.strip() for header in TMALL])
        sheet.append([6917926768823643751, 100, 100, "上海", "2020-02-20 23:59:54", "2020-02-21 00:00:02", 0])
        workbook.save(tmp_path / "orders.xlsx")

        code, said = run(tmp_path / "orders.xlsx")

        assert (code, Order.objects.count()) == (4, 0)
        assert "damaged by Excel" in said

    def test_is_told_where_no_report_can_be_written(self, tmp_path: Path) -> None:
        file = tmall(tmp_path, {})

        assert "no such folder" in refused(file, "--report", tmp_path / "nowhere" / "rejects.csv")
        assert "the file to be imported" in refused(file, "--report", file)
        assert not Job.objects.exists()

    def test_is_told_that_it_is_no_table(self, tmp_path: Path) -> None:
        assert "a PDF" in refused(save(tmp_path, b"%PDF-1.7 ..."))
