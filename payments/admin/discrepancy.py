"""Differences between a statement and our books: what they mean, what to do, whose work they are."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from kernel import counters
from kernel.admin import Deed, ObjectAction, Tab, actor, copyable, moment, money
from kernel.clock import now
from orders.queries import split_terms

from .. import services
from ..models import Discrepancy, Statement
from ..services.reconciling import REPAIRABLE
from . import looks
from .base import FactsAdmin
from .counts import GROUP
from .difference_list import workbook_of
from .difference_words import MEANINGS, our_state_words, proposal_for
from .files import workbook
from .filters import AccountFilter
from .parts import InParts, Part, PartFilter, everything
from .statement import kind_badge, statement_tabs

CHANGE = "payments.change_discrepancy"


class Take(ObjectAction[Discrepancy]):
    name = "take"
    label = gettext_lazy("I look after it")
    permission = CHANGE
    description = gettext_lazy("Others see that it is yours.")
    position = 20

    def applies(self, row: Discrepancy) -> bool:
        return row.resolved_at is None

    def refusal(self, row: Discrepancy) -> object:
        return _("%(name)s looks after it.") % {"name": row.owner} if row.owner else ""

    def run(self, deed: Deed[Discrepancy]) -> object:
        if services.take_difference(discrepancy_id=deed.object.pk, by=deed.by, at=deed.at):
            return _("It is yours now.")
        return _("Somebody was faster; load the page again.")


class Repair(ObjectAction[Discrepancy]):
    name = "repair"
    label = gettext_lazy("Put it right")
    permission = CHANGE
    description = gettext_lazy("The gateway is asked now. What it confirms is booked, and nothing else.")
    done = gettext_lazy("Put right: the books follow the gateway.")
    atomic = False
    position = 10

    def applies(self, row: Discrepancy) -> bool:
        return row.resolved_at is None and row.kind in REPAIRABLE

    def is_next(self, row: Discrepancy) -> bool:
        return True

    def run(self, deed: Deed[Discrepancy]) -> object:
        services.repair_difference(discrepancy_id=deed.object.pk, by=deed.by, at=deed.at)
        counters.recount(GROUP, at=deed.at)
        return None


class ResolveForm(forms.Form):
    reason = forms.CharField(
        label=gettext_lazy("Reason"), max_length=300, required=False, widget=forms.Textarea(attrs={"rows": 2})
    )


class Resolve(ObjectAction[Discrepancy]):
    name = "resolve"
    label = gettext_lazy("Close with a reason")
    permission = CHANGE
    description = gettext_lazy("Nothing is booked. The reason stays with it and in the audit log.")
    position = 30

    def applies(self, row: Discrepancy) -> bool:
        return row.resolved_at is None

    def form(self, row: Discrepancy, request: HttpRequest, **given: Any) -> forms.Form:
        return ResolveForm(**given)

    def run(self, deed: Deed[Discrepancy]) -> object:
        reason = deed.form.cleaned_data["reason"]
        services.resolve_difference(discrepancy_id=deed.object.pk, reason=reason, by=deed.by, at=deed.at)
        counters.recount(GROUP, at=deed.at)
        return None


def _is_open(rows: QuerySet[Discrepancy], request: HttpRequest) -> QuerySet[Discrepancy]:
    return rows.filter(resolved_at=None)


def _is_mine(rows: QuerySet[Discrepancy], request: HttpRequest) -> QuerySet[Discrepancy]:
    return rows.filter(resolved_at=None, owner=actor(request))


def _is_done(rows: QuerySet[Discrepancy], request: HttpRequest) -> QuerySet[Discrepancy]:
    return rows.filter(resolved_at__isnull=False)


PARTS = (
    Part(code="", title=gettext_lazy("Open differences"), narrow=_is_open),
    Part(code="mine", title=gettext_lazy("Mine"), narrow=_is_mine),
    Part(code="done", title=gettext_lazy("Resolved"), narrow=_is_done),
    Part(code="all", title=gettext_lazy("All"), narrow=everything),
)


class StatementAccountFilter(AccountFilter):
    field = "statement__account"


@admin.register(Discrepancy)
class DiscrepancyAdmin(InParts, FactsAdmin[Discrepancy]):
    parts = PARTS
    list_display = ("day_cell", "account_cell", "kind_cell", "numbers", "ours", "theirs", "age", "owner_cell")
    list_display_links = None
    list_filter = (PartFilter, "kind", StatementAccountFilter, "statement__day")
    list_select_related = ("statement__account", "owner")
    search_fields = ("gateway_trade_no",)
    search_help_text = gettext_lazy("Gateway, payment or refund number, or the account's code; paste up to 200")
    ordering = ("-statement__day", "kind", "pk")
    show_facets = admin.ShowFacets.NEVER
    object_actions = (Repair(), Take(), Resolve())
    fields = (
        ("kind_cell", "account_cell"),
        ("meaning", "proposal"),
        ("ours", "theirs"),
        ("our_state_cell", "their_state"),
        ("trade", "payment_cell"),
        ("refund_cell", "happened"),
        ("owner_cell", "resolved"),
        ("resolution_cell", "resolution_note"),
    )

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.list_view)
        return [path("of/<int:statement_id>/", view, name="payments_discrepancy_list"), *super().get_urls()]

    def list_view(self, request: HttpRequest, statement_id: int) -> HttpResponse:
        """A day's differences as a file."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        statement = get_object_or_404(Statement.objects.select_related("account"), pk=statement_id)
        return workbook(workbook_of(statement), name=f"differences-{statement.account.code}-{statement.day}")

    def tabs(self, request: HttpRequest) -> list[Tab]:
        return statement_tabs(here=self.part_of(request).code)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Discrepancy], search_term: str
    ) -> tuple[QuerySet[Discrepancy], bool]:
        terms = split_terms(search_term)
        if not terms:
            return queryset, False
        numbers = Q(gateway_trade_no__in=terms) | Q(payment_no__in=terms) | Q(refund_no__in=terms)
        return queryset.filter(numbers | Q(statement__account__code__in=terms)), False

    @admin.display(description=gettext_lazy("business day"), ordering="statement__day")
    def day_cell(self, row: Discrepancy) -> SafeString:
        return format_html('<a class="bo-nowrap" href="{}">{}</a>', self.address_of(row), row.statement.day.isoformat())

    @admin.display(description=gettext_lazy("account"))
    def account_cell(self, row: Discrepancy) -> str:
        return row.statement.account.name

    @admin.display(description=gettext_lazy("kind"), ordering="kind")
    def kind_cell(self, row: Discrepancy) -> SafeString:
        return kind_badge(row)

    @admin.display(description=gettext_lazy("gateway / our number"))
    def numbers(self, row: Discrepancy) -> SafeString:
        return format_html(
            '<span class="bo-stack">{}<span class="bo-small">{}</span></span>',
            looks.number(row.gateway_trade_no),
            looks.number(row.refund_no or row.payment_no),
        )

    @admin.display(description=gettext_lazy("ours"))
    def ours(self, row: Discrepancy) -> object:
        return money(row.ours_fen) if row.ours_fen is not None else "—"

    @admin.display(description=gettext_lazy("the gateway's"))
    def theirs(self, row: Discrepancy) -> object:
        return money(row.theirs_fen) if row.theirs_fen is not None else "—"

    @admin.display(description=gettext_lazy("age"), ordering="opened_at")
    def age(self, row: Discrepancy) -> str:
        return looks.age(row.opened_at, at=row.resolved_at or now())

    @admin.display(description=gettext_lazy("owner"))
    def owner_cell(self, row: Discrepancy) -> object:
        return row.owner or looks.faint(_("nobody"))

    @admin.display(description=gettext_lazy("our state"))
    def our_state_cell(self, row: Discrepancy) -> str:
        return our_state_words(row)

    @admin.display(description=gettext_lazy("what it means"))
    def meaning(self, row: Discrepancy) -> str:
        return str(MEANINGS[row.kind])

    @admin.display(description=gettext_lazy("proposed"))
    def proposal(self, row: Discrepancy) -> str:
        return proposal_for(row)

    @admin.display(description=gettext_lazy("gateway transaction id"))
    def trade(self, row: Discrepancy) -> SafeString:
        return copyable(row.gateway_trade_no)

    @admin.display(description=gettext_lazy("payment number"))
    def payment_cell(self, row: Discrepancy) -> SafeString:
        return looks.payment_link(row.payment) if row.payment else copyable(row.payment_no)

    @admin.display(description=gettext_lazy("refund number"))
    def refund_cell(self, row: Discrepancy) -> SafeString:
        return copyable(row.refund_no)

    @admin.display(description=gettext_lazy("at"))
    def happened(self, row: Discrepancy) -> SafeString:
        return moment(row.occurred_at, long=True)

    @admin.display(description=gettext_lazy("resolved at"))
    def resolved(self, row: Discrepancy) -> SafeString:
        return moment(row.resolved_at, long=True)

    @admin.display(description=gettext_lazy("resolution"))
    def resolution_cell(self, row: Discrepancy) -> str:
        return row.get_resolution_display() or "—"
