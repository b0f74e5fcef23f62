"""What is looked at before an invoice is issued: afterwards, only a red letter mends it."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Sum
from django.utils.translation import gettext_lazy as _

from kernel.clock import local
from kernel.errors import DomainError
from kernel.money import yuan

from ..models import InvoiceRequest, InvoiceSettings
from .invoice_channels import channel
from .invoice_lines import invoiced_fen
from .invoice_settings import invoice_settings
from .invoice_titles import checked, title_of

Status = InvoiceRequest.Status
COUNTED = (*InvoiceRequest.IN_HAND, Status.ISSUING, Status.RED_ISSUED)


class MoreThanKept(DomainError):
    text = _("The order's invoices come to %(over)s more than was paid and not refunded. Cancel this one.")


class LacksRate(DomainError):
    text = _("A line has no VAT rate. Set the rate.")


class LacksCode(DomainError):
    text = _("A line has no tax classification code, which the provider needs. Set it on the product or here.")


class LimitReached(DomainError):
    text = _(
        "With it, %(sum)s would be invoiced this month without tax, and the limit is %(limit)s. Have the credit line "
        "raised at the tax bureau, and change it in the invoice settings."
    )


def refusal_of(row: InvoiceRequest, *, at: datetime) -> DomainError | None:
    """Why a blue invoice must not be issued as it stands; None if it may."""
    try:
        _check_sum(row)
        _check_lines(row)
        checked(title_of(row), invoice_type=row.type)
        _check_limit(row, at=at)
    except DomainError as refusal:
        return refusal
    return None


def lacks_rate(row: InvoiceRequest) -> bool:
    return row.lines.filter(tax_rate_permille=None).exists()


def _check_sum(row: InvoiceRequest) -> None:
    over_fen = invoiced_fen(row.order) - (row.order.paid_fen - row.order.refunded_fen)
    if over_fen > 0:
        raise MoreThanKept(over=yuan(over_fen))


def _check_lines(row: InvoiceRequest) -> None:
    if lacks_rate(row):
        raise LacksRate
    if channel(row.channel).is_online and row.lines.filter(tax_code="").exists():
        raise LacksCode


def _check_limit(row: InvoiceRequest, *, at: datetime) -> None:
    chosen: InvoiceSettings = invoice_settings()
    if chosen.monthly_limit_fen is None:
        return
    begins = local(at).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    issued = InvoiceRequest.objects.filter(status__in=COUNTED, status_since__gte=begins).exclude(pk=row.pk)
    sum_fen = (issued.aggregate(fen=Sum("net_fen"))["fen"] or 0) + row.net_fen
    if sum_fen > chosen.monthly_limit_fen:
        raise LimitReached(sum=yuan(sum_fen), limit=yuan(chosen.monthly_limit_fen))
