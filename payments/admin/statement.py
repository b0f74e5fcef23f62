"""Reconciliation in the admin: a row per account and day with both sides of it, and the differences as work."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from kernel import counters
from kernel.admin import Deed, ObjectAction, Panel, Tab, actor, badge, contribute, fen, moment, money
from kernel.cells import Tone
from kernel.clock import now
from kernel.errors import DomainError

from .. import services
from ..models import Discrepancy, GatewayAccount, Statement
from .account import GatewayAccountAdmin
from .base import FactsAdmin
from .counts import GROUP
from .difference_words import OPEN_FIRST, movement_words, proposal_for
from .filters import AccountFilter
from .ledger import signed
from .parts import InParts, Part, PartFilter, everything

CHANGE = "payments.change_statement"
SHOWN = 200
PPM_PER_PERCENT = 10_000
LOOKS: dict[str, tuple[str, Tone]] = {
    Statement.State.WAITING: ("◔", "info"),
    Statement.State.FETCHED: ("●", "good"),
    Statement.State.EMPTY: ("○", "neutral"),
    Statement.State.UNREADABLE: ("✕", "bad"),
}


class FetchAgain(ObjectAction[Statement]):
    name = "fetch"
    label = gettext_lazy("Fetch again")
    permission = CHANGE
    description = gettext_lazy("The gateway is asked for the file again. The same file changes nothing.")
    atomic = False
    position = 20

    def run(self, deed: Deed[Statement]) -> object:
        row = deed.object
        services.fetch_statement(account=row.account, day=row.day, at=deed.at)
        return _compared(row, at_form=deed)


class CompareAgain(ObjectAction[Statement]):
    name = "compare"
    label = gettext_lazy("Compare again")
    permission = CHANGE
    description = gettext_lazy("Differences that are gone are closed; what somebody has closed stays closed.")
    position = 10

    def refusal(self, row: Statement) -> object:
        is_here = row.state in (Statement.State.FETCHED, Statement.State.EMPTY)
        return "" if is_here else _("The statement is not here yet.")

    def run(self, deed: Deed[Statement]) -> object:
        return _compared(deed.object, at_form=deed)


class RepairAll(ObjectAction[Statement]):
    name = "repair"
    label = gettext_lazy("Put right what is safe")
    permission = CHANGE
    description = gettext_lazy(
        "The gateway is asked about every payment and refund that it knows and we do not. What it confirms is booked."
    )
    atomic = False
    position = 30

    def applies(self, row: Statement) -> bool:
        return row.compared_at is not None

    def run(self, deed: Deed[Statement]) -> object:
        repaired, failed = services.repair_all(statement_id=deed.object.pk, at=deed.at)
        counters.recount(GROUP, at=deed.at)
        return _("%(repaired)d differences put right, %(failed)d are still there.") % {
            "repaired": repaired,
            "failed": failed,
        }


class FeeForm(forms.Form):
    percent = forms.DecimalField(
        label=gettext_lazy("Fee in percent"),
        required=False,
        min_value=0,
        max_value=100,
        decimal_places=4,
        help_text=gettext_lazy("0.6 for six in a thousand. Empty: fees are not compared."),
    )


class AgreedFee(ObjectAction[GatewayAccount]):
    """On the page of a payment account."""

    name = "fee"
    label = gettext_lazy("Agreed fee")
    permission = "payments.change_gatewayaccount"
    description = gettext_lazy("Fees in statements are compared with this. Nothing is charged by it.")
    position = 90

    def form(self, row: GatewayAccount, request: HttpRequest, **given: Any) -> forms.Form:
        percent = Decimal(row.fee_ppm) / PPM_PER_PERCENT if row.fee_ppm is not None else None
        return FeeForm(initial={"percent": percent}, **given)

    def run(self, deed: Deed[GatewayAccount]) -> object:
        percent: Decimal | None = deed.form.cleaned_data["percent"]
        fee_ppm = None if percent is None else int(percent * PPM_PER_PERCENT)
        services.agree_fee(account_id=deed.object.pk, fee_ppm=fee_ppm, by=deed.by, at=deed.at)
        return None


contribute(GatewayAccountAdmin, actions=(AgreedFee(),))


class TakeForm(forms.Form):
    account = forms.ModelChoiceField(
        label=gettext_lazy("Payment account"), queryset=GatewayAccount.objects.order_by("position", "pk")
    )
    day = forms.DateField(label=gettext_lazy("Business day"), widget=forms.DateInput(attrs={"type": "date"}))
    file = forms.FileField(
        label=gettext_lazy("File"),
        required=False,
        help_text=gettext_lazy("As downloaded from the gateway's console, still packed. Empty: ask the gateway."),
    )


def sums_panel(request: HttpRequest, row: Statement) -> dict[str, object]:
    """Both sides of the day, and what the gateway pays out for it."""
    return {
        "rows": [
            (_("Payments"), row.our_payments, row.our_payments_fen, row.payments, row.payments_fen),
            (_("Refunds"), row.our_refunds, row.our_refunds_fen, row.refunds, row.refunds_fen),
        ],
        "statement": row,
    }


def differences_panel(request: HttpRequest, row: Statement) -> dict[str, object]:
    found = row.discrepancies.select_related("owner").order_by(OPEN_FIRST, "kind", "pk")
    open_count = found.filter(resolved_at=None).exclude(kind=Discrepancy.Kind.CUTOFF).count()
    base = reverse("admin:payments_discrepancy_changelist")
    return {
        "rows": [(it, kind_badge(it), "" if it.resolved_at else proposal_for(it)) for it in found[:SHOWN]],
        "open": open_count,
        "file": reverse("admin:payments_discrepancy_list", args=(row.pk,)),
        "all": f"{base}?part=all&q={row.account.code}",
        "total": found.count(),
    }


def _is_here(rows: QuerySet[Statement], request: HttpRequest) -> QuerySet[Statement]:
    return rows.filter(state__in=(Statement.State.FETCHED, Statement.State.EMPTY))


PARTS = (
    Part(code="", title=gettext_lazy("Daily summary"), narrow=everything),
    Part(code="funds", title=gettext_lazy("Funds and fees"), narrow=_is_here),
)
FUNDS = ("day_cell", "account", "paid", "given_back", "fees", "fees_booked", "net")


@admin.register(Statement)
class StatementAdmin(InParts, FactsAdmin[Statement]):
    parts = PARTS
    list_display = ("day_cell", "account", "standing", "ours", "theirs", "difference", "fees", "open_cell", "owners")
    list_display_links = None
    list_filter = (PartFilter, "day", "state", AccountFilter)
    list_select_related = ("account",)
    ordering = ("-day", "account__position", "-pk")
    show_facets = admin.ShowFacets.NEVER
    object_actions = (CompareAgain(), FetchAgain(), RepairAll())
    panels = (
        Panel(
            name="sums",
            title=gettext_lazy("Both sides"),
            template="admin/payments/statement_sums.html",
            context=sums_panel,
            position=10,
        ),
        Panel(
            name="differences",
            title=gettext_lazy("Differences"),
            template="admin/payments/statement_differences.html",
            context=differences_panel,
            position=20,
        ),
    )
    fields = (("day", "account"), ("standing", "fetched"), ("compared", "source"), ("last_message",))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Statement]:
        is_open = Q(discrepancies__resolved_at=None) & ~Q(discrepancies__kind=Discrepancy.Kind.CUTOFF)
        still_open = Count("discrepancies", filter=is_open)
        return super().get_queryset(request).annotate(open_count=still_open)

    def get_urls(self) -> list[URLPattern]:
        take = path("take/", self.admin_site.admin_view(self.take_view), name="payments_statement_take")
        return [take, *super().get_urls()]

    def list_buttons(self, request: HttpRequest) -> list[tuple[object, str]]:
        if not actor(request).has_perm(CHANGE):
            return []
        return [(gettext_lazy("Fetch or upload a statement"), reverse("admin:payments_statement_take"))]

    def tabs(self, request: HttpRequest) -> list[Tab]:
        return statement_tabs(here=self.part_of(request).code or "days")

    def get_list_display(self, request: HttpRequest) -> Any:
        return FUNDS if self.part_of(request).code == "funds" else super().get_list_display(request)

    def prepare_rows(self, request: HttpRequest, rows: list[Statement]) -> None:
        """Whose work the open differences of each day are; one query for the page."""
        super().prepare_rows(request, rows)
        of_rows = Discrepancy.objects.filter(statement__in=rows, resolved_at=None, owner__isnull=False)
        names: defaultdict[int, set[str]] = defaultdict(set)
        for row in of_rows.select_related("owner").order_by("pk"):
            names[row.statement_id].add(str(row.owner))
        for statement in rows:
            setattr(statement, "owner_names", sorted(names[statement.pk]))  # noqa: B010 - the model knows no lists

    def take_view(self, request: HttpRequest) -> HttpResponse:
        """A day's statement, asked of the gateway or read from a file; compared at once."""
        if not actor(request).has_perm(CHANGE):
            raise PermissionDenied
        form, problem = TakeForm(request.POST or None, request.FILES or None), ""
        if request.method == "POST" and form.is_valid():
            try:
                return self._taken(request, form)
            except DomainError as refused:
                problem = str(refused)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Fetch or upload a statement"),
            "opts": self.opts,
            "form": form,
            "problem": problem,
            "back": reverse("admin:payments_statement_changelist"),
        }
        return TemplateResponse(request, "admin/payments/statement_take.html", context, status=422 if problem else 200)

    def _taken(self, request: HttpRequest, form: TakeForm) -> HttpResponse:
        account, day, file = (form.cleaned_data[name] for name in ("account", "day", "file"))
        if file is None:
            row = services.fetch_statement(account=account, day=day, at=now())
        else:
            row = services.upload_statement(
                account=account, day=day, name=file.name, content=file.read(), by=actor(request), at=now()
            )
        compared = services.reconcile_with_neighbours(statement_id=row.pk, at=now())
        counters.recount(GROUP, at=now())
        messages.success(request, _outcome(compared.open))
        return HttpResponseRedirect(self.address_of(row))

    @admin.display(description=gettext_lazy("business day"), ordering="day")
    def day_cell(self, row: Statement) -> SafeString:
        return format_html('<a class="bo-nowrap" href="{}">{}</a>', self.address_of(row), row.day.isoformat())

    @admin.display(description=gettext_lazy("state"), ordering="state")
    def standing(self, row: Statement) -> SafeString:
        glyph, tone = LOOKS[row.state]
        return badge(row.get_state_display(), glyph=glyph, tone=tone, title=row.last_message)

    @admin.display(description=gettext_lazy("ours"))
    def ours(self, row: Statement) -> SafeString:
        return _side(row.our_payments + row.our_refunds, row.our_payments_fen - row.our_refunds_fen)

    @admin.display(description=gettext_lazy("the gateway's"))
    def theirs(self, row: Statement) -> SafeString:
        return _side(row.payments + row.refunds, row.payments_fen - row.refunds_fen)

    @admin.display(description=gettext_lazy("difference"))
    def difference(self, row: Statement) -> object:
        return signed(row.difference_fen) if row.difference_fen else money(0)

    @admin.display(description=gettext_lazy("open differences"))
    def open_cell(self, row: Any) -> SafeString:
        if row.compared_at is None:
            return badge(_("not compared"), glyph="○")
        if not row.open_count:
            return badge(_("agrees"), glyph="✓", tone="good")
        return badge(str(row.open_count), glyph="!", tone="bad")

    @admin.display(description=gettext_lazy("owner"))
    def owners(self, row: Statement) -> object:
        names: list[str] = getattr(row, "owner_names", [])
        return format_html_join(", ", "{}", ((name,) for name in names)) if names else "—"

    @admin.display(description=gettext_lazy("to be paid out"))
    def net(self, row: Statement) -> object:
        return money(row.net_fen)

    @admin.display(description=gettext_lazy("fetched at"))
    def fetched(self, row: Statement) -> SafeString:
        return moment(row.fetched_at, long=True)

    @admin.display(description=gettext_lazy("compared at"))
    def compared(self, row: Statement) -> SafeString:
        return moment(row.compared_at, long=True)

    @admin.display(description=gettext_lazy("came from"))
    def source(self, row: Statement) -> str:
        if row.fetched_at is None:
            return "—"
        return _("uploaded by staff") if row.is_uploaded else _("fetched from the gateway")

    fees = fen("fees_fen", gettext_lazy("fees"))
    paid = fen("payments_fen", gettext_lazy("paid at the gateway"))
    given_back = fen("refunds_fen", gettext_lazy("refunded at the gateway"))
    fees_booked = fen("fees_booked_fen", gettext_lazy("fees booked"))


def statement_tabs(*, here: str) -> list[Tab]:
    """Days, and the differences of all of them."""
    days, rows = reverse("admin:payments_statement_changelist"), reverse("admin:payments_discrepancy_changelist")
    return [
        Tab(title=gettext_lazy("Daily summary"), link=days, active=here == "days"),
        Tab(title=gettext_lazy("Open differences"), link=rows, active=here == ""),
        Tab(title=gettext_lazy("Mine"), link=f"{rows}?part=mine", active=here == "mine"),
        Tab(title=gettext_lazy("Funds and fees"), link=f"{days}?part=funds", active=here == "funds"),
        Tab(title=gettext_lazy("Resolved"), link=f"{rows}?part=done", active=here == "done"),
    ]


def kind_badge(row: Discrepancy) -> SafeString:
    """The kind, and under it whether it is about a payment or a refund."""
    words = str(row.get_kind_display())
    shown = badge(words, glyph="!", tone="bad")
    if row.resolved_at is not None:
        shown = badge(words, glyph="✓")
    elif row.kind == Discrepancy.Kind.CUTOFF:
        shown = badge(words, glyph="◔", tone="info")
    cell = '<span class="bo-stack">{}<span class="bo-small bo-faint">{}</span></span>'
    return format_html(cell, shown, movement_words(row))


def _side(count: int, amount_fen: int) -> SafeString:
    movements = ngettext("%(count)d movement", "%(count)d movements", count) % {"count": count}
    cell = '<span class="bo-stack">{}<span class="bo-small bo-faint">{}</span></span>'
    return format_html(cell, money(amount_fen), movements)


def _compared(row: Statement, *, at_form: Deed[Statement]) -> str:
    compared = services.reconcile_with_neighbours(statement_id=row.pk, at=at_form.at)
    counters.recount(GROUP, at=at_form.at)
    return _outcome(compared.open)


def _outcome(count: int) -> str:
    if not count:
        return _("Both sides agree.")
    return ngettext("%(count)d difference is open.", "%(count)d differences are open.", count) % {"count": count}
