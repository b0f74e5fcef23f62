from __future__ import annotations

import json
import tracemalloc
import zlib
from base64 import b64encode
from collections.abc import Iterable
from datetime import UTC, date, datetime
from io import BytesIO
from typing import ClassVar
from zipfile import ZIP_DEFLATED, ZIP_LZMA, ZipFile

import pytest

from payments.gateways import Availability, ConfigError, Movement, StatementRequest, UnreadableStatement
from payments.gateways.statement import StatementLine
from payments.gateways.transport import TransportError
from payments.gateways.unionpay import statement as statements
from payments.gateways.unionpay.statement import WIDTHS, unpack
from tests.gateways.unionpay.desk import MER_ID, NOON, PAYMENT_NO, QUERY_ID, REFUND_NO, Desk, published

REQUEST = StatementRequest(day=date(2026, 11, 21))
NAME = f"INN26112188ZM_{MER_ID}"


def row(**changes: str) -> bytes:
    """A line of a ZM file: 40 fields by their numbers."""
    told = {
        "1": "S22",
        "4": "067402",
        "5": "1121120130",
        "6": "621626*********9999",
        "7": "000000009900",
        "10": QUERY_ID,
        "12": PAYMENT_NO,
        "16": "D000000000038",
        "17": "C000000009862",
        "20": "01",
        "21": "07",
        "28": MER_ID,
        **{name.removeprefix("f"): value for name, value in changes.items()},
    }
    fields = [
        told.get(str(number), "").encode("gbk").ljust(width)[:width] for number, width in enumerate(WIDTHS, start=1)
    ]
    return b" ".join(fields) + b"\r\n"


REFUND_ROW = row(
    f7="000000003000", f10="782611221300000674029", f12=REFUND_NO, f16="", f17="D000000003000", f20="04", f27=QUERY_ID
)


def archive(content: bytes, *, name: str = NAME) -> bytes:
    packed = BytesIO()
    with ZipFile(packed, "w", ZIP_DEFLATED) as folder:
        folder.writestr(name, content)
        folder.writestr(f"INN26112188ZME_{MER_ID}", b"something else")
    return packed.getvalue()


def sent_as(content: bytes) -> str:
    return b64encode(zlib.compress(content)).decode()


def read(desk: Desk, content: bytes) -> list[StatementLine]:
    return list(desk.gateway().read_statement(file=BytesIO(content)))


def test_layout_is_the_published_one() -> None:
    assert list(WIDTHS) == json.loads(published("zm_file_layout.json"))["ZM_widths"]


class TestFetch:
    def test_unpacks_what_only_wraps_it_for_the_way(self, desk: Desk) -> None:
        desk.answers(fileName=f"{MER_ID}_20261121.zip", fileContent=sent_as(archive(row())))

        file = desk.gateway().statement(request=REQUEST)

        assert (file.availability, file.name) == (Availability.READY, f"{MER_ID}_20261121.zip")
        assert [line.payment_no for line in read(desk, file.content)] == [PAYMENT_NO]

    def test_asks_the_host_that_keeps_files(self, desk: Desk) -> None:
        desk.gateway().statement(request=REQUEST)

        (sent,) = desk.sent
        assert sent.url == "http://127.0.0.1:8900/file/"
        assert {name: sent.form[name] for name in ("txnType", "txnSubType", "fileType", "settleDate", "txnTime")} == {
            "txnType": "76",
            "txnSubType": "01",
            "fileType": "00",
            "settleDate": "1121",
            "txnTime": "20261122120000",
        }

    @pytest.mark.parametrize(
        ("at", "availability"),
        [
            (datetime(2026, 11, 22, 15, 0, tzinfo=UTC), Availability.NOT_YET),  # a day after the cut at 23:00
            (datetime(2026, 11, 22, 15, 1, tzinfo=UTC), Availability.EMPTY),
        ],
    )
    def test_tells_a_day_without_movements_from_one_not_yet_written(
        self, desk: Desk, at: datetime, availability: Availability
    ) -> None:
        desk.answers("98")

        assert desk.gateway(at=at).statement(request=REQUEST).availability is availability

    @pytest.mark.parametrize("content", ["", "?", "AAAA", b64encode(zlib.compress(bytes(range(99)))[:50]).decode()])
    def test_takes_no_file_that_is_not_whole(self, desk: Desk, content: str) -> None:
        desk.answers(fileContent=content)

        file = desk.gateway().statement(request=REQUEST)

        assert (file.availability, file.content) == (Availability.UNKNOWN, b"")

    @pytest.mark.parametrize("code", ["01", "03", "99"])
    def test_takes_no_other_answer_for_an_empty_day(self, desk: Desk, code: str) -> None:
        desk.answers(code)

        assert desk.gateway().statement(request=REQUEST).availability is Availability.UNKNOWN

    def test_is_unknown_when_nobody_answers(self, desk: Desk) -> None:
        desk.breaks(TransportError("transport.timeout", "ReadTimeout"))

        file = desk.gateway().statement(request=REQUEST)

        assert (file.availability, file.code) == (Availability.UNKNOWN, "transport.timeout")

    def test_does_not_swell_beyond_measure(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(statements, "MAX_PACKED", 1_000)

        assert unpack(sent_as(b"x" * 1_000)) is not None
        assert unpack(sent_as(b"x" * 1_001)) is None

    @pytest.mark.parametrize(
        ("base_url", "url"),
        [
            ("", "https://filedownload.test.95516.com/"),
            ("https://gateway.test.95516.com/gateway/api/", "https://filedownload.test.95516.com/"),
            ("https://box.example/unionpay", "https://box.example/unionpay/file/"),
            ("https://box.example/unionpay/gateway/api", "https://box.example/unionpay/file/"),
        ],
    )
    def test_knows_the_host_of_each_gateway(self, desk: Desk, base_url: str, url: str) -> None:
        desk.gateway(base_url=base_url).statement(request=REQUEST)

        assert desk.sent[0].url == url


class TestRead:
    def test_tells_payments_and_refunds(self, desk: Desk) -> None:
        payment, refund = read(desk, archive(row() + REFUND_ROW))

        assert payment == StatementLine(
            line_no=1,
            movement=Movement.PAYMENT,
            payment_no=PAYMENT_NO,
            gateway_trade_no=QUERY_ID,
            amount_fen=9_900,
            fee_fen=38,
            native_state="01",
            occurred_at=datetime(2026, 11, 21, 4, 1, 30, tzinfo=UTC),
        )
        assert (refund.line_no, refund.movement, refund.amount_fen, refund.fee_fen) == (2, Movement.REFUND, 3_000, 0)
        assert (refund.payment_no, refund.refund_no) == ("", REFUND_NO)
        assert (refund.gateway_trade_no, refund.gateway_refund_no) == (QUERY_ID, "782611221300000674029")

    def test_reads_the_unpacked_file_as_well(self, desk: Desk) -> None:
        assert [line.payment_no for line in read(desk, row() + b"\r\n")] == [PAYMENT_NO]

    @pytest.mark.parametrize(
        ("fee", "kind", "fee_fen"),
        [("D000000000038", "01", 38), ("C000000000038", "04", -38), ("38", "01", 38), ("38", "04", -38), ("", "01", 0)],
    )
    def test_knows_who_pays_the_fee(self, desk: Desk, fee: str, kind: str, fee_fen: int) -> None:
        (line,) = read(desk, row(f16=fee, f20=kind))

        assert line.fee_fen == fee_fen

    def test_cuts_bytes_and_not_characters(self, desk: Desk) -> None:
        (line,) = read(desk, row(f2="银联商务"))

        assert (line.payment_no, line.amount_fen) == (PAYMENT_NO, 9_900)

    @pytest.mark.parametrize(
        ("name", "told", "year"),
        [
            ("INN26010188ZM_", "1231235950", 2025),
            ("INN26123188ZM_", "0101000010", 2027),
            (NAME[:14], "1121000000", 2026),
        ],
    )
    def test_dates_by_the_day_in_the_name(self, desk: Desk, name: str, told: str, year: int) -> None:
        (line,) = read(desk, archive(row(f5=told), name=f"{name.removesuffix(MER_ID)}{MER_ID}"))

        assert line.occurred_at is not None
        assert line.occurred_at.year == year

    @pytest.mark.parametrize(
        ("bad", "words"),
        [
            (row()[:150], "too short"),
            (b"x" * 300, "not where they belong"),
            (row(f7="99.00"), "not an amount"),
            (row(f7=""), "not an amount"),
            (row(f16="E000000000038"), "not a fee"),
            (row(f20="12"), "unknown kind"),
            (row(f5="1332120130"), "not a time"),
            (row().replace(PAYMENT_NO.encode(), b"\xff" * len(PAYMENT_NO)), "gbk"),
        ],
    )
    def test_stops_at_the_first_line_that_is_not_as_documented(self, desk: Desk, bad: bytes, words: str) -> None:
        with pytest.raises(UnreadableStatement, match=words) as told:
            read(desk, archive(row() + bad))

        assert told.value.line_no == 2

    @pytest.mark.parametrize(
        ("content", "words"),
        [
            (archive(row(), name="readme.txt"), "no file of trades"),
            (archive(row(), name="INN26112188ZM_777290058110049"), "merchant 777290058110049"),
            (archive(row(), name=f"INN26134188ZM_{MER_ID}"), "no day"),
            (archive(row() * 50)[:-200] + archive(row() * 50)[-180:], "seek|header"),
        ],
    )
    def test_refuses_another_file(self, desk: Desk, content: bytes, words: str) -> None:
        with pytest.raises(UnreadableStatement, match=words):
            read(desk, content)

    def test_refuses_a_file_without_end(self, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(statements, "MAX_UNPACKED", 5_000)

        with pytest.raises(UnreadableStatement, match="longer than any"):
            read(desk, archive(row() * 20))
        with pytest.raises(UnreadableStatement, match="longer than any"):
            read(desk, archive(b"x" * 4_500))

    def test_needs_to_know_whose_statement_it_is(self, desk: Desk) -> None:
        with pytest.raises(ConfigError):
            list(desk.gateway(mer_id="").read_statement(file=BytesIO(archive(row()))))

    def test_does_not_grow_with_the_file(self, desk: Desk) -> None:
        def peak(lines: int) -> int:
            file = BytesIO(archive(row() * lines))
            tracemalloc.start()
            assert _count(desk.gateway().read_statement(file=file)) == lines
            reached = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            return reached

        assert peak(8_000) < 2 * peak(500) + 200_000


def _count(lines: Iterable[StatementLine]) -> int:
    return sum(1 for _line in lines)


def test_statements_are_offered(desk: Desk) -> None:
    assert desk.gateway(at=NOON).capabilities.has_statements


class TestADamagedZip:
    WHOLE: ClassVar[bytes] = archive(row())

    @pytest.mark.parametrize(
        "content",
        [
            WHOLE.replace(b"INN26112188ZM_", b"\0NN26112188ZM_"),  # a name that is empty
            WHOLE.replace(b"PK\x05\x06", b"PK\x06\x07" + b"\1" * 16 + b"PK\x05\x06"),  # of several disks
            WHOLE[:4] + WHOLE[100:],  # a piece is missing
        ],
    )
    def test_is_refused_in_words(self, content: bytes) -> None:
        with pytest.raises(UnreadableStatement):
            list(Desk().gateway().read_statement(file=BytesIO(content)))

    def test_is_opened_in_the_usual_packing_alone(self) -> None:
        packed = BytesIO()
        with ZipFile(packed, "w", ZIP_LZMA) as folder:
            folder.writestr(NAME, row())

        with pytest.raises(UnreadableStatement, match="unusual"):
            list(Desk().gateway().read_statement(file=packed))
