from __future__ import annotations

import gzip
from collections.abc import Iterator
from datetime import UTC, date, datetime
from hashlib import sha1
from io import BytesIO
from typing import Any, ClassVar

import pytest

from payments.gateways import (
    Availability,
    Movement,
    StatementFile,
    StatementLine,
    StatementRequest,
    UnreadableStatement,
)
from payments.gateways.transport import TransportError
from payments.gateways.wechatpay import bill_read
from payments.gateways.wechatpay.signature import is_signed, joined
from tests.gateways.wechatpay.desk import (
    ADDRESS,
    MCHID,
    MERCHANT,
    NOON,
    PAYMENT_NO,
    REFUND_NO,
    TRADE_NO,
    VECTORS,
    Desk,
)

HEADER = (
    "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,"
    "应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,"
    "手续费,费率,订单金额,申请退款金额,费率备注"
)
TOTALS = "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额"


def row(**changes: str) -> str:
    told = dict.fromkeys(HEADER.split(","), "") | {
        "交易时间": "2026-11-22 12:00:00",
        "商户号": MCHID,
        "微信订单号": TRADE_NO,
        "商户订单号": PAYMENT_NO,
        "交易状态": "SUCCESS",
        "货币种类": "CNY",
        "应结订单金额": "98.00",
        "代金券金额": "1.00",
        "微信退款单号": "0",
        "商户退款单号": "0",
        "退款金额": "0.00",
        "商品名称": "保温杯",
        "手续费": "0.59000",
        "订单金额": "99.00",
        "申请退款金额": "0.00",
    }
    return ",".join(f"`{value}" for value in (told | changes).values())


REFUND = {
    "交易状态": "REFUND",
    "微信退款单号": "5000",
    "商户退款单号": REFUND_NO,
    "退款金额": "29.70",
    "申请退款金额": "30.00",
    "退款状态": "SUCCESS",
    "订单金额": "0.00",
    "手续费": "-0.18000",
}


def bill(*rows: str, header: str = HEADER, count: str | None = None) -> bytes:
    lines = [header, *rows, TOTALS, f"`{count or len(rows)},`0.00"]
    return b"\xef\xbb\xbf" + "".join(f"{line}\r\n" for line in lines).encode()


def read(content: bytes, *, pack: bool = True, mchid: str = MCHID) -> list[StatementLine]:
    file = BytesIO(gzip.compress(content) if pack else content)
    return list(Desk().gateway(mchid=mchid).read_statement(file=file))


class TestThePublishedBill:
    CONTENT: ClassVar[bytes] = (VECTORS / "bill.ALL.csv").read_bytes()

    @pytest.mark.parametrize("pack", [True, False])
    def test_adds_up_to_its_own_totals(self, pack: bool) -> None:
        lines = read(self.CONTENT, pack=pack, mchid="1921000401")

        def total(movement: Movement) -> int:
            return sum(it.amount_fen for it in lines if it.movement is movement)

        assert len(lines) == 45
        assert (total(Movement.PAYMENT), total(Movement.REFUND)) == (47, 14)
        assert sum(it.fee_fen for it in lines) == 8

    def test_is_read_row_by_row(self) -> None:
        first = read(self.CONTENT, mchid="1921000401")[0]

        assert first == StatementLine(
            line_no=2,
            movement=Movement.REFUND,
            payment_no="autotest_20190216081946_82335",
            gateway_trade_no="4200000263201902167700134212",
            amount_fen=1,
            refund_no="REF4200000263201902167700963919",
            gateway_refund_no="50000709672019011908420787722",
            native_state="SUCCESS",
            occurred_at=datetime(2019, 2, 18, 21, 1, 46, tzinfo=UTC),
        )

    def test_of_another_merchant_is_refused(self) -> None:
        with pytest.raises(UnreadableStatement, match="1921000401"):
            read(self.CONTENT)


class TestReading:
    def test_tells_a_payment_by_its_order_amount(self) -> None:
        (line,) = read(bill(row()))

        assert (line.movement, line.amount_fen, line.fee_fen) == (Movement.PAYMENT, 9_900, 59)
        assert (line.payment_no, line.gateway_trade_no, line.refund_no) == (PAYMENT_NO, TRADE_NO, "")
        assert (line.occurred_at, line.currency) == (NOON, "CNY")

    def test_tells_a_refund_by_what_was_asked_for_and_the_fee_that_came_back(self) -> None:
        (line,) = read(bill(row(**REFUND)))

        assert (line.movement, line.amount_fen, line.fee_fen) == (Movement.REFUND, 3_000, -18)
        assert (line.refund_no, line.gateway_refund_no, line.native_state) == (REFUND_NO, "5000", "SUCCESS")

    def test_leaves_out_a_refund_that_failed(self) -> None:
        assert read(bill(row(**REFUND | {"退款状态": "FAIL"}), row())) == read(bill(row(), row()))[1:]

    @pytest.mark.parametrize("name", ["a,b", "a,`b", "`,`,`", ",`SUCCESS,`CNY,`0.01", "a`b"])
    @pytest.mark.parametrize("column", ["商品名称", "商户数据包"])
    def test_is_not_misled_by_what_merchants_write(self, column: str, name: str) -> None:
        assert read(bill(row(**{column: name}))) == read(bill(row()))

    def test_finds_columns_by_name(self) -> None:
        header = HEADER.replace(",订单金额,申请退款金额,费率备注", "").replace("应结订单金额", "总金额")
        older = ",".join(row(应结订单金额="99.00").split(",")[:-3])

        assert read(bill(older, header=header)) == read(bill(row()))

    @pytest.mark.parametrize("count", ["2", "2.0", "2.00"])
    def test_counts_its_rows(self, count: str) -> None:
        assert len(read(bill(row(), row(), count=count))) == 2

    def test_of_no_movements_is_empty(self) -> None:
        assert read(bill()) == []

    @pytest.mark.parametrize(
        ("content", "words", "line_no"),
        [
            (b"", "no column", 1),
            (b"<html>no bill</html>", "no column", 1),
            (bill(header=HEADER.replace("手续费", "费用")), "手续费", 1),
            (bill(row(), count="2"), "1 rows, and the totals say 2", 4),
            (bill(row(), count="many"), "totals are missing", 4),
            (bill(row()).split("总".encode())[0], "end is missing", 2),
            (bill(row()).rsplit(b"`1", 1)[0], "totals are missing", 0),
            (bill(row()[:-1]), "26 cells", 2),
            (bill(row().replace("`", "")), "backtick", 2),
            (bill(row(交易状态="NEW")), "unknown state", 2),
            (bill(row(订单金额="99.001")), "not an amount", 2),
            (bill(row(订单金额="-99.00")), "not an amount", 2),
            (bill(row(订单金额="1e3")), "not an amount", 2),
            (bill(row(手续费="0.00600")), "not an amount", 2),
            (bill(row(商户订单号="")), "text expected", 2),
            (bill(row(交易时间="2026/11/22 12:00")), "not a time", 2),
            (bill(row()).replace("保温杯".encode(), "保温杯".encode("gbk")), "not UTF-8", 2),
            (bill(row(商品名称="x" * 200_000)), "longer than any", 0),
        ],
    )
    def test_stops_at_what_is_not_as_documented(self, content: bytes, words: str, line_no: int) -> None:
        with pytest.raises(UnreadableStatement, match=words) as stopped:
            read(content)

        assert stopped.value.line_no == line_no

    @pytest.mark.parametrize("damage", [lambda it: it[:-20], lambda it: it[:30], lambda it: it + b"x"])
    def test_stops_at_a_damaged_file(self, damage: Any) -> None:
        packed = damage(gzip.compress(bill(*[row()] * 50)))

        with pytest.raises(UnreadableStatement):
            list(Desk().gateway().read_statement(file=BytesIO(packed)))

    def test_does_not_unpack_a_bomb(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(bill_read, "MAX_UNPACKED_BYTES", 100_000)

        with pytest.raises(UnreadableStatement, match="larger than"):
            read(bill(*[row()] * 2_000))

    def test_reads_no_further_than_it_is_asked(self) -> None:
        class Watched(BytesIO):
            taken = 0

            def read(self, size: int | None = -1, /) -> bytes:
                block = super().read(size)
                self.taken += len(block)
                return block

        content = bill(*(row(商户订单号=f"P{sha1(str(n).encode()).hexdigest()}") for n in range(20_000)))
        file = Watched(gzip.compress(content))

        lines: Iterator[StatementLine] = Desk().gateway().read_statement(file=file)
        next(lines)

        assert file.taken < len(file.getvalue()) / 4


class TestFetching:
    URL = f"{ADDRESS}/v3/billdownload/file?token=a%7Cb&x=1|2"

    def promised(self, content: bytes, **changes: str) -> dict[str, Any]:
        digest = sha1(content, usedforsecurity=False).hexdigest()
        return {"hash_type": "SHA1", "hash_value": digest, "download_url": self.URL} | changes

    def fetch(self, desk: Desk) -> StatementFile:
        return desk.gateway().statement(request=StatementRequest(day=date(2026, 11, 22)))

    def test_brings_the_file_whose_content_was_promised(self, desk: Desk) -> None:
        packed = gzip.compress(bill(row()))
        desk.answers(**self.promised(bill(row()))).answers_raw(packed)

        file = self.fetch(desk)

        assert (file.availability, file.content) == (Availability.READY, packed)
        assert file.name == "wechatpay-2026-11-22.csv.gz"
        assert desk.sent[0].target == "/v3/bill/tradebill?bill_date=2026-11-22&bill_type=ALL&tar_type=GZIP"

    def test_signs_its_question_for_the_file_as_it_is_sent(self, desk: Desk) -> None:
        desk.answers(**self.promised(bill(row()))).answers_raw(gzip.compress(bill(row())))

        self.fetch(desk)

        sent = desk.sent[1]
        told = sent.authorization
        signed = joined("GET", sent.target, told["timestamp"], told["nonce_str"], "")
        assert is_signed(signed=signed, signature=told["signature"], key=MERCHANT.public_key())
        assert sent.target.startswith("/v3/billdownload/file?token=")

    @pytest.mark.parametrize(
        ("status", "code", "availability"),
        [
            (400, "NO_STATEMENT_EXIST", Availability.EMPTY),
            (400, "STATEMENT_CREATING", Availability.NOT_YET),
            (500, "SYSTEM_ERROR", Availability.UNKNOWN),
        ],
    )
    def test_says_why_there_is_none(self, desk: Desk, status: int, code: str, availability: Availability) -> None:
        file = self.fetch(desk.fails(status, code))

        assert (file.availability, file.code, file.content) == (availability, code, b"")

    def test_does_not_believe_an_unsigned_no(self, desk: Desk) -> None:
        desk.answers_raw(b'{"code":"NO_STATEMENT_EXIST"}', status=400)

        assert self.fetch(desk).availability is Availability.UNKNOWN

    @pytest.mark.parametrize(
        "packed",
        [gzip.compress(bill(row(), row()), mtime=0), b"", b"no gzip", gzip.compress(b"x", mtime=0)[:-4]],
        ids=["another", "empty", "no gzip", "cut short"],
    )
    def test_takes_no_other_file_than_the_promised_one(self, desk: Desk, packed: bytes) -> None:
        desk.answers(**self.promised(bill(row()))).answers_raw(packed)

        file = self.fetch(desk)

        assert (file.availability, file.code) == (Availability.UNKNOWN, "answer.other_check_sum")

    @pytest.mark.parametrize(
        "changes", [{"hash_type": "MD5"}, {"hash_value": ""}, {"download_url": "file:///etc/passwd"}]
    )
    def test_makes_nothing_of_a_strange_promise(self, desk: Desk, changes: dict[str, str]) -> None:
        file = self.fetch(desk.answers(**self.promised(b"", **changes)))

        assert (file.availability, file.code) == (Availability.UNKNOWN, "answer.malformed")

    def test_tells_when_the_file_does_not_come(self, desk: Desk) -> None:
        desk.answers(**self.promised(b"")).breaks(TransportError("transport.too_large", "more"))

        assert self.fetch(desk).code == "transport.too_large"

    def test_tells_when_the_file_is_refused(self, desk: Desk) -> None:
        assert self.fetch(desk.answers(**self.promised(b"")).answers_raw(b"", status=403)).code == "http.403"


def test_an_address_that_is_none_is_no_answer() -> None:
    desk = Desk().answers(download_url="https://[::", hash_type="SHA1", hash_value="0" * 40)

    file = desk.gateway().statement(request=StatementRequest(day=date(2026, 11, 21)))

    assert (file.availability, file.code) == (Availability.UNKNOWN, "answer.malformed")
