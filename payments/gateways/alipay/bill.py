"""A day's statement as Alipay makes it: a ZIP of CSV files in GBK, of which the detailed one is read."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from io import BufferedReader
from typing import IO
from zipfile import ZipFile, ZipInfo

from ..fields import beijing_moment, fen_of_yuan
from ..statement import BROKEN_ZIP, PACKINGS, Movement, StatementLine, UnreadableStatement

MAX_MEMBERS = 16
MAX_UNPACKED_BYTES = 512 * 1024 * 1024
MAX_LINE_BYTES = 64 * 1024
UTF8_NAME, ENCRYPTED = 0x800, 0x1
ZIP = b"PK\x03\x04"
DETAILS, SUMMARY = "业务明细", "汇总"
END = re.compile(r"#-*业务明细列表结束")
TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}")
UNIT = re.compile(r"[（(]元[)）]")
MOVEMENTS = {"交易": Movement.PAYMENT, "退款": Movement.REFUND}

TRADE_NO, PAYMENT_NO, KIND, SUBJECT = "支付宝交易号", "商户订单号", "业务类型", "商品名称"
CREATED, DONE, AMOUNT, REFUND_NO, FEE = "创建时间", "完成时间", "订单金额", "退款批次号/请求号", "服务费"
NEEDED = (TRADE_NO, PAYMENT_NO, KIND, SUBJECT, CREATED, DONE, AMOUNT, REFUND_NO, FEE)


def read_bill(file: IO[bytes]) -> Iterator[StatementLine]:
    """
    The rows of a statement, one at a time; of an uploaded one that is unpacked already, too.

    :raises UnreadableStatement: at the first thing that is not as documented
    """
    head = file.read(len(ZIP))
    file.seek(0)
    if not head.startswith(ZIP):
        yield from _movements(_lines(file))
        return
    try:
        with ZipFile(file) as packed, packed.open(_details_of(packed)) as member:
            yield from _movements(_lines(BufferedReader(member)))  # type: ignore[type-var]
    except BROKEN_ZIP as error:
        raise UnreadableStatement(f"the ZIP cannot be opened: {error}") from error


def _details_of(packed: ZipFile) -> ZipInfo:
    """The one file of details; how large it claims to be is believed where that is too much."""
    members = packed.infolist()
    if len(members) > MAX_MEMBERS:
        raise UnreadableStatement("too many files in the ZIP")
    found = [one for one in members if DETAILS in _true_name(one) and SUMMARY not in _true_name(one)]
    if len(found) != 1:
        raise UnreadableStatement(f"one file called {DETAILS} expected, not {len(found)}")
    (details,) = found
    if details.file_size > MAX_UNPACKED_BYTES or details.flag_bits & ENCRYPTED:
        raise UnreadableStatement("a file that is too large, or under a password")
    if details.compress_type not in PACKINGS:
        raise UnreadableStatement("packed in an unusual way")
    return details


def _true_name(member: ZipInfo) -> str:
    """Alipay writes names in GBK and does not say so; whoever reads them takes them for cp437."""
    if member.flag_bits & UTF8_NAME:
        return member.filename
    try:
        return member.filename.encode("cp437").decode("gbk")
    except UnicodeError:
        return member.filename


def _lines(file: IO[bytes] | BufferedReader) -> Iterator[tuple[int, str]]:
    """The lines of the file, numbered; neither they nor the whole may be larger than a statement can be."""
    number = size = 0
    codec = ""
    while line := file.readline(MAX_LINE_BYTES + 1):
        number, size = number + 1, size + len(line)
        if len(line) > MAX_LINE_BYTES or size > MAX_UNPACKED_BYTES:
            raise UnreadableStatement("a line or a file that is too long", line_no=number)
        codec = codec or _codec_of(line)
        try:
            yield number, line.decode(codec).rstrip("\r\n")
        except UnicodeDecodeError:
            raise UnreadableStatement("text that is not in GBK", line_no=number) from None


def _codec_of(first: bytes) -> str:
    """GBK, unless somebody has saved it anew: its first line is Chinese, and never valid in both."""
    try:
        first.decode("utf-8-sig")
    except UnicodeDecodeError:
        return "gb18030"
    return "utf-8-sig"


def _movements(lines: Iterator[tuple[int, str]]) -> Iterator[StatementLine]:
    places: dict[str, int] = {}
    has_ended = False
    for number, line in lines:  # to the last: only there a ZIP shows whether it is damaged
        if line.startswith("#"):
            has_ended = has_ended or bool(places and END.match(line))
        elif line.strip() and has_ended:
            raise UnreadableStatement("a row after the end of the list", line_no=number)
        elif line.strip() and not places:
            places = _places(_cells(line), line_no=number)
        elif line.strip():
            yield _movement(_row(line, places, line_no=number), line_no=number)
    if not has_ended:
        raise UnreadableStatement("the end of the list is missing")


def _places(header: Sequence[str], *, line_no: int) -> dict[str, int]:
    """Where each column is: Alipay adds columns as the years go by."""
    places = {UNIT.sub("", name): place for place, name in enumerate(header)}
    missing = [name for name in NEEDED if name not in places]
    if missing or len(places) != len(header):
        raise UnreadableStatement(f"columns are missing or doubled: {'、'.join(missing)}", line_no=line_no)
    return places


def _cells(line: str) -> list[str]:
    """By the rules of CSV, and where a quotation mark is just a part of a name, by the commas alone."""
    try:
        (cells,) = csv.reader([line], strict=True)
    except (csv.Error, ValueError):
        cells = line.split(",")
    return [cell.strip() for cell in cells]


def _row(line: str, places: Mapping[str, int], *, line_no: int) -> dict[str, str]:
    """A name may hold commas that nobody quoted: it ends where the two times stand."""
    cells, subject = _cells(line), places[SUBJECT]
    surplus = len(cells) - len(places)
    for extra in range(surplus + 1):
        moved = [*cells[: subject + 1], *cells[subject + 1 + extra :]]
        if TIME.fullmatch(moved[places[CREATED]]) and TIME.fullmatch(moved[places[DONE]]):
            return {name: moved[place] for name, place in places.items()}
    raise UnreadableStatement("not as many columns as the header, or no times in theirs", line_no=line_no)


def _movement(row: Mapping[str, str], *, line_no: int) -> StatementLine:
    """What a row is, its kind says: the signs of its amounts differ from one statement to the next."""
    kind = row[KIND]
    if kind not in MOVEMENTS or not (row[PAYMENT_NO] and row[TRADE_NO]):
        raise UnreadableStatement(f"an unknown kind of row, or no number in it: {kind}", line_no=line_no)
    movement = MOVEMENTS[kind]
    try:
        fee_fen = fen_of_yuan(row[FEE].lstrip("+-") or "0")
        return StatementLine(
            line_no=line_no,
            movement=movement,
            payment_no=row[PAYMENT_NO],
            gateway_trade_no=row[TRADE_NO],
            amount_fen=fen_of_yuan(row[AMOUNT].lstrip("+-")),
            fee_fen=-fee_fen if movement is Movement.REFUND else fee_fen,
            refund_no=row[REFUND_NO] if movement is Movement.REFUND else "",
            native_state=kind,
            occurred_at=beijing_moment(row[DONE]),
        )
    except (TypeError, ValueError) as error:
        raise UnreadableStatement(f"an amount or a time that is none: {error}", line_no=line_no) from error
