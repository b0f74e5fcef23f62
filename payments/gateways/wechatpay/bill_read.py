"""The trade bill row by row: CSV of its own kind, every cell behind a backtick, nothing quoted, in yuan."""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Iterator, Mapping
from typing import IO

from ..fields import beijing_moment, fen_of_yuan, text
from ..statement import Movement, StatementLine, UnreadableStatement

GZIP_HEAD = b"\x1f\x8b"
BLOCK = 64 * 1024
MAX_UNPACKED_BYTES = 512 * 1024 * 1024  # more than a million rows
MAX_LINE_BYTES = 16 * 1024
BOM = b"\xef\xbb\xbf"
SUMMARY = ("总交易单数", "总交易笔数")
COUNT = re.compile(r"([0-9]{1,12})(?:\.0+)?")  # some are written 45.0
FREE_TEXT = ("商品名称", "商户数据包")  # merchants write these: they may hold commas and backticks

# Older bills lack columns or call them otherwise: the first name that is there counts.
COLUMNS = {
    "booked_at": ("交易时间",),
    "mchid": ("商户号",),
    "trade_no": ("微信订单号",),
    "payment_no": ("商户订单号",),
    "state": ("交易状态",),
    "currency": ("货币种类",),
    "paid": ("订单金额", "总金额", "应结订单金额"),
    "fee": ("手续费",),
    "gateway_refund_no": ("微信退款单号",),
    "refund_no": ("商户退款单号",),
    "refunded": ("申请退款金额", "退款金额"),
    "refund_state": ("退款状态",),
}
OPTIONAL = {"refund_booked_at": ("退款成功时间", "退款申请时间")}
NOT_MOVED = ("FAIL", "CLOSED")

MOVEMENTS = {"SUCCESS": Movement.PAYMENT, "REFUND": Movement.REFUND, "REVOKED": Movement.REFUND}


def unpacked(file: IO[bytes]) -> Iterator[bytes]:
    """
    What is in a packed file, block by block.

    :raises UnreadableStatement: if it cannot be unpacked, or is larger than any bill
    """
    size = 0
    try:
        with gzip.GzipFile(fileobj=file) as opened:
            while block := opened.read(BLOCK):
                size += len(block)
                if size > MAX_UNPACKED_BYTES:
                    raise UnreadableStatement("it is larger than a bill can be")
                yield block
    except (OSError, EOFError, zlib.error) as error:
        raise UnreadableStatement("it cannot be unpacked: it is damaged, or no GZIP file") from error


def read_bill(*, file: IO[bytes], mchid: str) -> Iterator[StatementLine]:
    """
    The movements of a bill, packed or unpacked. Its last lines say how many there are: what is cut short shows.

    :raises UnreadableStatement: at the first thing that is not as documented
    """
    lines = _lines(file)
    line_no, header = next(lines, (0, ""))
    table = _Table(header, mchid=mchid)
    for rows, (line_no, line) in enumerate(lines):
        if line.startswith(SUMMARY):
            _check_count(next(lines, (0, "")), rows=rows)
            return
        try:
            movement = table.read(line, line_no=line_no)
        except (KeyError, TypeError, ValueError) as error:
            raise UnreadableStatement(str(error), line_no=line_no) from error
        if movement is not None:
            yield movement
    raise UnreadableStatement("the end is missing: the line with the totals", line_no=line_no)


class _Table:
    def __init__(self, header: str, *, mchid: str) -> None:
        names = header.split(",")
        self._width, self._mchid = len(names), mchid
        self._free = [names.index(name) for name in FREE_TEXT if name in names] or [self._width]
        self._places = dict(_find(names, COLUMNS | OPTIONAL))
        missing = [COLUMNS[field][0] for field in COLUMNS if field not in self._places]
        if missing:
            raise UnreadableStatement(f"not a trade bill of WeChat Pay: no column {', '.join(missing)}", line_no=1)

    def read(self, line: str, *, line_no: int) -> StatementLine | None:
        """
        :return: none if no money moved
        """
        cells = self._cells(line)
        row = {field: cells[place] for field, place in self._places.items()}
        if row["mchid"] != self._mchid:
            raise ValueError(f"a row of another merchant, {row['mchid'][:32]}")
        movement = MOVEMENTS.get(row["state"])
        if movement is None:
            raise ValueError(f"an unknown state, {row['state'][:32]}")
        if movement is Movement.REFUND and row["refund_state"] in NOT_MOVED:
            return None
        return _line(row, movement=movement, line_no=line_no)

    def _cells(self, line: str) -> list[str]:
        """
        What merchants write may look like a border between cells, so a row is read from both its ends.

        :raises ValueError: if it has too few cells, or no backtick where one belongs
        """
        if not line.startswith("`"):
            raise ValueError("a row that does not begin with a backtick")
        cells = line[1:].split(",`")
        surplus = len(cells) - self._width
        first, last = self._free[0], self._free[-1]
        if surplus < 0 or (surplus and first == self._width):
            raise ValueError(f"{len(cells)} cells where {self._width} belong")
        return [*cells[:first], *[""] * (last - first + 1), *cells[last + 1 + surplus :]] if surplus else cells


def _line(row: Mapping[str, str], *, movement: Movement, line_no: int) -> StatementLine:
    is_refund = movement is Movement.REFUND
    return StatementLine(
        line_no=line_no,
        movement=movement,
        payment_no=text(row["payment_no"]),
        gateway_trade_no=text(row["trade_no"]),
        amount_fen=fen_of_yuan(row["refunded"] if is_refund else row["paid"]),
        fee_fen=_signed_fen(row["fee"]),
        refund_no=row["refund_no"] if is_refund else "",
        gateway_refund_no=row["gateway_refund_no"] if is_refund else "",
        native_state=(row["refund_state"] if is_refund else "") or row["state"],
        occurred_at=beijing_moment(row.get("refund_booked_at") or row["booked_at"]),
        currency=text(row["currency"]),
    )


def _signed_fen(given: str) -> int:
    """Of a refund, the fee is given back."""
    return -fen_of_yuan(given[1:]) if given.startswith("-") else fen_of_yuan(given)


def _find(names: list[str], wanted: Mapping[str, tuple[str, ...]]) -> Iterator[tuple[str, int]]:
    for field, known_as in wanted.items():
        for name in known_as:
            if name in names:
                yield field, names.index(name)
                break


def _check_count(totals: tuple[int, str], *, rows: int) -> None:
    line_no, line = totals
    count = COUNT.fullmatch(line.partition(",")[0].removeprefix("`"))
    if count is None:
        raise UnreadableStatement("the totals are missing", line_no=line_no)
    if int(count[1]) != rows:
        raise UnreadableStatement(f"{rows} rows, and the totals say {count[1]}", line_no=line_no)


def _lines(file: IO[bytes]) -> Iterator[tuple[int, str]]:
    """Each with its number, without its end; blank ones are left out."""
    head = file.read(len(GZIP_HEAD))
    file.seek(0)
    blocks = unpacked(file) if head == GZIP_HEAD else _blocks(file)
    for line_no, line in enumerate(_split(blocks), start=1):
        clear = (line.removeprefix(BOM) if line_no == 1 else line).removesuffix(b"\r")
        if clear.strip():
            try:
                yield line_no, clear.decode()
            except UnicodeDecodeError as error:
                raise UnreadableStatement("it is not UTF-8", line_no=line_no) from error


def _blocks(file: IO[bytes]) -> Iterator[bytes]:
    while block := file.read(BLOCK):
        yield block


def _split(blocks: Iterator[bytes]) -> Iterator[bytes]:
    rest = b""
    for block in blocks:
        *lines, rest = (rest + block).split(b"\n")
        if len(rest) > MAX_LINE_BYTES:
            raise UnreadableStatement("a line that is longer than any of a bill")
        yield from lines
    if rest:
        yield rest
