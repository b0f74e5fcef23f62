from __future__ import annotations

import csv
from collections.abc import Iterator
from io import BytesIO, StringIO
from secrets import token_urlsafe
from sqlite3 import Row
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from sandbox import faults
from sandbox.alipay.accounts import Account
from sandbox.alipay.refusals import Refused, bad_parameter
from sandbox.box import Box
from sandbox.clock import DAY, beijing, from_beijing, moment
from sandbox.fees import fee_fen, returned_fen
from sandbox.money import fen, yuan
from sandbox.web import NotFound, Response

LINK_LIFE = 30.0
RATE = 60  # 0.60 %
COLUMNS = (
    "支付宝交易号,商户订单号,业务类型,商品名称,创建时间,完成时间,门店编号,门店名称,操作员,终端号,对方账户,订单金额（元）,商家实收（元）,"
    "支付宝红包（元）,集分宝（元）,支付宝优惠（元）,商家优惠（元）,券核销金额（元）,券名称,商家红包消费金额（元）,卡消费金额（元）,"
    "退款批次号/请求号,服务费（元）,分润（元）,备注"
).split(",")
AMOUNT, FEE = COLUMNS.index("订单金额（元）"), COLUMNS.index("服务费（元）")
PAID = (
    "SELECT *, '交易' AS kind, paid_fen AS fen, paid_at AS at, '' AS request, '' AS remark, 0 AS given_fen"
    " FROM trade WHERE app_id = ?"
)
REFUNDED = (
    "SELECT trade.*, '退款' AS kind, -refund.amount_fen AS fen, refund.done_at AS at, refund.out_request_no AS request,"
    " refund.reason AS remark, (SELECT COALESCE(SUM(earlier.amount_fen), 0) FROM refund AS earlier"
    " WHERE earlier.trade_id = refund.trade_id AND (earlier.done_at, earlier.id) < (refund.done_at, refund.id)"
    ") AS given_fen FROM refund JOIN trade ON trade.id = refund.trade_id WHERE trade.app_id = ?"
)


class _GbkInfo(ZipInfo):
    """zipfile would write the name in UTF-8 and say so; Alipay does neither."""

    def _encodeFilenameFlags(self) -> tuple[bytes, int]:  # noqa: N802
        return self.filename.encode("gbk"), self.flag_bits


def link(box: Box, account: Account, *, kind: str, day: str) -> str:
    """
    Where the statement of a day can be fetched, for 30 seconds.

    :raises Refused: if there is none
    """
    if kind != "trade":
        raise bad_parameter("bill_type：沙箱只提供 trade")
    start = _start(day)
    early = faults.take(box, "day", scope=faults.EVERYWHERE)
    over = start + DAY <= box.clock.now() or bool(early)
    if not (over and _facts(box, account.app_id, day)):
        raise Refused("40004", "isp.bill_not_exist", "入参账期的账单不存在")
    token = token_urlsafe(24)
    box.store.insert(
        "statement_link", token=token, app_id=account.app_id, day=day, expires_at=box.clock.now() + LINK_LIFE
    )
    return f"/alipay/bill/{token}"


def download(box: Box, token: str) -> Response:
    """
    The ZIP behind a link.

    :raises NotFound: if the link is unknown or too old
    """
    row = box.store.one("SELECT * FROM statement_link WHERE token = ?", token)
    if row is None or box.clock.now() > row["expires_at"]:
        raise NotFound(token)
    account = box.accounts.known[row["app_id"]]
    name = f"{account.seller_id}_{row['day'].replace('-', '')}"
    disposition = {"Content-Disposition": f'attachment; filename="{name}.csv.zip"'}
    return Response(archive(box, account, day=row["day"], name=name), 200, "application/zip", disposition)


def archive(box: Box, account: Account, *, day: str, name: str) -> bytes:
    """Two CSV files in GBK; their names are GBK too, without saying so."""
    rows = [line for row in _facts(box, account.app_id, day) for line in _faulty(box, row)]
    packed = BytesIO()
    with ZipFile(packed, "w", ZIP_DEFLATED) as zipped:
        for title, content in (
            ("业务明细", _detail(account, day, rows)),
            ("业务明细(汇总)", _summary(account, day, rows)),
        ):
            info = _GbkInfo(f"{name}_{title}.csv")
            info.compress_type = ZIP_DEFLATED
            zipped.writestr(info, content.encode("gbk", "replace"))
    return packed.getvalue()


def _start(day: str) -> float:
    try:
        return from_beijing(f"{day} 00:00:00")
    except ValueError:
        raise bad_parameter("bill_date：沙箱只提供日账单，格式 yyyy-MM-dd") from None


def _facts(box: Box, app_id: str, day: str) -> list[Row]:
    start = _start(day)
    between = "WHERE at >= ? AND at < ? ORDER BY at, id"
    return [
        row
        for source in (PAID, REFUNDED)
        for row in box.store.all(f"SELECT * FROM ({source}) {between}", app_id, start, start + DAY)  # noqa: S608
    ]


def _faulty(box: Box, row: Row) -> Iterator[list[str]]:
    values = {control.fault: control.value for control in faults.take(box, "bill", scope=row["out_trade_no"])}
    if "bill_missing" not in values:
        fee = int(values.get("bill_fee") or fee_of(row))
        honest = _line(
            row, fen=row["fen"] + int(values.get("bill_changed", 0)), fee_fen=fee if row["fen"] < 0 else -fee
        )
        yield from [honest] * (2 if "bill_duplicate" in values else 1)
    if "bill_extra" in values:
        yield _line(row, fen=row["fen"], suffix="X")


def fee_of(row: Row) -> int:
    """What Alipay keeps of a payment, or gives back with a refund."""
    if row["fen"] >= 0:
        return fee_fen(row["fen"], rate=RATE)
    return returned_fen(-row["fen"], left_fen=row["paid_fen"] - row["given_fen"], rate=RATE)


def _line(row: Row, *, fen: int, fee_fen: int = 0, suffix: str = "") -> list[str]:
    amount = _signed(fen)
    zeros = ["0.00"] * 5
    return [
        f"{row['trade_no']}{suffix}\t",
        f"{row['out_trade_no']}{suffix}\t",
        f"{row['kind']}\t",
        row["subject"],
        beijing(row["created_at"]),
        beijing(row["at"]),
        *["\t"] * 4,
        f"{row['buyer'] % 10_000:04d}***\t",
        amount,
        amount,
        *zeros,
        "",
        "0.00\t",
        "0.00",
        f"{row['request']}\t",
        _signed(fee_fen),
        "0.00",
        row["remark"],
    ]


def _signed(fen: int) -> str:
    return yuan(fen) if fen >= 0 else f"-{yuan(-fen)}"


def _csv(rows: list[list[str]]) -> str:
    written = StringIO()
    csv.writer(written, lineterminator="\r\n").writerows(rows)
    return written.getvalue()


def _frame(account: Account, day: str, title: str, lines: str) -> str:
    next_day = moment(from_beijing(f"{day} 00:00:00") + DAY)
    span = f"[{day} 00:00:00]   终止日期：[{next_day:%Y-%m-%d %H:%M:%S}]"
    bar = "-" * 40
    head = f"#支付宝{title}查询\r\n#账号：[{account.seller_id}0156]\r\n#起始日期：{span}\r\n#{bar}{title}列表{bar}\r\n"
    return f"{head}{lines}#{bar}{title}列表结束{bar}\r\n"


def _detail(account: Account, day: str, rows: list[list[str]]) -> str:
    sums = [f"{sum(1 for row in rows if row[2].startswith(kind))}笔{kind}" for kind in ("交易", "退款")]
    return _frame(account, day, "业务明细", _csv([COLUMNS, *rows])) + f"#合计：{'，'.join(sums)}\r\n"


def _summary(account: Account, day: str, rows: list[list[str]]) -> str:
    counts = [str(sum(1 for row in rows if row[2].startswith(kind))) for kind in ("交易", "退款")]
    sums = [_signed(sum(_fen_of(row[column]) for row in rows)) for column in (AMOUNT, FEE)]
    header = ["门店编号", "门店名称", "交易订单总笔数", "退款订单总笔数", "订单金额（元）", "服务费（元）"]
    return _frame(account, day, "业务明细(汇总)", _csv([header, ["合计\t", "\t", *counts, *sums]]))


def _fen_of(amount: str) -> int:
    return -fen(amount[1:]) if amount.startswith("-") else fen(amount)
