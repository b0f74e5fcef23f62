"""What staff do with one invoice."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from kernel import counters
from kernel.admin import Deed, ObjectAction

from .. import services
from ..models import InvoiceRequest
from .counts import GROUP
from .invoice_forms import OneUploadForm, ReasonForm, TaxForm, TitleForm, typed_before, uploads_of

CHANGE = "payments.change_invoicerequest"
Status = InvoiceRequest.Status
PERMILLE_PER_PERCENT = 10


def is_open(row: InvoiceRequest) -> bool:
    """Not what a provider has: that may be issued any moment."""
    return row.status in InvoiceRequest.OPEN and row.called_at is None


class UploadFiles(ObjectAction[InvoiceRequest]):
    name = "upload"
    label = gettext_lazy("Upload files")
    permission = CHANGE
    description = gettext_lazy("The invoice counts as issued, and the customer is sent a link to it.")
    form_class = OneUploadForm
    position = 10

    def applies(self, row: InvoiceRequest) -> bool:
        return row.status != Status.CANCELED

    def is_next(self, row: InvoiceRequest) -> bool:
        return is_open(row) or row.status == Status.RED_PENDING

    def run(self, deed: Deed[InvoiceRequest]) -> object:
        services.take_files_for(
            request_id=deed.object.pk,
            uploads=uploads_of(deed.form),
            invoice_no=deed.form.cleaned_data["invoice_no"],
            by=deed.by,
            at=deed.at,
        )
        counters.recount(GROUP, at=deed.at)
        return None


class SendAgain(ObjectAction[InvoiceRequest]):
    name = "send"
    label = gettext_lazy("Send to the customer")
    permission = CHANGE
    description = gettext_lazy("A new link, to the e-mail or phone on the request, else to the order's customer.")
    done = gettext_lazy("The link is on its way. The timeline and the list of messages say what became of it.")
    position = 20

    def applies(self, row: InvoiceRequest) -> bool:
        return row.invoice_no is not None

    def run(self, deed: Deed[InvoiceRequest]) -> object:
        services.send_invoice(request_id=deed.object.pk, by=deed.by, at=deed.at)
        return None


class SetTax(ObjectAction[InvoiceRequest]):
    name = "tax"
    label = gettext_lazy("Set the VAT rate")
    permission = CHANGE
    description = gettext_lazy("Of the lines that have none. Set it on the product, and later orders have it.")
    form_class = TaxForm
    position = 30

    def applies(self, row: InvoiceRequest) -> bool:
        return is_open(row) and services.lacks_rate(row)

    def run(self, deed: Deed[InvoiceRequest]) -> object:
        services.set_tax(
            request_id=deed.object.pk,
            rate_permille=int(deed.form.cleaned_data["percent"] * PERMILLE_PER_PERCENT),
            tax_code=deed.form.cleaned_data["tax_code"].strip(),
            by=deed.by,
            at=deed.at,
        )
        return None


class ChangeTitle(ObjectAction[InvoiceRequest]):
    name = "title"
    label = gettext_lazy("Change the title")
    permission = CHANGE
    description = gettext_lazy("E-mail and phone stay as they are unless you write others.")
    position = 40

    def applies(self, row: InvoiceRequest) -> bool:
        return is_open(row)

    def form(self, row: InvoiceRequest, request: HttpRequest, **given: Any) -> forms.Form:
        return TitleForm(initial={**typed_before(services.title_of(row)), "type": row.type}, **given)

    def run(self, deed: Deed[InvoiceRequest]) -> object:
        form: TitleForm = deed.form
        services.change_title(
            request_id=deed.object.pk,
            title=form.title(),
            invoice_type=form.cleaned_data["type"],
            by=deed.by,
            at=deed.at,
        )
        return None


class Fail(ObjectAction[InvoiceRequest]):
    name = "fail"
    label = gettext_lazy("The tax platform refused it")
    permission = CHANGE
    description = gettext_lazy("It stays in the list with the reason, and the next export has it again.")
    form_class = ReasonForm
    position = 50

    def applies(self, row: InvoiceRequest) -> bool:
        return is_open(row) and row.status != Status.FAILED

    def run(self, deed: Deed[InvoiceRequest]) -> object:
        reason = deed.form.cleaned_data["reason"]
        services.fail_invoice(request_id=deed.object.pk, reason=reason, by=deed.by, at=deed.at)
        counters.recount(GROUP, at=deed.at)
        return None


class Cancel(ObjectAction[InvoiceRequest]):
    name = "cancel"
    label = gettext_lazy("Cancel the invoice")
    permission = CHANGE
    description = gettext_lazy("Only if it was not issued on the tax platform.")
    form_class = ReasonForm
    dangerous = True
    position = 60

    def applies(self, row: InvoiceRequest) -> bool:
        return is_open(row) or (row.status == Status.RED_PENDING and row.called_at is None)

    def run(self, deed: Deed[InvoiceRequest]) -> object:
        reason = deed.form.cleaned_data["reason"]
        services.cancel_invoice(request_id=deed.object.pk, reason=reason, by=deed.by, at=deed.at)
        counters.recount(GROUP, at=deed.at)
        return _("Canceled. The order can be invoiced again.")
