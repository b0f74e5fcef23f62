"""The books, to look at: nothing here can be changed by anybody."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from kernel.admin import Panel, copyable, moment, money
from orders.queries import split_terms

from ..models import LedgerEntry, LedgerLine
from ..services import elsewhere, ledger
from .base import FactsAdmin
from .filters import KindFilter

KINDS: dict[str, Any] = {
    ledger.COLLECT: _("Money collected"),
    ledger.APPLY: _("Unapplied money applied"),
    ledger.KEEP: _("Unapplied money kept"),
    ledger.GIVE_UP: _("Kept money taken up again"),
    ledger.RESERVE: _("Refund reserved"),
    ledger.SETTLE: _("Refund paid out"),
    ledger.SETTLE_AGAIN: _("Refund paid out after all"),
    ledger.RELEASE: _("Refund released"),
    ledger.UNDO: _("Refund undone"),
    ledger.FEES: _("Fees"),
    elsewhere.PAID: _("Collected elsewhere"),
    elsewhere.REFUNDED: _("Refunded elsewhere"),
}
SOURCES: dict[str, Any] = {
    "payment": _("Payment"),
    "refund": _("Refund"),
    "unapplied": _("Unapplied money"),
    "statement": _("Statement"),
    "imported_order": _("Imported order"),
}


def lines_panel(request: HttpRequest, entry: LedgerEntry) -> dict[str, object]:
    lines = list(entry.lines.select_related("gateway_account", "order").order_by("-amount_fen", "pk"))
    return {"lines": lines, "sum_fen": sum(line.amount_fen for line in lines)}


@admin.register(LedgerEntry)
class LedgerEntryAdmin(FactsAdmin[LedgerEntry]):
    kinds = KINDS
    list_display = ("booked", "kind_cell", "reference_cell", "lines_cell")
    list_display_links = None
    list_filter = ("booked_at", KindFilter)
    search_fields = ("reference",)
    search_help_text = _("Gateway, refund or order number of the booking; paste up to 200")
    ordering = ("-booked_at", "-pk")
    show_facets = admin.ShowFacets.NEVER
    panels = (
        Panel(name="lines", title=_("Postings"), template="admin/payments/ledger_lines.html", context=lines_panel),
    )
    fields = (("kind_cell", "booked"), ("reference_cell", "source"))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[LedgerEntry], search_term: str
    ) -> tuple[QuerySet[LedgerEntry], bool]:
        terms = split_terms(search_term)
        if not terms:
            return queryset, False
        of_orders = LedgerLine.objects.filter(order__order_no__in=terms).values("entry_id")
        return queryset.filter(Q(reference__in=terms) | Q(pk__in=of_orders)), False

    def prepare_rows(self, request: HttpRequest, rows: list[LedgerEntry]) -> None:
        super().prepare_rows(request, rows)
        by_entry: defaultdict[int, list[LedgerLine]] = defaultdict(list)
        for line in LedgerLine.objects.filter(entry__in=[row.pk for row in rows]).order_by("-amount_fen", "pk"):
            by_entry[line.entry_id].append(line)
        for row in rows:
            setattr(row, "shown_lines", by_entry[row.pk])  # noqa: B010 - the model does not know of lists

    @admin.display(description=_("booked at"), ordering="booked_at")
    def booked(self, row: LedgerEntry) -> SafeString:
        return format_html('<a href="{}">{}</a>', self.address_of(row), moment(row.booked_at, long=True))

    @admin.display(description=_("kind"), ordering="kind")
    def kind_cell(self, row: LedgerEntry) -> str:
        return str(KINDS.get(row.kind.partition(":")[0], row.kind))

    @admin.display(description=_("reference"))
    def reference_cell(self, row: LedgerEntry) -> SafeString:
        return copyable(row.reference)

    @admin.display(description=_("source"))
    def source(self, row: LedgerEntry) -> str:
        return f"{SOURCES.get(row.source_type, row.source_type)} #{row.source_id}"

    @admin.display(description=_("debit / credit"))
    def lines_cell(self, row: LedgerEntry) -> SafeString:
        lines: list[LedgerLine] = getattr(row, "shown_lines", [])
        parts = ((line.get_account_display(), signed(line.amount_fen)) for line in lines)
        cells = format_html_join("", '<span class="bo-row"><span class="bo-faint">{}</span> {}</span>', parts)
        return format_html('<span class="bo-stack">{}</span>', cells)


def signed(amount_fen: int) -> SafeString:
    return money(amount_fen) if amount_fen < 0 else format_html("+{}", money(amount_fen))
