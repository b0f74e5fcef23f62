"""Packing slips: paper that goes into the parcel, one page for each order."""

from __future__ import annotations

import base64
import mimetypes
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from customers import services as customers
from kernel.admin import Deed, ObjectAction, actor
from kernel.clock import now
from kernel.errors import DomainError
from kernel.models import ShopSettings
from kernel.phones import mask_address, mask_name, mask_phone
from kernel.shop import shop
from kernel.trace import current_trace_id

from ..models import Order, OrderLine
from .bulk import Admin, Selection, listed

VIEW = "orders.view_order"
REVEAL = "customers.reveal_customer"
LABEL = gettext_lazy("Print packing slips")
FULL, MASKED = "full", "masked"
LOGO_BYTES = 512 * 1024  # it stands inside the page; uploads are served to nobody


class SlipForm(forms.Form):
    people = forms.ChoiceField(label=gettext_lazy("Names, phones and addresses"), widget=forms.RadioSelect)

    def __init__(self, *args: Any, may_reveal: bool, **options: Any) -> None:
        super().__init__(*args, **options)
        field = self.fields["people"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 - it is declared above; this tells the type checker
        full = [(FULL, _("in full; the audit log says who printed them"))] if may_reveal else []
        field.choices = [*full, (MASKED, _("masked"))]
        field.initial = field.choices[0][0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Slip:
    order: Order
    lines: Sequence[OrderLine]
    name: str
    phone: str
    detail: str

    @property
    def pieces(self) -> int:
        return sum(line.quantity for line in self.lines)


class PrintSlip(ObjectAction[Order]):
    name = "packing_slip"
    label = gettext_lazy("Print packing slip")
    permission = VIEW
    atomic = False  # printing twice is two looks
    position = 30
    beside = True

    def form(self, row: Order, request: HttpRequest, **given: Any) -> forms.Form:
        return SlipForm(may_reveal=request.user.has_perm(REVEAL), **given)

    def run(self, deed: Deed[Order]) -> HttpResponse:
        back = reverse("admin:orders_order_change", args=(deed.object.pk,))
        orders = Order.objects.filter(pk=deed.object.pk)
        return _paper(deed.request, orders, people=deed.form.cleaned_data["people"], back=back)


@listed(name="slips_selected", label=LABEL, permission=VIEW)
def print_selected(admin: Admin, request: HttpRequest, queryset: QuerySet[Order]) -> HttpResponse | None:
    """From the list: whose eyes the addresses are for is asked first."""
    selection = Selection.ticked(request, queryset)
    return _asked(admin, request, selection) if selection else None


def urls(admin: Admin) -> list[URLPattern]:
    def view(request: HttpRequest) -> HttpResponse:
        return _submitted(admin, request)

    return [path("selected/slips/", admin.admin_site.admin_view(view), name="orders_slips_selected")]


def _submitted(admin: Admin, request: HttpRequest) -> HttpResponse:
    person = actor(request)
    if not person.has_perm(VIEW):
        raise PermissionDenied
    selection = Selection.sent(request)
    form = SlipForm(request.POST, may_reveal=person.has_perm(REVEAL))
    if not selection.ids or not form.is_valid():
        return HttpResponseRedirect(selection.back)
    orders = Order.objects.filter(pk__in=selection.ids).order_by("-placed_at", "-pk")
    try:
        return _paper(request, orders, people=form.cleaned_data["people"], back=selection.back)
    except DomainError as refused:
        return _asked(admin, request, selection, problem=str(refused))


def _asked(admin: Admin, request: HttpRequest, selection: Selection, *, problem: str = "") -> HttpResponse:
    count = len(selection.ids)
    context = {
        **admin.admin_site.each_context(request),
        "title": LABEL,
        "crumb": LABEL,
        "opts": admin.opts,
        "action": {"label": LABEL},
        "form": SlipForm(may_reveal=actor(request).has_perm(REVEAL)),
        "selection": selection,
        "heading": ngettext("%(count)d order is selected", "%(count)d orders are selected", count) % {"count": count},
        "target": reverse("admin:orders_slips_selected"),
        "problem": problem,
        "trace_id": current_trace_id() if problem else "",
    }
    return TemplateResponse(request, "backoffice/orders/bulk.html", context)


def _paper(request: HttpRequest, orders: QuerySet[Order], *, people: str, back: str) -> HttpResponse:
    """The pages; whole addresses are in the audit log before they are on them."""
    rows = list(orders.prefetch_related("lines"))
    if people == FULL:
        customers.reveal_printed(rows=rows, by=actor(request), at=now())
    settings = shop()
    context = {
        "title": PrintSlip.label,
        "slips": [_slip(order, masked=people == MASKED) for order in rows],
        "shop": settings,
        "logo": _logo(settings),
        "at": now(),
        "back": back,
    }
    return TemplateResponse(request, "backoffice/orders/slips.html", context, headers={"Cache-Control": "no-store"})


def _slip(order: Order, *, masked: bool) -> Slip:
    name, phone, detail = order.recipient_name, order.recipient_phone, order.detail
    if masked:
        name, phone, detail = mask_name(name), mask_phone(phone), mask_address(detail)
    lines = sorted(order.lines.all(), key=lambda line: line.line_no)
    return Slip(order=order, lines=lines, name=name, phone=phone, detail=detail)


def _logo(settings: ShopSettings) -> str:
    """As an address that holds the picture itself; "" if there is none, or it was taken off the disk."""
    name = settings.logo.name or ""
    kind, _encoding = mimetypes.guess_type(name)
    if not kind or not settings.logo.storage.exists(name) or settings.logo.size > LOGO_BYTES:
        return ""
    with settings.logo.open("rb") as picture:
        return f"data:{kind};base64,{base64.b64encode(picture.read()).decode()}"
