"""Encodings, separators, header noise: what happens before the first order."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.utils.translation import override

from orders.imports import ImportedOrder, Rejected, read_orders
from orders.imports.errors import (
    EmptyFile,
    FileMissing,
    FileUnreadable,
    ImportRefused,
    NotATable,
    OtherLayout,
    UnknownEncoding,
    UnknownLayout,
    UnknownProfile,
    UnsafeFile,
    WrongEncoding,
)
from orders.imports.headers import normalize_headers

from .files import (
    TAOBAO_2016,
    TAOBAO_ORDER,
    TMALL,
    TMALL_ORDER,
    csv_bytes,
    only_order,
    only_rejected,
    read_all,
    save,
    save_csv,
    taobao,
    tmall,
)

RARE_NAME = "㐂𠮷"  # GBK cannot write it, GB18030 can


class TestEncoding:
    @pytest.mark.parametrize(
        ("encoding", "found"),
        [("utf-8", "utf-8"), ("utf-8-sig", "utf-8-sig"), ("gb18030", "gb18030"), ("utf-16", "utf-16")],
    )
    def test_is_found_out(self, tmp_path: Path, encoding: str, found: str) -> None:
        path = save_csv(tmp_path, TAOBAO_2016, TAOBAO_ORDER | {"收货人姓名": RARE_NAME}, encoding=encoding)

        with read_orders(path) as file:
            assert file.encoding == found
            assert [row.recipient_name for row in file.rows if isinstance(row, ImportedOrder)] == [RARE_NAME]

    def test_is_read_as_gb18030_where_gbk_is_asked_for(self, tmp_path: Path) -> None:
        path = save_csv(tmp_path, TAOBAO_2016, TAOBAO_ORDER | {"收货人姓名": RARE_NAME}, encoding="gb18030")

        assert only_order(path, encoding="gbk").recipient_name == RARE_NAME

    def test_can_be_chosen(self, tmp_path: Path) -> None:
        path = save_csv(tmp_path, TMALL, TMALL_ORDER, encoding="gb18030")

        assert only_order(path, encoding="gb18030").province == "上海市"
        with pytest.raises(WrongEncoding):
            read_orders(path, encoding="utf-8")

    def test_that_does_not_fit_is_refused_with_the_line(self, tmp_path: Path) -> None:
        good = csv_bytes(TMALL, TMALL_ORDER)
        path = save(tmp_path, good + b"2,1.0,1.0,\xff\xff,,,\r\n")

        with override("en"), pytest.raises(WrongEncoding) as refused:
            read_orders(path)

        assert "utf-8 / gb18030: line 3 cannot be read" in str(refused.value)

    def test_is_judged_to_the_end_before_the_first_order_is_handed_out(self, tmp_path: Path) -> None:
        rows = [TMALL_ORDER | {"订单编号": str(number)} for number in range(30_000)]
        path = save(tmp_path, csv_bytes(TMALL, *rows) + b"\xff\xff")

        with pytest.raises(WrongEncoding):
            read_orders(path)

    def test_nobody_knows_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(UnknownEncoding):
            read_orders(save_csv(tmp_path, TMALL, TMALL_ORDER), encoding="klingon")

    def test_that_garbles_the_headers_is_told_with_what_was_seen(self, tmp_path: Path) -> None:
        path = save_csv(tmp_path, TMALL, TMALL_ORDER)

        with override("en"), pytest.raises(ImportRefused) as refused:
            read_orders(path, encoding="utf-16")

        assert "encoding" in str(refused.value)


class TestSeparator:
    @pytest.mark.parametrize("separator", [",", "\t", ";", "|"])
    def test_is_found_out(self, tmp_path: Path, separator: str) -> None:
        text = csv_bytes(TMALL, TMALL_ORDER).decode().replace(",", separator)

        with read_orders(save(tmp_path, text.encode())) as file:
            assert file.separator == separator
            assert len(list(file.rows)) == 1

    def test_may_be_declared_in_a_first_line(self, tmp_path: Path) -> None:
        text = "sep=;\r\n" + csv_bytes(TMALL, TMALL_ORDER).decode().replace(",", ";")

        assert only_order(save(tmp_path, text.encode())).row_no == 3

    def test_inside_quotation_marks_is_text(self, tmp_path: Path) -> None:
        assert taobao(tmp_path, 买家留言='送,到"门口";谢\n谢').customer_note == '送,到"门口";谢\n谢'


class TestHeaders:
    def test_are_trimmed_and_brought_into_one_width(self) -> None:
        assert normalize_headers(["\ufeff订单编号", "收货地址 ", "商品总价（元）", "\t付款时间"]) == (
            "订单编号",
            "收货地址",
            "商品总价(元)",
            "付款时间",
        )

    def test_that_occur_twice_are_numbered(self) -> None:
        assert normalize_headers(["分销员", "手机", "分销员"]) == ("分销员", "手机", "分销员 (2)")

    def test_without_a_name_are_dropped_at_the_end_and_numbered_between(self) -> None:
        assert normalize_headers(["a", "", "b", "", ""]) == ("a", "#2", "b")

    def test_may_stand_below_titles_and_blank_rows(self, tmp_path: Path) -> None:
        path = save(tmp_path, "二月订单\r\n\r\n".encode() + csv_bytes(TMALL, TMALL_ORDER))

        assert only_order(path).row_no == 4

    def test_with_an_empty_column_at_the_end_are_no_trouble(self, tmp_path: Path) -> None:
        text = csv_bytes(TMALL, TMALL_ORDER).decode().replace("\r\n", ",\r\n")

        assert only_order(save(tmp_path, text.encode())).external_order_no == "1"


class TestRows:
    def test_are_numbered_as_a_spreadsheet_does_and_blank_ones_left_out(self, tmp_path: Path) -> None:
        header, first, second = csv_bytes(TMALL, TMALL_ORDER, TMALL_ORDER).splitlines()
        path = save(tmp_path, b"\r\n".join([header, first, b",,,,,,", b"", second]))

        assert [row.row_no for row in read_all(path)] == [2, 5]

    def test_with_cells_missing_or_too_many_are_refused_alone(self, tmp_path: Path) -> None:
        header, good = csv_bytes(TMALL, TMALL_ORDER).splitlines()
        path = save(tmp_path, b"\r\n".join([header, b"7,1.0", good, good + b",more"]))

        rows = read_all(path)

        assert [row.reason_code for row in rows if isinstance(row, Rejected)] == [
            "cells_missing",
            "cells_beyond_header",
        ]
        assert sum(isinstance(row, ImportedOrder) for row in rows) == 1

    def test_hash_the_same_in_any_order_of_columns_and_otherwise_differ(self, tmp_path: Path) -> None:
        one = tmall(tmp_path)
        turned = only_order(save_csv(tmp_path, TMALL[::-1], TMALL_ORDER))
        other = tmall(tmp_path, 收货地址_="北京")

        assert one.row_hash == turned.row_hash != other.row_hash


class TestImportFile:
    def test_shows_five_rows_and_what_it_took_the_file_for(self, tmp_path: Path) -> None:
        rows = [TMALL_ORDER | {"订单编号": str(number)} for number in range(1, 9)]

        with read_orders(save_csv(tmp_path, TMALL, *rows)) as file:
            assert [sample["订单编号"] for sample in file.samples] == ["1", "2", "3", "4", "5"]
            assert (len(file.matched_headers), len(file.headers), file.expected_rows) == (7, 7, 10)
            assert len(list(file.rows)) == 8


class TestRefusals:
    def test_a_file_that_is_not_there(self, tmp_path: Path) -> None:
        with override("en"), pytest.raises(FileMissing) as refused:
            read_orders(tmp_path / "nowhere.csv")

        assert str(refused.value) == "There is no file “nowhere.csv”."

    def test_a_folder(self, tmp_path: Path) -> None:
        with pytest.raises(FileUnreadable):
            read_orders(tmp_path)

    @pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf", b"\r\n\r\n", b",,,\r\n"])
    def test_an_empty_file(self, tmp_path: Path, content: bytes) -> None:
        with pytest.raises(EmptyFile):
            read_orders(save(tmp_path, content))

    @pytest.mark.parametrize(
        "content",
        [
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\x00" * 512,  # .xls
            b"%PDF-1.7\n",
            b"<html><table><tr><td>1</td></tr></table></html>",  # what some shops call .xls
            b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR",
        ],
    )
    def test_a_file_of_another_kind(self, tmp_path: Path, content: bytes) -> None:
        with pytest.raises(NotATable):
            read_orders(save(tmp_path, content))

    def test_an_unknown_layout_with_what_was_seen_and_what_is_close(self, tmp_path: Path) -> None:
        path = save(tmp_path, "订单编号,买家会员名,数量\n1,a,2\n".encode())

        with override("en"), pytest.raises(UnknownLayout) as refused:
            read_orders(path)

        text = str(refused.value)
        assert "订单编号, 买家会员名, 数量" in text
        assert "Taobao/Tmall orders (2020) (− 订单状态, 买家实付金额 / 买家实际支付金额 / 买家应付货款)" in text

    def test_an_unknown_profile_with_the_known_ones(self, tmp_path: Path) -> None:
        with override("en"), pytest.raises(UnknownProfile) as refused:
            read_orders(save_csv(tmp_path, TMALL, TMALL_ORDER), "ebay")

        assert "native, taobao_order_2016, taobao_order_2020, tmall_sample" in str(refused.value)

    def test_a_file_that_does_not_fit_the_profile_that_was_chosen(self, tmp_path: Path) -> None:
        with override("en"), pytest.raises(OtherLayout) as refused:
            read_orders(save_csv(tmp_path, TMALL, TMALL_ORDER), "taobao_order_2020")

        assert "it lacks 买家会员名, 订单状态" in str(refused.value)

    def test_a_text_that_turns_out_to_be_none_further_down(self, tmp_path: Path) -> None:
        path = save(tmp_path, csv_bytes(TMALL, *[TMALL_ORDER] * 500) + b"2,\x00,")

        with pytest.raises(NotATable):
            read_all(path)

    def test_a_quotation_mark_that_never_closes(self, tmp_path: Path) -> None:
        rows = csv_bytes(TMALL, *[TMALL_ORDER] * 5_000)
        path = save(tmp_path, rows.replace(b"\n1,", b'\n"1,', 1))

        with pytest.raises(UnsafeFile):
            read_all(path)

    def test_a_line_without_end(self, tmp_path: Path) -> None:
        with pytest.raises(UnsafeFile):
            read_orders(save(tmp_path, csv_bytes(TMALL) + b"1" * 2_000_000))

    def test_a_million_columns(self, tmp_path: Path) -> None:
        with pytest.raises(UnsafeFile):
            read_orders(save(tmp_path, b"," * 900_000 + b"a"))

    def test_a_rejected_row_brings_its_cells_for_the_file_of_rejects(self, tmp_path: Path) -> None:
        rejected = only_rejected(save_csv(tmp_path, TMALL, TMALL_ORDER | {"总金额": "abc"}))

        assert (rejected.row_no, rejected.reason_code) == (2, "unreadable_amount")
        assert (rejected.raw["总金额"], rejected.raw["收货地址"]) == ("abc", "上海")
        with override("en"):
            assert rejected.message == "“abc” in column “总金额” is not an amount."
