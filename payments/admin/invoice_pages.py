"""Pages about invoices that are no forms: how one will look, and the red letters of a month."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from kernel.admin import ObjectAction, actor
from kernel.clock import local, now

from .. import services
from ..models import InvoiceRequest
from . import looks
from .files import workbook
from .invoice_card import invoice_badge

VIEW = "payments.view_invoicerequest"
MONTH = "%Y-%m"


class ShowPreview(ObjectAction[InvoiceRequest]):
    """Not a form: the page itself, which says that it is no invoice."""

    name = "preview"
    label = gettext_lazy("Preview")
    permission = VIEW
    wide = True
    position = 45

    def applies(self, row: InvoiceRequest) -> bool:
        return row.invoice_no is None and row.status != InvoiceRequest.Status.CANCELED

    def view(self, admin: Any, request: HttpRequest, object_id: str) -> HttpResponse:
        if not self.allowed(request):
            raise PermissionDenied
        row = admin.get_object(request, object_id)
        if row is None:
            return admin.not_there(request, object_id)  # type: ignore[no-any-return]
        return render(request, "invoice/preview.html", {"preview": services.preview_of(row=row), "at": now()})


class MonthForm(forms.Form):
    month = forms.DateField(
        label=gettext_lazy("Month"),
        input_formats=[MONTH],
        widget=forms.DateInput(attrs={"type": "month"}, format=MONTH),
        error_messages={"invalid": gettext_lazy("Write the month as 2026-11.")},
    )


def red_letters_view(request: HttpRequest) -> HttpResponse:
    """Those a refund of the month asked for, the oldest that waits first; also as a workbook."""
    if not actor(request).has_perm(VIEW):
        raise PermissionDenied
    at = now()
    given = request.GET if "month" in request.GET else {"month": f"{local(at):{MONTH}}"}
    form = MonthForm(given)
    chosen: date = form.cleaned_data["month"] if form.is_valid() else local(at).date().replace(day=1)
    found = services.red_letters(month=datetime.combine(chosen, time(), local(at).tzinfo))
    if "xlsx" in request.GET:
        return workbook(services.export_red_letters(rows=found), name="red-letters")
    context = {
        **admin.site.each_context(request),
        "title": _("Red letters of a month"),
        "opts": InvoiceRequest._meta,
        "form": form,
        "month": f"{chosen:{MONTH}}",
        "rows": [(row, invoice_badge(row), looks.age(row.status_since, at=at)) for row in found],
        "waiting": sum(row.status == InvoiceRequest.Status.RED_PENDING for row in found),
        "sum_fen": sum(row.amount_fen for row in found),
        "back": reverse("admin:payments_invoicerequest_changelist") + "?part=red",
    }
    return TemplateResponse(request, "admin/payments/red_letters.html", context)
