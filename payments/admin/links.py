"""Pay links on an order's page: made and shown once, or sent to the customer."""

from __future__ import annotations

import segno
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from kernel.admin import Deed, ObjectAction
from kernel.models import Category
from kernel.phones import mask_phone
from orders import services as orders
from orders.models import Order

from .. import services
from ..models import PayLink
from .looks import order_address

MAKE = "payments.add_paylink"
SHOWN = 5


class _Link(ObjectAction[Order]):
    permission = MAKE
    template = "admin/payments/link_form.html"

    def applies(self, row: Order) -> bool:
        return row.category == Category.PENDING_PAYMENT and row.due_fen > 0

    def context(self, row: Order, request: HttpRequest) -> dict[str, object]:
        earlier = PayLink.objects.filter(order=row).select_related("created_by").order_by("-pk")
        return {"earlier": earlier[:SHOWN], "reach": reach(row), "order": row}


class MakeLink(_Link):
    name = "pay_link"
    label = gettext_lazy("Pay link")
    submit = gettext_lazy("Make a pay link")
    description = gettext_lazy("It is shown once. Whoever has it can pay this order; earlier links stay valid.")
    position = 10

    def is_next(self, row: Order) -> bool:
        return True

    def run(self, deed: Deed[Order]) -> HttpResponse:
        link, url = services.create_link(order_id=deed.object.pk, by=deed.by, at=deed.at)
        context = {
            **admin.site.each_context(deed.request),
            "title": _("Pay link"),
            "opts": Order._meta,
            "order": deed.object,
            "link": link,
            "url": url,
            "qr": drawn(url),
            "reach": reach(deed.object),
            "back": order_address(deed.object.pk),
        }
        unkept = {"Cache-Control": "no-store"}
        return TemplateResponse(deed.request, "admin/payments/link.html", context, headers=unkept)


class SendLink(_Link):
    name = "send_link"
    label = gettext_lazy("Send pay link")
    submit = gettext_lazy("Send")
    description = gettext_lazy("The customer gets a new link by SMS, or else by e-mail.")
    done = gettext_lazy("The link is on its way. The timeline and the list of messages say what became of it.")
    position = 20

    def run(self, deed: Deed[Order]) -> object:
        services.send_link(order_id=deed.object.pk, by=deed.by, at=deed.at)
        return None


def reach(order: Order) -> str:
    """Where the customer would hear of it, masked; empty if nowhere."""
    contact = None if order.customer.is_anonymous else orders.contact_of(order)
    if contact is None:
        return ""
    return mask_phone(contact.recipient) if contact.channel == "sms" else _masked_email(contact.recipient)


def drawn(url: str) -> SafeString:
    """The link as a code to scan, drawn here: nobody else sees it."""
    code = segno.make(url, error="m", micro=False)
    svg = code.svg_inline(omitsize=True, border=2, dark="#000", light="#fff", svgclass="bo-qr", lineclass=None)
    return mark_safe(svg)  # noqa: S308 - drawn from modules; the text itself is not in it


def _masked_email(address: str) -> str:
    name, _at, host = address.partition("@")
    return f"{name[:1]}***@{host}"
