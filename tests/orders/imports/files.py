"""Files as marketplaces and Excel write them, for the tests of this folder."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from openpyxl import Workbook

from orders.imports import ImportedOrder, Rejected, read_orders

# The headers of the real files, with the blanks that some of them end with.
TAOBAO_2016 = (
    "订单编号,买家会员名,买家支付宝账号,买家应付货款,买家应付邮费,买家支付积分,总金额,返点积分,买家实际支付金额,"
    "买家实际支付积分,订单状态,买家留言,收货人姓名,收货地址 ,运送方式,联系电话 ,联系手机,订单创建时间,订单付款时间 ,"
    "宝贝标题 ,宝贝种类 ,物流单号 ,"
    "物流公司,订单备注,宝贝总数量,店铺Id,店铺名称,订单关闭原因,卖家服务费,买家服务费,发票抬头,是否手机订单,分阶段订单信息,"
    "特权订金订单id,定金排名,修改后的sku,修改后的收货地址,异常信息,天猫卡券抵扣,集分宝抵扣,是否是O2O交易"
).split(",")
TAOBAO_2020 = [
    *TAOBAO_2016,
    "支付单号",
    "打款商家金额",
    "退款金额",
    "商品标题",
    "收货省份",
    "收货市",
    "收货区",
    "收货镇",
]
TAOBAO_XLSX = (
    "订单编号,买家下单时间,买家付款时间,发货时间,确认收货时间,物流公司,运单号,买家实付金额,买家会员名,联系手机,收货地址,"
    "宝贝标题,宝贝规格,宝贝总数量,订单状态"
).split(",")
TMALL = "订单编号,总金额,买家实际支付金额,收货地址 ,订单创建时间,订单付款时间 ,退款金额".split(",")

TAOBAO_ORDER = {
    "订单编号": "1930123456789012345",
    "买家会员名": "tb_buyer",
    "买家支付宝账号": "buyer@example.com",
    "买家应付货款": "90.00",
    "买家应付邮费": "10.00",
    "总金额": "100.00",
    "买家实际支付金额": "100.00",
    "订单状态": "卖家已发货，等待买家确认",
    "收货人姓名": "张三",
    "收货地址 ": "浙江省 杭州市 余杭区 五常街道 文一西路969号(311100)",
    "联系手机": "'13800138000",
    "订单创建时间": "2016-05-23 22:02:05",
    "订单付款时间 ": "2016-05-23 22:03:00",
    "宝贝标题 ": "茶杯",
    "物流单号 ": "No:75123456789",
    "物流公司": "中通快递",
    "宝贝总数量": "2",
    "店铺名称": "小店",
}
TMALL_ORDER = {
    "订单编号": "1",
    "总金额": "100.0",
    "买家实际支付金额": "100.0",
    "收货地址 ": "上海",
    "订单创建时间": "2020-02-20 23:59:54",
    "订单付款时间 ": "2020-02-21 00:00:02",
    "退款金额": "0.0",
}


def csv_bytes(headers: Sequence[str], *rows: dict[str, str], encoding: str = "utf-8") -> bytes:
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, headers, restval="", lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue().encode(encoding)


def save(folder: Path, content: bytes, name: str = "orders.csv") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def save_csv(folder: Path, headers: Sequence[str], *rows: dict[str, str], encoding: str = "utf-8") -> Path:
    return save(folder, csv_bytes(headers, *rows, encoding=encoding))


def save_xlsx(folder: Path, headers: Sequence[str], *rows: Mapping[str, object]) -> Path:
    workbook = Workbook()
    sheet = workbook.active
    assert sheet is not None
    sheet.append(list(headers))
    for row in rows:
        sheet.append([row.get(header) for header in headers])
    workbook.save(folder / "orders.xlsx")
    return folder / "orders.xlsx"


def read_all(path: Path, profile: str = "auto", encoding: str | None = None) -> list[ImportedOrder | Rejected]:
    with read_orders(path, profile, encoding) as file:
        return list(file.rows)


def only_order(path: Path, profile: str = "auto", encoding: str | None = None) -> ImportedOrder:
    (order,) = read_all(path, profile, encoding)
    assert isinstance(order, ImportedOrder), order
    return order


def only_rejected(path: Path, profile: str = "auto", encoding: str | None = None) -> Rejected:
    (rejected,) = read_all(path, profile, encoding)
    assert isinstance(rejected, Rejected), rejected
    return rejected


def taobao(folder: Path, headers: Sequence[str] = TAOBAO_2016, **changes: str) -> ImportedOrder:
    """An order of a Taobao file that differs from the usual one in some columns (a trailing blank is `_`)."""
    return only_order(_changed(folder, headers, TAOBAO_ORDER, changes))


def taobao_rejected(folder: Path, headers: Sequence[str] = TAOBAO_2016, **changes: str) -> Rejected:
    return only_rejected(_changed(folder, headers, TAOBAO_ORDER, changes))


def tmall(folder: Path, **changes: str) -> ImportedOrder:
    return only_order(_changed(folder, TMALL, TMALL_ORDER, changes))


def tmall_rejected(folder: Path, **changes: str) -> Rejected:
    return only_rejected(_changed(folder, TMALL, TMALL_ORDER, changes))


def _changed(folder: Path, headers: Sequence[str], usual: dict[str, str], changes: dict[str, str]) -> Path:
    by_header = {header.replace(" ", "_"): header for header in headers}
    row = {header: text for header, text in usual.items() if header in headers}
    return save_csv(folder, headers, row | {by_header[name]: text for name, text in changes.items()})
