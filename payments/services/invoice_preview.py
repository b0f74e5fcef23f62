"""How an invoice will look, to be compared before it is issued. The legal one is the tax platform's file alone."""

from __future__ import annotations

from dataclasses import dataclass

from ..models import InvoiceLine, InvoiceRequest, InvoiceSettings
from .capitals import capitals
from .invoice_settings import invoice_settings
from .tax import percent


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    row: InvoiceRequest
    seller: InvoiceSettings
    lines: list[tuple[InvoiceLine, str, str]]  # with specification and rate

    @property
    def in_words(self) -> str:
        """As on a red letter: the sum that is taken back, marked as such by its sign beside it."""
        return capitals(abs(self.row.amount_fen))


def preview_of(*, row: InvoiceRequest) -> Preview:
    lines = [(line, _specification(line), _rate(line)) for line in row.lines.select_related("order_line")]
    return Preview(row=row, seller=invoice_settings(), lines=sorted(lines, key=lambda it: it[0].line_no))


def _specification(line: InvoiceLine) -> str:
    return line.order_line.sku if line.order_line else ""


def _rate(line: InvoiceLine) -> str:
    return "—" if line.tax_rate_permille is None else percent(line.tax_rate_permille)
