"""
Our own layout, for export and back: one list of columns, which writer and reader share.

A row is a line of an order, or a line of one of its parcels; the order's own columns are repeated on each row, so
that people can filter and sum in a spreadsheet. Rows of an order follow each other, and each says how many there are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from operator import attrgetter

from orders.records import ExportedOrder, ImportedLine, ImportedShipment

from . import codec
from .codec import Codec
from .profile import Profile, RowMode

LINE, PARCEL = "line", "parcel"


@dataclass(frozen=True, slots=True)
class Column:
    """:param name: of the attribute it holds"""

    name: str
    header: str
    codec: Codec


ORDER_COLUMNS = (
    Column("order_no", "订单号", codec.TEXT),
    Column("order_type", "订单类型", codec.TEXT),
    Column("source", "订单来源", codec.TEXT),
    Column("external_order_no", "外部单号", codec.TEXT),
    Column("state", "状态", codec.TEXT),
    Column("category", "状态类别", codec.TEXT),
    Column("state_since", "状态开始时间", codec.MOMENT),
    Column("close_reason", "关闭原因", codec.TEXT),
    Column("payment_status", "付款状态", codec.TEXT),
    Column("fulfillment_status", "发货状态", codec.TEXT),
    Column("aftersales_status", "售后状态", codec.TEXT),
    Column("placed_at", "下单时间", codec.MOMENT),
    Column("payment_due_at", "付款截止时间", codec.MOMENT),
    Column("paid_at", "付款时间", codec.MOMENT),
    Column("ship_by", "承诺发货时间", codec.MOMENT),
    Column("shipped_at", "发货时间", codec.MOMENT),
    Column("delivered_at", "签收时间", codec.MOMENT),
    Column("completed_at", "完成时间", codec.MOMENT),
    Column("closed_at", "关闭时间", codec.MOMENT),
    Column("currency", "币种", codec.TEXT),
    Column("subtotal_fen", "商品金额", codec.AMOUNT),
    Column("discount_fen", "优惠金额", codec.AMOUNT),
    Column("adjustment_fen", "改价金额", codec.SIGNED_AMOUNT),
    Column("shipping_fen", "运费", codec.AMOUNT),
    Column("total_fen", "应付金额", codec.AMOUNT),
    Column("paid_fen", "实付金额", codec.AMOUNT),
    Column("refunded_fen", "已退金额", codec.AMOUNT),
    Column("shipping_refunded_fen", "已退运费", codec.AMOUNT),
    Column("customer_no", "客户编号", codec.TEXT),
    Column("customer_type", "客户类型", codec.TEXT),
    Column("customer_name", "客户名称", codec.NAME),
    Column("customer_phone", "客户手机", codec.TEXT),
    Column("recipient_name", "收件人", codec.TEXT),
    Column("phone", "收件人手机", codec.TEXT),
    Column("province", "省", codec.TEXT),
    Column("city", "市", codec.TEXT),
    Column("district", "区县", codec.TEXT),
    Column("address_detail", "详细地址", codec.TEXT),
    Column("customer_note", "买家留言", codec.TEXT),
    Column("staff_note", "商家备注", codec.TEXT),
    Column("flag", "旗标", codec.TEXT),
    Column("tags", "标签", codec.WORDS),
    Column("raw", "其他列", codec.JSON),
)
LINE_COLUMNS = (
    Column("sku", "商品编码", codec.TEXT),
    Column("title", "商品名称", codec.TEXT),
    Column("quantity", "数量", codec.WHOLE),
    Column("unit_price_fen", "单价", codec.AMOUNT),
    Column("discount_fen", "行优惠", codec.AMOUNT),
    Column("adjustment_fen", "行改价", codec.SIGNED_AMOUNT),
    Column("total_fen", "行小计", codec.AMOUNT),
    Column("refunded_fen", "行已退", codec.AMOUNT),
)
PARCEL_COLUMNS = (
    Column("carrier_code", "物流公司编码", codec.TEXT),
    Column("carrier", "物流公司", codec.TEXT),
    Column("tracking_no", "运单号", codec.TEXT),
    Column("shipped_at", "包裹发货时间", codec.MOMENT),
)
ROW_COUNT = Column("rows", "订单行数", codec.WHOLE)
ROW_KIND = Column("row_kind", "行类型", codec.TEXT)
LINE_NO = Column("line_no", "行号", codec.WHOLE)
PARCEL_NO = Column("parcel_no", "包裹号", codec.WHOLE)
PARCEL_QUANTITY = Column("parcel_quantity", "包裹内数量", codec.WHOLE)

COLUMNS = (
    *ORDER_COLUMNS, ROW_COUNT, ROW_KIND, LINE_NO, *LINE_COLUMNS, PARCEL_NO, *PARCEL_COLUMNS, PARCEL_QUANTITY,
)  # fmt: skip
HEADERS = tuple(column.header for column in COLUMNS)
# Codes that an order can have; the state is the workflow's affair.
ALLOWED: Mapping[str, frozenset[str]] = {
    name: frozenset(["", *codes.split()])
    for name, codes in {
        "close_reason": "payment_timeout canceled_by_customer canceled_by_merchant out_of_stock fully_refunded "
        "risk_rejected duplicate test",
        "payment_status": "unpaid partially_paid paid overpaid partially_refunded refunded",
        "fulfillment_status": "unfulfilled partially_fulfilled fulfilled not_required",
        "aftersales_status": "none open resolved",
        "flag": "red yellow green blue purple",
    }.items()
}
NEEDED = ("状态", "下单时间", "应付金额", "行类型")
NUMBERS = ("订单号", "外部单号")

NATIVE = Profile(
    code="native",
    labels={"en": "Merchant Backoffice", "zh-hans": "本系统导出"},
    source="",
    known=frozenset(HEADERS),
    needs_all=frozenset(NEEDED),
    needs_any=frozenset(NUMBERS),
    row_mode=RowMode.LINE,
)


def row_texts(order: ExportedOrder) -> Iterator[list[str]]:
    """The rows of an order, a text per column."""
    rows = [_line_texts(line) for line in order.lines] or [[LINE, "", *NO_LINE, *NO_PARCEL]]
    for number, shipment in enumerate(order.shipments, start=1):
        rows.extend(_parcel_texts(number, shipment))
    head = [column.codec.write(value(order)) for column, value in ORDER_VALUES]
    head.append(str(len(rows)))
    for row in rows:
        yield head + row


def _line_texts(line: ImportedLine) -> list[str]:
    texts = [column.codec.write(value(line)) for column, value in LINE_VALUES]
    return [LINE, str(line.line_no), *texts, *NO_PARCEL]


def _parcel_texts(number: int, shipment: ImportedShipment) -> Iterator[list[str]]:
    texts = [column.codec.write(value(shipment)) for column, value in PARCEL_VALUES]
    for line_no, quantity in shipment.lines or (("", ""),):
        yield [PARCEL, str(line_no), *NO_LINE, str(number), *texts, str(quantity)]


def _values(columns: tuple[Column, ...]) -> tuple[tuple[Column, attrgetter[object]], ...]:
    return tuple((column, attrgetter(column.name)) for column in columns)


ORDER_VALUES, LINE_VALUES, PARCEL_VALUES = map(_values, (ORDER_COLUMNS, LINE_COLUMNS, PARCEL_COLUMNS))
NO_LINE = [""] * len(LINE_COLUMNS)
NO_PARCEL = [""] * (len(PARCEL_COLUMNS) + 2)
