"""Invoices and receipt on the page of an order."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from kernel import counters
from kernel.admin import Deed, ObjectAction, Panel, contribute
from orders.admin import OrderAdmin
from orders.models import Order

from .. import services
from ..views.receipt import receipt_page
from .counts import GROUP
from .invoice_forms import TitleForm, typed_before
from .links import drawn, reach
from .looks import order_address

REQUEST = "payments.request_invoice"
VIEW = "payments.view_invoicerequest"


class RequestInvoice(ObjectAction[Order]):
    name = "invoice"
    label = gettext_lazy("Request an invoice")
    permission = REQUEST
    description = gettext_lazy("Over all that was paid, not refunded and not invoiced yet.")
    done = gettext_lazy("Requested. It stands among the invoices to be issued.")
    position = 60

    def applies(self, row: Order) -> bool:
        return row.paid_fen > row.refunded_fen

    def form(self, row: Order, request: HttpRequest, **given: Any) -> forms.Form:
        return TitleForm(initial=typed_before(services.known_title(row)), **given)

    def run(self, deed: Deed[Order]) -> object:
        form: TitleForm = deed.form
        services.request_invoice(
            order_id=deed.object.pk,
            title=form.title(),
            invoice_type=form.cleaned_data["type"],
            by=deed.by,
            at=deed.at,
        )
        counters.recount(GROUP, at=deed.at)
        return None


class InvoiceLinkOf(ObjectAction[Order]):
    name = "invoice_link"
    label = gettext_lazy("Invoice link")
    permission = REQUEST
    submit = gettext_lazy("Make a link")
    description = gettext_lazy("It is shown once. Whoever has it can type the title and download invoices and receipt.")
    position = 61

    def applies(self, row: Order) -> bool:
        return row.paid_fen > 0

    def run(self, deed: Deed[Order]) -> HttpResponse:
        link, url = services.create_invoice_link(order_id=deed.object.pk, by=deed.by, at=deed.at)
        context = {
            **admin.site.each_context(deed.request),
            "title": _("Invoice link"),
            "opts": Order._meta,
            "order": deed.object,
            "link": link,
            "url": url,
            "qr": drawn(url),
            "reach": reach(deed.object),
            "back": order_address(deed.object.pk),
        }
        unkept = {"Cache-Control": "no-store"}
        return TemplateResponse(deed.request, "admin/payments/invoice_link.html", context, headers=unkept)


class SendInvoiceLink(ObjectAction[Order]):
    name = "send_invoice_link"
    label = gettext_lazy("Ask for the invoice title")
    permission = REQUEST
    submit = gettext_lazy("Send")
    description = gettext_lazy("The customer gets a link by SMS, or else by e-mail.")
    done = gettext_lazy("The link is on its way. The timeline and the list of messages say what became of it.")
    position = 62

    def applies(self, row: Order) -> bool:
        return row.paid_fen > row.refunded_fen

    def run(self, deed: Deed[Order]) -> object:
        key = f"invoice_link:{deed.object.pk}:{deed.key[:40]}"
        services.send_invoice_link(order_id=deed.object.pk, key=key, by=deed.by, at=deed.at)
        return None


class ShowReceipt(ObjectAction[Order]):
    """Not a form: the page itself, to be printed."""

    name = "receipt"
    label = gettext_lazy("Receipt")
    permission = "payments.view_payment"
    wide = True
    listed = False  # the card links to it: dialogs cannot be printed

    def view(self, admin: Any, request: HttpRequest, object_id: str) -> HttpResponse:
        if not self.allowed(request):
            raise PermissionDenied
        row = admin.get_object(request, object_id)
        if row is None or row.paid_fen <= 0:
            return admin.not_there(request, object_id)  # type: ignore[no-any-return]
        return receipt_page(request, row)


def card(request: HttpRequest, order: Order) -> dict[str, object] | None:
    """Nothing until money came: then there is a receipt at least. What is in it comes behind the page."""
    if order.paid_fen <= 0:
        return None
    return {"later": reverse("admin:payments_invoices_of_order", args=(order.pk,))}


contribute(
    OrderAdmin,
    panels=[
        Panel(
            name="invoices",
            title=gettext_lazy("Invoices"),
            template="admin/payments/invoices_of_order.html",
            context=card,
            permission=VIEW,
            side=True,
            position=60,
        )
    ],
    actions=[RequestInvoice(), InvoiceLinkOf(), SendInvoiceLink(), ShowReceipt()],
)
