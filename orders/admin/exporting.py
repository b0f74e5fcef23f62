"""Orders to a file: what the list shows, masked unless the role may see more, and noted in the audit log first."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from tempfile import TemporaryFile
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import SEARCH_VAR
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import (
    FileResponse,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
    StreamingHttpResponse,
)
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from kernel.admin import BackofficeAdmin, actor
from kernel.clock import local, now
from kernel.errors import DomainError
from kernel.trace import current_trace_id

from ..imports import csv_chunks, write_xlsx
from ..imports.export import exported
from ..models import Order
from ..services.exporting import EXPORT, UNMASKED, begin_export
from .bulk import listed

PERMISSION = EXPORT
CSV, XLSX = "csv", "xlsx"
FORMATS = ((CSV, "CSV"), (XLSX, "Excel (XLSX)"))
ENCODINGS = (("utf-8-sig", "UTF-8"), ("gb18030", "GB18030"))
MASKED, UNMASKED_CHOICE = "masked", "full"
HIDDEN = "***"  # what was searched for may be a phone number or a name
TYPES = {CSV: "text/csv", XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}


class ExportForm(forms.Form):
    file_format = forms.ChoiceField(label=gettext_lazy("File"), choices=FORMATS, widget=forms.RadioSelect)
    encoding = forms.ChoiceField(label=gettext_lazy("Encoding of CSV"), choices=ENCODINGS)
    people = forms.ChoiceField(label=gettext_lazy("Names, phones and addresses"), widget=forms.RadioSelect)

    def __init__(self, *args: Any, may_unmask: bool, **options: Any) -> None:
        super().__init__(*args, **options)
        choices = [(MASKED, _("masked"))]
        if may_unmask:
            choices.append((UNMASKED_CHOICE, _("in full; the audit log says who took them")))
        field = self.fields["people"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 - it is declared above; this tells the type checker
        field.choices = choices


def urls(admin: BackofficeAdmin[Order]) -> list[URLPattern]:
    def export(request: HttpRequest) -> HttpResponseBase:
        return export_view(admin, request)

    return [path("export/", admin.admin_site.admin_view(export), name="orders_export")]


def address(request: HttpRequest) -> str:
    """Where to export what the list at `request` shows."""
    query = request.GET.urlencode()
    return f"{reverse('admin:orders_export')}?{query}" if query else reverse("admin:orders_export")


@listed(name="export_selected", label=gettext_lazy("Export"), permission=PERMISSION)
def export_selected(admin: BackofficeAdmin[Order], request: HttpRequest, queryset: QuerySet[Order]) -> HttpResponse:
    """To the export of the ticked orders; all that match is what the list shows."""
    if request.POST.get("select_across") == "1":
        return HttpResponseRedirect(address(request))
    ids = ",".join(str(pk) for pk in queryset.order_by("pk").values_list("pk", flat=True))
    return HttpResponseRedirect(f"{reverse('admin:orders_export')}?{urlencode({'id__in': ids})}")


def export_view(admin: BackofficeAdmin[Order], request: HttpRequest) -> HttpResponseBase:
    person = actor(request)
    if not person.has_perm(PERMISSION):
        raise PermissionDenied
    try:
        orders = _listed(admin, request)
    except IncorrectLookupParameters:
        return HttpResponseRedirect(reverse("admin:orders_order_changelist"))
    initial = {"file_format": CSV, "encoding": "utf-8-sig", "people": MASKED}
    data = request.POST if request.method == "POST" else None
    form = ExportForm(data, initial=initial, may_unmask=person.has_perm(UNMASKED))
    if data is None or not form.is_valid():
        return _page(admin, request, form, orders)
    try:
        return _file(request, orders, form.cleaned_data)
    except DomainError as refused:
        return _page(admin, request, form, orders, problem=str(refused))


def _file(request: HttpRequest, orders: QuerySet[Order], given: Mapping[str, Any]) -> HttpResponseBase:
    file_format, masked, at = given["file_format"], given["people"] == MASKED, now()
    filters = {name: HIDDEN if name == SEARCH_VAR else request.GET[name] for name in request.GET}
    count = orders.count()
    begin_export(orders=count, file_format=file_format, masked=masked, filters=filters, by=actor(request), at=at)
    rows = exported(orders, masked=masked)
    name = f"orders-{local(at):%Y%m%d-%H%M}.{file_format}"
    if file_format == CSV:
        content = csv_chunks(rows, encoding=given["encoding"])
        headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
        return StreamingHttpResponse(content, content_type=TYPES[CSV], headers=headers)
    book = TemporaryFile()  # noqa: SIM115 - the response closes it
    try:
        write_xlsx(book, rows)
    except BaseException:
        book.close()
        raise
    book.seek(0)
    return FileResponse(
        book, as_attachment=True, filename=name, content_type=TYPES[XLSX], headers={"Cache-Control": "no-store"}
    )


def _listed(admin: BackofficeAdmin[Order], request: HttpRequest) -> QuerySet[Order]:
    """What the list shows under the filters and the search in the address, on all of its pages."""
    found: QuerySet[Order] = admin.get_changelist_instance(request).get_queryset(request)
    return Order.objects.filter(pk__in=found.order_by().values("pk")).order_by("placed_at", "pk")


def _page(
    admin: BackofficeAdmin[Order],
    request: HttpRequest,
    form: ExportForm,
    orders: QuerySet[Order],
    *,
    problem: str = "",
) -> HttpResponse:
    back = reverse("admin:orders_order_changelist")
    query = request.GET.urlencode()
    context = {
        **admin.admin_site.each_context(request),
        "title": _("Export orders"),
        "crumb": _("Export orders"),
        "opts": admin.opts,
        "form": form,
        "pages": admin.get_paginator(request, orders, admin.list_per_page),
        "is_filtered": bool(query),
        "back": f"{back}?{query}" if query else back,
        "target": f"{request.path}?{urlencode(request.GET, doseq=True)}" if query else request.path,
        "problem": problem,
        "trace_id": current_trace_id() if problem else "",
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if problem or form.errors else HTTPStatus.OK
    return TemplateResponse(request, "admin/orders/export.html", context, status=status)
