"""A day's differences as a workbook, for whoever settles them with the gateway."""

from __future__ import annotations

from io import BytesIO

from django.utils.translation import gettext as _

from kernel.clock import local
from kernel.money import plain_yuan
from orders.imports.xlsxwriter import Kind, write_workbook

from ..models import Discrepancy, Statement
from .difference_words import MEANINGS, OPEN_FIRST, movement_words, proposal_for

TEXTS, MONEY = (Kind.TEXT,), (Kind.MONEY,)
KINDS = (*TEXTS * 7, *MONEY * 2, *TEXTS * 6)


def workbook_of(statement: Statement) -> bytes:
    """:return: XLSX, headings in the reader's language"""
    rows = statement.discrepancies.select_related("owner").order_by(OPEN_FIRST, "kind", "pk")
    file = BytesIO()
    write_workbook(file, header=_header(), kinds=KINDS, rows=(_cells(statement, row) for row in rows.iterator()))
    return file.getvalue()


def _header() -> list[str]:
    return [
        _("business day"),
        _("account"),
        _("movement"),
        _("kind"),
        _("gateway transaction id"),
        _("payment number"),
        _("refund number"),
        _("ours"),
        _("the gateway's"),
        _("at"),
        _("what it means"),
        _("proposed"),
        _("owner"),
        _("resolution"),
        _("Reason"),
    ]


def _cells(statement: Statement, row: Discrepancy) -> list[str]:
    return [
        str(statement.day),
        statement.account.name,
        movement_words(row),
        row.get_kind_display(),
        row.gateway_trade_no,
        row.payment_no,
        row.refund_no,
        "" if row.ours_fen is None else plain_yuan(row.ours_fen),
        "" if row.theirs_fen is None else plain_yuan(row.theirs_fen),
        f"{local(row.occurred_at):%Y-%m-%d %H:%M:%S}" if row.occurred_at else "",
        str(MEANINGS[row.kind]),
        "" if row.resolved_at else proposal_for(row),
        str(row.owner or ""),
        row.get_resolution_display(),
        row.resolution_note,
    ]
