"""Statements as they are fetched or uploaded. The first byte chooses how the rest is packed."""

from __future__ import annotations

import gzip
import zlib
from base64 import b64encode
from io import BytesIO
from zipfile import ZIP_DEFLATED, ZipFile

from payments.gateways import Gateway, UnreadableStatement
from payments.gateways.unionpay.statement import unpack
from tests.gateways.alipay import desk as alipay
from tests.gateways.alipay import test_bill as alipay_bill
from tests.gateways.unionpay import desk as unionpay
from tests.gateways.unionpay import test_statement as unionpay_bill
from tests.gateways.wechatpay import desk as wechatpay
from tests.gateways.wechatpay import test_bill as wechatpay_bill

from .judging import check_storable, only

AS_IT_IS, PACKED, TRAVELLING = b"r", b"z", b"t"
ALIPAY = alipay.Desk().gateway()
WECHATPAY = wechatpay.Desk().gateway()
UNIONPAY = unionpay.Desk().gateway()


def feed_alipay(data: bytes) -> None:
    _read(ALIPAY, _zipped(data[1:], name=alipay_bill.NAME) if data[:1] == PACKED else data[1:])


def feed_wechatpay(data: bytes) -> None:
    _read(WECHATPAY, gzip.compress(data[1:], 1) if data[:1] == PACKED else data[1:])


def feed_unionpay(data: bytes) -> None:
    if data[:1] == TRAVELLING:
        unpack(b64encode(data[1:]).decode())
    _read(UNIONPAY, _zipped(data[1:], name=unionpay_bill.NAME) if data[:1] == PACKED else data[1:])


def _read(gateway: Gateway, content: bytes) -> None:
    with only(UnreadableStatement):
        for line in gateway.read_statement(file=BytesIO(content)):
            check_storable(line)


def _zipped(content: bytes, *, name: str) -> bytes:
    made = BytesIO()
    with ZipFile(made, "w", ZIP_DEFLATED, compresslevel=1) as folder:
        folder.writestr(name, content)
    return made.getvalue()


def alipay_seeds() -> list[bytes]:
    refund = {"业务类型": "退款", "退款批次号/请求号": "R1\t"}
    sheet = alipay_bill.sheet(alipay_bill.row(), alipay_bill.row(**refund), alipay_bill.row(商品名称='茶, "x"'))
    zipped = alipay_bill.packed((alipay_bill.NAME, sheet))
    return [AS_IT_IS + sheet.encode("gbk"), AS_IT_IS + sheet.encode(), PACKED + sheet.encode("gbk"), AS_IT_IS + zipped]


def wechatpay_seeds() -> list[bytes]:
    bill = wechatpay_bill.bill(wechatpay_bill.row(), wechatpay_bill.row(**wechatpay_bill.REFUND))
    return [AS_IT_IS + bill, PACKED + bill, AS_IT_IS + gzip.compress(bill)]


def unionpay_seeds() -> list[bytes]:
    rows = unionpay_bill.row() + unionpay_bill.REFUND_ROW
    zipped = unionpay_bill.archive(rows)
    return [AS_IT_IS + rows, PACKED + rows, AS_IT_IS + zipped, TRAVELLING + zlib.compress(zipped)]
