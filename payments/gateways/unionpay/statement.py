"""UnionPay's statements of a clearing day: a ZIP of files in GBK, with fields of fixed width in bytes."""

from __future__ import annotations

import re
import zlib
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from itertools import accumulate
from typing import IO
from zipfile import ZipFile, is_zipfile

from kernel.clock import SHANGHAI

from ..statement import (
    BROKEN_ZIP,
    PACKINGS,
    Availability,
    Movement,
    StatementFile,
    StatementLine,
    StatementRequest,
    UnreadableStatement,
)
from .answer import MALFORMED, Answer
from .client import beijing_digits
from .codes import NO_FILE, OK
from .trades import yearless

WIDTHS = (
    *(3, 11, 11, 6, 10, 19, 12, 4, 2, 21, 2, 32, 2, 6, 10, 13, 13, 4, 15, 2),
    *(2, 6, 2, 4, 32, 1, 21, 15, 1, 15, 32, 13, 13, 8, 32, 13, 13, 12, 2, 1, 131),
)
TRADES = re.compile(r"(?:.*/)?INN(?P<day>[0-9]{6})[0-9A-Z]*ZM_(?P<mer_id>[0-9A-Za-z]{15})[^/]*", re.DOTALL)
MOVEMENTS = {
    "01": Movement.PAYMENT,
    "03": Movement.PAYMENT,  # the completion of an authorisation
    "04": Movement.REFUND,
    "13": Movement.PAYMENT,  # of a bill
    "31": Movement.REFUND,
    "33": Movement.REFUND,
}
SIGNED = re.compile(r"(?P<side>[CD]?)(?P<fen>[0-9]{1,13})")
MAX_PACKED = 64 * 1024 * 1024
MAX_UNPACKED = 512 * 1024 * 1024
MAX_LINE = 4096
MADE_WITHIN = timedelta(days=1)  # of the end of the clearing day; a day that has no file then has no movements


@dataclass(frozen=True, slots=True)
class Span:
    start: int
    end: int


def _spans() -> list[Span]:
    ends = accumulate(WIDTHS, lambda end, width: end + 1 + width)
    return [Span(end - width, end) for end, width in zip(ends, WIDTHS, strict=True)]


SPANS = _spans()
TIME, AMOUNT, QUERY_ID, ORDER_ID, FEE, KIND, ORIGINAL = (SPANS[number - 1] for number in (5, 7, 10, 12, 16, 20, 27))
LEAST = KIND.end  # what follows may be cut off


def file_content(*, request: StatementRequest, at: datetime) -> dict[str, str]:
    return {
        "txnType": "76",
        "txnSubType": "01",
        "bizType": "000000",
        "fileType": "00",
        "settleDate": f"{request.day:%m%d}",
        "txnTime": beijing_digits(at),
    }


def read_file(answer: Answer, *, request: StatementRequest, at: datetime) -> StatementFile:
    """The ZIP out of an answer: its outermost wrapping is only the way it travels."""
    unknown = StatementFile(availability=Availability.UNKNOWN, code=answer.code, message=answer.words)
    if not answer.trusted:
        return unknown
    if answer.status == NO_FILE:
        made_by = datetime.combine(request.day, time(23), tzinfo=SHANGHAI) + MADE_WITHIN
        availability = Availability.EMPTY if at > made_by else Availability.NOT_YET
        return StatementFile(availability=availability, code=answer.code, message=answer.words)
    if answer.status != OK:
        return unknown
    packed = unpack(answer.content.get("fileContent", ""))
    if packed is None:
        return StatementFile(availability=Availability.UNKNOWN, code=MALFORMED)
    name = answer.content.get("fileName", "")
    return StatementFile(availability=Availability.READY, content=packed, name=name, code=answer.code)


def unpack(file_content: str) -> bytes | None:
    """Base64 of zlib, as UnionPay sends files; None if it is not, or swells beyond all measure."""
    try:
        packed = b64decode(file_content, validate=True)
        opener = zlib.decompressobj()
        content = opener.decompress(packed, MAX_PACKED)
    except (ValueError, zlib.error):
        return None
    return content if content and opener.eof else None


def read_lines(*, file: IO[bytes], mer_id: str, at: datetime) -> Iterator[StatementLine]:
    """
    The movements of a ZIP, or of the file that was in it.

    :param at: gives the year where the file's name does not
    :raises UnreadableStatement: at the first thing that is not as documented
    """
    with _named_errors():
        is_packed = is_zipfile(file)
    if not is_packed:
        file.seek(0)
        yield from _movements(file, near=at)
        return
    file.seek(0)
    with _named_errors(), ZipFile(file) as folder:
        found = [(info, TRADES.fullmatch(info.filename)) for info in folder.infolist() if not info.is_dir()]
        trades = [(info, match) for info, match in found if match is not None]
        if not trades:
            raise UnreadableStatement("there is no file of trades (INN…ZM_…) in it")
        for info, match in trades:
            if match["mer_id"] != mer_id:
                raise UnreadableStatement(f"it is a statement of merchant {match['mer_id']}")
            if info.compress_type not in PACKINGS:
                raise UnreadableStatement("packed in an unusual way")
            with folder.open(info) as member:
                yield from _movements(member, near=_noon(match["day"]))


@contextmanager
def _named_errors() -> Iterator[None]:
    try:
        yield
    except BROKEN_ZIP as error:
        raise UnreadableStatement(str(error) or type(error).__name__) from error


def _movements(member: IO[bytes], *, near: datetime) -> Iterator[StatementLine]:
    for number, line in enumerate(_lines(member), start=1):
        if line.strip():
            try:
                yield _read(line, number=number, near=near)
            except ValueError as error:
                raise UnreadableStatement(str(error), line_no=number) from error


def _lines(member: IO[bytes]) -> Iterator[bytes]:
    """Bounded in width and in number: what is packed may swell to anything."""
    left, number = MAX_UNPACKED, 0
    while line := member.readline(MAX_LINE):
        left, number = left - len(line), number + 1
        if left < 0 or (len(line) == MAX_LINE and not line.endswith(b"\n")):
            raise UnreadableStatement("it is longer than any statement", line_no=number)
        yield line.rstrip(b"\r\n")


def _read(line: bytes, *, number: int, near: datetime) -> StatementLine:
    """Cut in bytes and only then decoded: a Chinese character is two bytes wide."""
    if len(line) < LEAST:
        raise ValueError("the line is too short")
    if any(line[span.start - 1 : span.start] != b" " for span in SPANS[1:] if span.end <= LEAST):
        raise ValueError("the fields are not where they belong")
    kind = _text(line, KIND)
    if kind not in MOVEMENTS:
        raise ValueError(f"unknown kind of transaction “{kind}”")
    is_refund, number_given = MOVEMENTS[kind] is Movement.REFUND, _text(line, ORDER_ID)
    return StatementLine(
        line_no=number,
        movement=MOVEMENTS[kind],
        payment_no="" if is_refund else number_given,
        refund_no=number_given if is_refund else "",
        gateway_trade_no=_text(line, ORIGINAL) if is_refund else _text(line, QUERY_ID),
        gateway_refund_no=_text(line, QUERY_ID) if is_refund else "",
        amount_fen=_amount(_text(line, AMOUNT)),
        fee_fen=_fee(_text(line, FEE), is_refund=is_refund),
        native_state=kind,
        occurred_at=yearless(_text(line, TIME), near=near),
    )


def _text(line: bytes, span: Span) -> str:
    return line[span.start : span.end].decode("gbk").strip()


def _amount(given: str) -> int:
    if not (given.isascii() and given.isdigit()):
        raise ValueError("not an amount in fen")
    return int(given)


def _fee(given: str, *, is_refund: bool) -> int:
    """D is taken from the merchant, C is given to him; without a letter, a refund gives the fee back."""
    if not given:
        return 0
    match = SIGNED.fullmatch(given)
    if match is None:
        raise ValueError("not a fee in fen")
    is_back = match["side"] == "C" if match["side"] else is_refund
    return -int(match["fen"]) if is_back else int(match["fen"])


def _noon(day: str) -> datetime:
    """:raises UnreadableStatement: if the name of the file holds no day"""
    try:
        return datetime.strptime(f"20{day}12", "%Y%m%d%H").replace(tzinfo=SHANGHAI)
    except ValueError as error:
        raise UnreadableStatement(f"there is no day {day}") from error
