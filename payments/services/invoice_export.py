"""The list that staff type, or import, into the tax bureau's platform. Its headings are that platform's."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from io import BytesIO

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from kernel import audit
from kernel.db import retry_on_conflict
from kernel.errors import DomainError
from kernel.models import User
from kernel.money import plain_yuan
from orders.imports.xlsxwriter import Kind, write_workbook

from ..models import InvoiceLine, InvoiceRequest, InvoiceSettings
from .invoice_channels import channel
from .invoice_checks import lacks_rate, refusal_of
from .invoice_settings import ready
from .invoicing import lock_invoice
from .tax import percent

Status = InvoiceRequest.Status
MOST = 5_000
BY_HAND = InvoiceSettings.Channel.MANUAL
COLUMNS: tuple[tuple[str, Kind], ...] = (
    ("申请单号", Kind.TEXT),
    ("蓝字/红字", Kind.TEXT),
    ("原蓝字发票号码", Kind.TEXT),
    ("发票类型", Kind.TEXT),
    ("购买方类型", Kind.TEXT),
    ("购买方名称", Kind.TEXT),
    ("购买方税号", Kind.TEXT),
    ("购买方地址", Kind.TEXT),
    ("购买方电话", Kind.TEXT),
    ("购买方开户行", Kind.TEXT),
    ("购买方账号", Kind.TEXT),
    ("项目名称", Kind.TEXT),
    ("税收分类编码", Kind.TEXT),
    ("数量", Kind.WHOLE),
    ("价税合计", Kind.MONEY),
    ("税率", Kind.TEXT),
    ("金额（不含税）", Kind.MONEY),
    ("税额", Kind.MONEY),
    ("发票总额", Kind.MONEY),
    ("备注", Kind.TEXT),
)
TYPES = {"general": "数电普票", "special": "数电专票"}
TITLES = {"individual": "个人", "company": "企业"}


class NothingToExport(DomainError):
    text = _(
        "No invoice is ready to be issued. Those without a VAT rate on each line wait until somebody sets it, others "
        "until their order has come as far as the invoice settings say."
    )


def export_invoices(*, again: bool, by: User | None, at: datetime) -> bytes:
    """
    All that is ready as one workbook; what is in it counts as being issued from now on.

    :param again: those too that an earlier list had and nobody has issued
    :raises NothingToExport: if nothing is ready
    """
    wanted = [Status.REQUESTED, Status.FAILED, Status.RED_PENDING, *([Status.ISSUING] if again else [])]
    waiting = InvoiceRequest.objects.filter(status__in=wanted, channel=BY_HAND)
    ids = ready(waiting, at=at).order_by("pk").values_list("pk", flat=True)[:MOST]
    rows = [row for pk in list(ids) if (row := _claim(pk, wanted, by=by, at=at)) is not None]
    if not rows:
        raise NothingToExport
    file = BytesIO()
    header, kinds = [title for title, _kind in COLUMNS], [kind for _title, kind in COLUMNS]
    write_workbook(file, header=header, kinds=kinds, rows=(cells for row in rows for cells in _cells(row)))
    return file.getvalue()


@retry_on_conflict
@transaction.atomic
def _claim(request_id: int, wanted: list[Status], *, by: User | None, at: datetime) -> InvoiceRequest | None:
    row = lock_invoice(request_id=request_id)
    if row.status not in wanted or lacks_rate(row):
        return None
    if not row.is_red and refusal_of(row, at=at) is not None:
        return None
    if row.is_red:
        return row if row.blue is not None and row.blue.invoice_no else None
    status = channel(row.channel).issue(request=row).status
    if row.status != status:
        row.status, row.status_since = status, at
        row.save(update_fields=["status", "status_since"])
        audit.record(action="payments.export_invoice", subject=row, by=by, at=at, after={"status": status})
    return row


def _cells(row: InvoiceRequest) -> Iterator[list[str]]:
    """A row for each line; what is the invoice's own stands in every one of them."""
    for line in row.lines.order_by("line_no"):
        yield [*_head(row), *_line(line), plain_yuan(row.amount_fen), _remark(row)]


def _head(row: InvoiceRequest) -> list[str]:
    return [
        row.request_no,
        "红字" if row.is_red else "蓝字",
        (row.blue.invoice_no or "") if row.blue else "",
        TYPES[row.type],
        TITLES[row.title_kind],
        row.title_name,
        row.tax_no,
        row.company_address,
        row.company_phone,
        row.bank_name,
        row.bank_account,
    ]


def _line(line: InvoiceLine) -> list[str]:
    return [
        line.title,
        line.tax_code,
        str(line.quantity) if line.quantity else "",
        plain_yuan(line.amount_fen),
        percent(line.tax_rate_permille or 0),
        plain_yuan(line.net_fen),
        plain_yuan(line.tax_fen),
    ]


def _remark(row: InvoiceRequest) -> str:
    return f"订单号 {row.order.order_no}"
