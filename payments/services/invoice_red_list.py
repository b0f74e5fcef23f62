"""The red letters of a month, which the accountant closes it with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from io import BytesIO

from kernel.clock import local
from kernel.money import plain_yuan
from orders.imports.xlsxwriter import Kind, write_workbook

from ..models import InvoiceRequest

Status = InvoiceRequest.Status
LONGER_THAN_A_MONTH = timedelta(days=32)
COLUMNS: tuple[tuple[str, Kind], ...] = (
    ("申请单号", Kind.TEXT),
    ("状态", Kind.TEXT),
    ("申请时间", Kind.TEXT),
    ("原蓝字发票号码", Kind.TEXT),
    ("红字发票号码", Kind.TEXT),
    ("红字开票时间", Kind.TEXT),
    ("红字确认单编号", Kind.TEXT),
    ("订单号", Kind.TEXT),
    ("购买方名称", Kind.TEXT),
    ("购买方税号", Kind.TEXT),
    ("价税合计", Kind.MONEY),
    ("金额（不含税）", Kind.MONEY),
    ("税额", Kind.MONEY),
    ("说明", Kind.TEXT),
)
STATES = {Status.RED_PENDING: "待红冲", Status.RED_ISSUED: "已红冲"}


def red_letters(*, month: datetime) -> list[InvoiceRequest]:
    """
    Asked for in a month, those that wait first and the oldest of them before all.

    :param month: its first moment
    """
    next_month = (month + LONGER_THAN_A_MONTH).replace(day=1)
    rows = InvoiceRequest.objects.filter(kind=InvoiceRequest.Kind.RED, created_at__gte=month, created_at__lt=next_month)
    found = rows.exclude(status=Status.CANCELED).select_related("order", "blue").order_by("pk")
    return sorted(found, key=lambda row: row.status != Status.RED_PENDING)


def export_red_letters(*, rows: Iterable[InvoiceRequest]) -> bytes:
    file = BytesIO()
    header, kinds = [title for title, _kind in COLUMNS], [kind for _title, kind in COLUMNS]
    write_workbook(file, header=header, kinds=kinds, rows=_cells(rows))
    return file.getvalue()


def _cells(rows: Iterable[InvoiceRequest]) -> Iterator[list[str]]:
    for row in rows:
        yield [
            row.request_no,
            STATES.get(Status(row.status), row.status),
            _minute(row.created_at),
            (row.blue.invoice_no or "") if row.blue else "",
            row.invoice_no or "",
            _minute(row.issued_at),
            row.confirmation_no,
            row.order.order_no,
            row.title_name,
            row.tax_no,
            plain_yuan(row.amount_fen),
            plain_yuan(row.net_fen),
            plain_yuan(row.tax_fen),
            row.reason or row.last_message,
        ]


def _minute(moment: datetime | None) -> str:
    return f"{local(moment):%Y-%m-%d %H:%M}" if moment else ""
