from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from io import BytesIO
from typing import Any
from zipfile import ZIP_DEFLATED, ZIP_LZMA, ZipFile, ZipInfo

import pytest

from payments.gateways import (
    Availability,
    Environment,
    Movement,
    StatementFile,
    StatementLine,
    StatementRequest,
    UnreadableStatement,
)
from payments.gateways.alipay import AlipayGateway, bill
from payments.gateways.alipay.bill_link import is_bill_address
from payments.gateways.transport import HostNotAllowed, Response, TransportError
from tests.gateways.alipay.desk import Desk, config, vector

DAY = date(2026, 11, 21)
LATE = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)  # ten in the morning after
HEADER = vector("bill_trade_detail_sample.csv").splitlines()[4]
HEAD = "#支付宝业务明细查询\r\n#账号：[2088]\r\n#起始日期\r\n#------业务明细列表------\r\n"
END = "#------业务明细列表结束------\r\n#合计\r\n"
NAME = "20887226827483540156_20261121_业务明细.csv"


class GbkName(ZipInfo):
    """zipfile would say that a name is UTF-8; Alipay writes it in GBK and says nothing."""

    def _encodeFilenameFlags(self) -> tuple[bytes, int]:  # noqa: N802
        return self.filename.encode("gbk"), self.flag_bits


def row(**changes: str) -> str:
    cells = {
        "支付宝交易号": "2026112122001\t",
        "商户订单号": "P1\t",
        "业务类型": "交易\t",
        "商品名称": "茶",
        "创建时间": "2026-11-21 16:01:34",
        "完成时间": "2026-11-21 16:01:38",
        "订单金额（元）": "99.00",
        "退款批次号/请求号": "\t",
        "服务费（元）": "0.00",
        **changes,
    }
    return ",".join(cells.get(name, "0.00") for name in HEADER.split(","))


def sheet(*rows: str, end: str = END, header: str = HEADER) -> str:
    return HEAD + "".join(f"{line}\r\n" for line in (header, *rows)) + end


def packed(*files: tuple[str, str], method: int = ZIP_DEFLATED) -> bytes:
    made = BytesIO()
    with ZipFile(made, "w", method) as zipped:
        for name, content in files:
            info = GbkName(name)
            info.compress_type = method
            zipped.writestr(info, content.encode("gbk"))
    return made.getvalue()


def read(content: bytes) -> list[StatementLine]:
    return list(Desk().gateway().read_statement(file=BytesIO(content)))


def lines(*rows: str) -> list[StatementLine]:
    return read(packed((NAME, sheet(*rows))))


class TestReading:
    def test_reads_the_published_sample(self) -> None:
        first, _second, refund = read(vector("bill_trade_detail_sample.csv").encode())

        assert (first.line_no, first.movement, first.payment_no) == (6, Movement.PAYMENT, "USR1NOZM644N1780646479")
        assert (first.gateway_trade_no, first.amount_fen, first.fee_fen) == ("2026060522001419931441931972", 1, 0)
        assert str(first.occurred_at) == "2026-06-05 16:01:38+08:00"
        assert (refund.movement, refund.payment_no, refund.refund_no, refund.amount_fen) == (
            Movement.REFUND,
            "USR1NOABC123456",
            "REF20260605001",
            2,
        )

    def test_reads_the_details_in_a_zip_whose_names_are_gbk(self) -> None:
        content = packed((NAME.replace(".csv", "(汇总).csv"), "#没有"), (NAME, sheet(row())))

        assert [it.payment_no for it in read(content)] == ["P1"]

    @pytest.mark.parametrize("amount", ["5.00", "-5.00", "+5.00"])
    def test_goes_by_the_kind_of_a_row_and_not_by_its_sign(self, amount: str) -> None:
        changes = {"业务类型": "退款", "订单金额（元）": amount, "退款批次号/请求号": "R1\t"}
        (found,) = lines(row(**changes))

        assert (found.movement, found.amount_fen, found.refund_no) == (Movement.REFUND, 500, "R1")

    @pytest.mark.parametrize("fee", ["0.06", "-0.06"])
    def test_takes_a_fee_of_a_payment_and_gives_it_back_with_a_refund(self, fee: str) -> None:
        paid, back = lines(row(**{"服务费（元）": fee}), row(**{"服务费（元）": fee, "业务类型": "退款"}))

        assert (paid.fee_fen, back.fee_fen) == (6, -6)

    @pytest.mark.parametrize("subject", ["茶, 散", '"茶, 散"', '"500ml" 杯', '"', "a,b,c,,", "2026-11-21 16:01:34,x"])
    def test_reads_a_subject_with_commas_and_quotation_marks(self, subject: str) -> None:
        found = lines(row(商品名称=subject), row(商户订单号="P2"))

        assert [(it.payment_no, it.amount_fen) for it in found] == [("P1", 9_900), ("P2", 9_900)]

    def test_goes_by_the_header_when_columns_move_or_are_added(self) -> None:
        header = ",".join(["新列", *reversed(HEADER.split(","))])
        moved = ",".join(["x", *reversed(row().split(","))])

        (found,) = read(packed((NAME, sheet(moved, header=header))))

        assert (found.payment_no, found.amount_fen) == ("P1", 9_900)

    def test_of_a_day_without_rows_reads_none(self) -> None:
        assert lines() == []

    def test_keeps_no_more_than_a_line_in_memory(self) -> None:
        found = Desk().gateway().read_statement(file=BytesIO(packed((NAME, sheet(row(), "broken")))))

        assert next(found).payment_no == "P1"  # before it reads what comes next
        with pytest.raises(UnreadableStatement):
            next(found)


class TestRefusing:
    @pytest.mark.parametrize(
        ("content", "line_no"),
        [
            (sheet(row(业务类型="转账")), 6),
            (sheet(row(**{"订单金额（元）": "1.001"})), 6),
            (sheet(row(完成时间="soon")), 6),
            (sheet(row(商户订单号="\t")), 6),
            (sheet(row(), "x,y"), 7),
            (sheet(row(), end=""), 0),
            (sheet(header="a,b"), 5),
            (sheet(row()) + row(), 9),
            ("", 0),
            (sheet(row(备注="x" * 70_000)), 6),
        ],
    )
    def test_stops_at_what_is_not_as_documented(self, content: str, line_no: int) -> None:
        with pytest.raises(UnreadableStatement) as told:
            read(packed((NAME, content)))

        assert told.value.line_no == line_no

    @pytest.mark.parametrize(
        "content",
        [
            packed(),
            packed(("别的.csv", "x")),
            packed((NAME, sheet(row())), (f"2{NAME}", sheet(row()))),
            packed(*[(f"{n}.csv", "x") for n in range(17)]),
            packed((NAME, sheet(row())), method=ZIP_LZMA),
            packed((NAME, sheet(row())))[:-30],
            b"PK\x03\x04 and nothing else",
            b"\xff\xfe\x00",
        ],
    )
    def test_does_not_open_what_is_no_such_zip(self, content: bytes) -> None:
        with pytest.raises(UnreadableStatement):
            read(content)

    def test_notices_a_damaged_zip(self) -> None:
        content = bytearray(packed((NAME, sheet(*[row() for _ in range(50)])), method=0))
        content[content.index(b"2026-11-21 16:01:34")] = ord("3")

        with pytest.raises(UnreadableStatement):
            read(bytes(content))

    def test_does_not_unpack_a_bomb(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(bill, "MAX_UNPACKED_BYTES", 100_000)
        bomb = packed((NAME, sheet(*[row() for _ in range(1_000)])))
        claims_less = bomb.replace(
            len(sheet(*[row() for _ in range(1_000)]).encode("gbk")).to_bytes(4, "little"), b"\x10\0\0\0"
        )

        assert len(bomb) < 10_000
        for content in (bomb, claims_less):
            with pytest.raises(UnreadableStatement):
                read(content)


class Shelf:
    """Where Alipay keeps the file."""

    def __init__(self, answer: Response | Exception) -> None:
        self.answer = answer
        self.asked: list[str] = []

    def fetch(self, *, url: str) -> Response:
        self.asked.append(url)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


FILE = Response(
    status=200,
    headers={"content-disposition": 'attachment; filename="2088_20261121.csv.zip"'},
    body=packed((NAME, sheet())),
)


def fetch(desk: Desk, shelf: Shelf, *, at: datetime = LATE, **changes: Any) -> StatementFile:
    gateway = AlipayGateway(config=config(**changes), transport=desk, clock=lambda: at, files=shelf)
    return gateway.statement(request=StatementRequest(day=DAY))


class TestFetching:
    def test_brings_the_file_of_the_day(self, desk: Desk) -> None:
        desk.succeeds(bill_download_url="http://127.0.0.1:8001/alipay/bill/x")
        shelf = Shelf(FILE)

        told = fetch(desk, shelf)

        assert (told.availability, told.content, told.name) == (
            Availability.READY,
            FILE.body,
            "2088_20261121.csv.zip",
        )
        assert desk.sent[0].biz_content == {"bill_type": "trade", "bill_date": "2026-11-21"}
        assert shelf.asked == ["http://127.0.0.1:8001/alipay/bill/x"]

    @pytest.mark.parametrize(
        ("at", "availability"),
        [
            (datetime(2026, 11, 21, 12, tzinfo=UTC), Availability.NOT_YET),
            (LATE - timedelta(hours=1, minutes=1), Availability.NOT_YET),
            (LATE, Availability.EMPTY),
        ],
    )
    @pytest.mark.parametrize("code", ["isp.bill_not_exist", "BILL_NOT_EXIST"])
    def test_tells_a_day_without_trades_from_one_whose_statement_is_still_made(
        self, desk: Desk, at: datetime, availability: Availability, code: str
    ) -> None:
        desk.fails(code)

        assert fetch(desk, Shelf(FILE), at=at).availability is availability

    @pytest.mark.parametrize(
        "answer",
        [
            Response(status=404, headers={}, body=b""),
            Response(status=200, headers={}, body=b"<html>gone</html>"),
            TransportError("transport.too_large", "…"),
            HostNotAllowed("https://elsewhere.example"),
        ],
    )
    def test_is_unknown_when_no_file_comes(self, desk: Desk, answer: Response | Exception) -> None:
        desk.succeeds(bill_download_url="http://127.0.0.1:8001/alipay/bill/x")

        told = fetch(desk, Shelf(answer))

        assert (told.availability, bool(told.code), told.content) == (Availability.UNKNOWN, True, b"")

    @pytest.mark.parametrize("content", [{"bill_download_url": "file:///etc/passwd"}, {"bill_download_url": ""}, {}])
    def test_goes_to_no_address_that_is_none(self, desk: Desk, content: dict[str, str]) -> None:
        desk.succeeds(**content)
        shelf = Shelf(FILE)

        assert (fetch(desk, shelf).availability, shelf.asked) == (Availability.UNKNOWN, [])

    def test_believes_no_unsigned_address(self, desk: Desk) -> None:
        body = b'{"alipay_data_dataservice_bill_downloadurl_query_response":{"code":"10000","bill_download_url":"http://x.example/"}}'
        desk.answers_raw(body)
        shelf = Shelf(FILE)

        assert (fetch(desk, shelf).availability, shelf.asked) == (Availability.UNKNOWN, [])

    def test_of_a_live_account_goes_by_tls_alone(self, desk: Desk) -> None:
        desk.succeeds(bill_download_url="http://dwbillcenter.alipay.com/downloadBillFile.resource?token=1")
        shelf = Shelf(FILE)

        fetch(desk, shelf, environment=Environment.LIVE, base_url="")

        assert shelf.asked == ["https://dwbillcenter.alipay.com/downloadBillFile.resource?token=1"]

    @pytest.mark.parametrize(
        ("url", "allowed"),
        [
            ("https://dwbillcenter.alipay.com/x", True),
            ("https://alipay.com/x", True),
            ("http://dwbillcenter.alipay.com/x", False),
            ("https://notalipay.com/x", False),
            ("https://alipay.com.evil.example/x", False),
            ("https://u@dwbillcenter.alipay.com/x", False),
            ("https://dwbillcenter.alipay.com:8443/x", False),
            ("https://127.0.0.1/x", False),
        ],
    )
    def test_of_a_live_account_goes_to_alipays_own_hosts_alone(self, url: str, allowed: bool) -> None:
        assert is_bill_address(url) is allowed


@pytest.mark.parametrize("gone", [100, 200, 300])
def test_a_zip_that_lacks_a_piece_is_refused_in_words(gone: int) -> None:
    whole = packed((NAME, sheet(*(row(商户订单号=f"P{number}") for number in range(50)))))

    with pytest.raises(UnreadableStatement):
        read(whole[:4] + whole[4 + gone :])
