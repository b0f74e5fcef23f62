"""Invoices in the admin: what is to be issued, the files that come back, and red letters after refunds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from kernel import counters
from kernel.admin import Panel, actor, copyable, fen, moment
from kernel.clock import now
from kernel.errors import DomainError
from kernel.phones import mask_phone
from orders.queries import split_terms

from .. import services
from ..models import InvoiceFile, InvoiceRequest
from ..views.invoice import served
from . import looks
from .base import FactsAdmin
from .counts import GROUP
from .files import workbook
from .invoice_actions import CHANGE, Cancel, ChangeTitle, Fail, SendAgain, SetTax, UploadFiles
from .invoice_card import invoice_badge, of_order_view
from .invoice_forms import ExportForm, UploadForm, uploads_of
from .invoice_pages import ShowPreview, red_letters_view
from .invoice_provider import AskProvider, Release, Retry, checks_panel, delivery_panel, provider_panel
from .parts import InParts, Part, PartFilter, everything, with_status

Status = InvoiceRequest.Status
VIEW = "payments.view_invoicerequest"
PARTS = (
    Part(
        code="",
        title=gettext_lazy("Invoices to be issued"),
        narrow=with_status(Status.REQUESTED, Status.ISSUING),
        counter="invoices_waiting",
        urgent=True,
    ),
    Part(code="issued", title=gettext_lazy("Invoices issued"), narrow=with_status(Status.ISSUED)),
    Part(code="sent", title=gettext_lazy("Invoices sent"), narrow=with_status(Status.SENT)),
    Part(
        code="red",
        title=gettext_lazy("Red letters"),
        narrow=with_status(Status.RED_PENDING, Status.RED_ISSUED),
        counter="red_letters_waiting",
        urgent=True,
    ),
    Part(code="failed", title=gettext_lazy("Invoices failed"), narrow=with_status(Status.FAILED)),
    Part(code="all", title=gettext_lazy("All"), narrow=everything),
)


def lines_panel(request: HttpRequest, row: InvoiceRequest) -> dict[str, object]:
    return {"lines": row.lines.order_by("line_no"), "request_row": row, "lacks_rate": services.lacks_rate(row)}


def files_panel(request: HttpRequest, row: InvoiceRequest) -> dict[str, object]:
    return {"files": row.files.select_related("request").order_by("pk")}


@admin.register(InvoiceRequest)
class InvoiceRequestAdmin(InParts, FactsAdmin[InvoiceRequest]):
    parts = PARTS
    list_display = ("number_cell", "standing", "order_cell", "title_cell", "amount", "age", "invoice_no_cell")
    list_display_links = None
    list_filter = (PartFilter, "type", "origin", "created_at")
    list_select_related = ("order",)
    search_fields = ("request_no",)
    search_help_text = gettext_lazy("Invoice, request or order number, or tax number; paste up to 200")
    ordering = ("-pk",)
    show_facets = admin.ShowFacets.NEVER
    private_fields = ("email", "phone")
    object_actions = (
        UploadFiles(),
        Release(),
        AskProvider(),
        Retry(),
        SendAgain(),
        SetTax(),
        ChangeTitle(),
        ShowPreview(),
        Fail(),
        Cancel(),
    )
    panels = (
        Panel(
            name="lines",
            title=gettext_lazy("Lines and tax"),
            template="admin/payments/invoice_lines.html",
            context=lines_panel,
            position=10,
        ),
        Panel(
            name="files",
            title=gettext_lazy("Files"),
            template="admin/payments/invoice_files.html",
            context=files_panel,
            position=20,
        ),
        Panel(
            name="checks",
            title=gettext_lazy("Checks before issuing"),
            template="admin/payments/invoice_checks.html",
            context=checks_panel,
            position=5,
        ),
        Panel(
            name="provider",
            title=gettext_lazy("At the provider"),
            template="admin/payments/invoice_provider.html",
            context=provider_panel,
            position=15,
        ),
        Panel(
            name="delivery",
            title=gettext_lazy("Delivery"),
            template="admin/payments/invoice_delivery.html",
            context=delivery_panel,
            position=30,
        ),
    )
    fields = (
        ("standing", "order_cell"),
        ("type_cell", "invoice_no_cell"),
        ("amount", "net", "tax"),
        ("title_kind", "title_cell"),
        ("tax_no_cell",),
        ("company_address", "company_phone"),
        ("bank_name", "bank_account"),
        ("reach", "origin"),
        ("issued", "sent"),
        ("blue_cell", "reason"),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[InvoiceRequest]:
        return super().get_queryset(request).select_related("order__customer", "blue")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[InvoiceRequest], search_term: str
    ) -> tuple[QuerySet[InvoiceRequest], bool]:
        terms = split_terms(search_term)
        if not terms:
            return queryset, False
        numbers = Q(invoice_no__in=terms) | Q(request_no__in=terms) | Q(order__order_no__in=terms)
        return queryset.filter(numbers | Q(tax_no__in=terms)), False

    def get_urls(self) -> list[URLPattern]:
        site = self.admin_site.admin_view
        return [
            path("upload/", site(self.upload_view), name="payments_invoicerequest_take"),
            path("export/", site(self.export_view), name="payments_invoicerequest_export"),
            path("red-letters/", site(red_letters_view), name="payments_invoicerequest_red_letters"),
            path("file/<int:file_id>/", site(self.file_view), name="payments_invoicerequest_file"),
            path("of-order/<int:order_id>/", site(of_order_view), name="payments_invoices_of_order"),
            *super().get_urls(),
        ]

    def list_buttons(self, request: HttpRequest) -> list[tuple[object, str]]:
        red = (gettext_lazy("Red letters of a month"), reverse("admin:payments_invoicerequest_red_letters"))
        if not actor(request).has_perm(CHANGE):
            return [red]
        return [
            red,
            (gettext_lazy("Export for the tax bureau"), reverse("admin:payments_invoicerequest_export")),
            (gettext_lazy("Upload issued invoices"), reverse("admin:payments_invoicerequest_take")),
        ]

    def upload_view(self, request: HttpRequest) -> HttpResponse:
        """Files of many invoices at once; each finds its own."""
        form = self._form(request, UploadForm)
        placed: list[services.Placed] = []
        if request.method == "POST" and form.is_valid():
            placed = services.take_files(uploads=uploads_of(form), by=actor(request), at=now())
            counters.recount(GROUP, at=now())
        context = {"placed": placed, "title": _("Upload issued invoices")}
        return self._page(request, "invoice_upload.html", form, context)

    def export_view(self, request: HttpRequest) -> HttpResponse:
        """What is ready, as a workbook; it counts as being issued from then on."""
        form, problem = self._form(request, ExportForm), ""
        if request.method == "POST" and form.is_valid():
            try:
                content = services.export_invoices(again=form.cleaned_data["again"], by=actor(request), at=now())
                counters.recount(GROUP, at=now())
                return workbook(content, name="invoices")
            except DomainError as refused:
                problem = str(refused)
        context = {"problem": problem, "title": _("Export for the tax bureau")}
        return self._page(request, "invoice_export.html", form, context)

    def file_view(self, request: HttpRequest, file_id: int) -> HttpResponse:
        if not actor(request).has_perm(VIEW):
            raise PermissionDenied
        row = InvoiceFile.objects.select_related("request").filter(pk=file_id).first()
        if row is None:
            raise Http404
        return served(row)

    def _form(self, request: HttpRequest, kind: type[Any]) -> Any:
        if not actor(request).has_perm(CHANGE):
            raise PermissionDenied
        return kind(request.POST, request.FILES) if request.method == "POST" else kind()

    def _page(self, request: HttpRequest, template: str, form: Any, context: Mapping[str, object]) -> HttpResponse:
        shown = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "form": form,
            "back": reverse("admin:payments_invoicerequest_changelist"),
            **context,
        }
        status = 422 if context.get("problem") or form.errors else 200
        return TemplateResponse(request, f"admin/payments/{template}", shown, status=status)

    @admin.display(description=gettext_lazy("request number"), ordering="pk")
    def number_cell(self, row: InvoiceRequest) -> SafeString:
        return format_html('<a class="bo-nowrap" href="{}">{}</a>', self.address_of(row), row.request_no)

    @admin.display(description=gettext_lazy("status"), ordering="status")
    def standing(self, row: InvoiceRequest) -> SafeString:
        return invoice_badge(row)

    @admin.display(description=gettext_lazy("order"))
    def order_cell(self, row: InvoiceRequest) -> SafeString:
        return looks.order_link(row.order)

    @admin.display(description=gettext_lazy("invoice title"))
    def title_cell(self, row: InvoiceRequest) -> str:
        return row.title_name

    @admin.display(description=gettext_lazy("tax number"))
    def tax_no_cell(self, row: InvoiceRequest) -> object:
        return copyable(row.tax_no) if row.tax_no else looks.faint("—")

    @admin.display(description=gettext_lazy("type"))
    def type_cell(self, row: InvoiceRequest) -> str:
        return f"{row.get_kind_display()} · {row.get_type_display()}"

    @admin.display(description=gettext_lazy("in this state for"), ordering="status_since")
    def age(self, row: InvoiceRequest) -> str:
        return looks.age(row.status_since, at=now())

    @admin.display(description=gettext_lazy("invoice number"))
    def invoice_no_cell(self, row: InvoiceRequest) -> object:
        return looks.number(row.invoice_no) if row.invoice_no else looks.faint("—")

    @admin.display(description=gettext_lazy("sent to"))
    def reach(self, row: InvoiceRequest) -> str:
        return _masked(row) or _("where the customer of the order is reached")

    @admin.display(description=gettext_lazy("issued at"))
    def issued(self, row: InvoiceRequest) -> SafeString:
        return moment(row.issued_at, long=True)

    @admin.display(description=gettext_lazy("sent at"))
    def sent(self, row: InvoiceRequest) -> SafeString:
        return moment(row.sent_at, long=True)

    @admin.display(description=gettext_lazy("takes back"))
    def blue_cell(self, row: InvoiceRequest) -> object:
        return looks.number(str(row.blue), href=self.address_of(row.blue)) if row.blue else looks.faint("—")

    amount = fen("amount_fen", gettext_lazy("total with tax"))
    net = fen("net_fen", gettext_lazy("without tax"))
    tax = fen("tax_fen", gettext_lazy("tax"))


def _masked(row: InvoiceRequest) -> str:
    name, at_sign, host = row.email.partition("@")
    return f"{name[:1]}***{at_sign}{host}" if row.email else mask_phone(row.phone)
