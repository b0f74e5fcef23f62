"""What staff do with one order; each makes one service call."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from customers import services as customers
from kernel.admin import Deed, ObjectAction
from kernel.secrets import SealedRow
from kernel.workflow import graph_of

from .. import services
from ..models import Order, OrderLine, Shipment
from ..queries import close_obstacle, ship_obstacle, split_terms, why_here
from . import forms as order_forms

MARK = "orders.note_order"
SHIP = "orders.ship_order"


class Ship(ObjectAction[Order]):
    name = "ship"
    label = _("Ship")
    permission = SHIP
    listed = False  # the workflow's steps list it
    form_class = order_forms.ShipForm
    done = _("Shipped. The customer is told.")

    def refusal(self, row: Order) -> object:
        return ship_obstacle(row)

    def form(self, row: Order, request: HttpRequest, **given: Any) -> forms.Form:
        lines = OrderLine.objects.filter(order=row).order_by("line_no")
        return order_forms.ShipForm(lines=list(lines), **given)

    def run(self, deed: Deed[Order]) -> object:
        services.ship(
            order_id=deed.object.pk,
            carrier_code=deed.form.cleaned_data["carrier"],
            tracking_no=deed.form.cleaned_data["tracking_no"],
            quantities=deed.form.quantities(),
            by=deed.by,
            at=deed.at,
        )
        return None


class CorrectTracking(ObjectAction[Order]):
    name = "correct_tracking"
    label = _("Correct the tracking number")
    permission = SHIP
    listed = False
    form_class = order_forms.CorrectForm
    done = _("Corrected. The earlier number stays on record.")

    def form(self, row: Order, request: HttpRequest, **given: Any) -> forms.Form:
        parcel = Shipment.objects.filter(order=row, pk=_number(request.GET.get("parcel"))).first()
        code = parcel.carrier.code if parcel and parcel.carrier else ""
        initial = {"parcel": parcel.pk, "tracking_no": parcel.tracking_no, "carrier": code} if parcel else {}
        return order_forms.CorrectForm(initial=initial, **given)

    def run(self, deed: Deed[Order]) -> object:
        given = deed.form.cleaned_data
        if not Shipment.objects.filter(order=deed.object, pk=given["parcel"]).exists():
            raise services.ShipmentNotFound
        services.correct_tracking(
            shipment_id=given["parcel"],
            carrier_code=given["carrier"],
            tracking_no=given["tracking_no"],
            reason=given["reason"],
            by=deed.by,
            at=deed.at,
        )
        return None


class Close(ObjectAction[Order]):
    name = "close"
    label = _("Close order")
    permission = "orders.close_order"
    listed = False
    dangerous = True
    form_class = order_forms.CloseForm
    description = _("The gateway is asked first, so that nobody can pay it any more; then it closes.")
    done = _("Asked for. It closes as soon as no gateway can collect for it.")

    def refusal(self, row: Order) -> object:
        return close_obstacle(row)

    def run(self, deed: Deed[Order]) -> object:
        reason = deed.form.cleaned_data["reason"]
        services.request_closing(order_id=deed.object.pk, reason=reason, by=deed.by, at=deed.at)
        return None


class Move(ObjectAction[Order]):
    """Along a manual transition of the order's workflow; which one stands in the address."""

    name = "move"
    label = _("Move on")
    permission = "orders.view_order"  # the transition names the right it asks for, and the service checks it
    listed = False
    form_class = order_forms.MoveForm

    def form(self, row: Order, request: HttpRequest, **given: Any) -> forms.Form:
        return order_forms.MoveForm(initial={"to": request.GET.get("to", ""), "version": row.version}, **given)

    def context(self, row: Order, request: HttpRequest) -> dict[str, object]:
        wanted = request.POST.get("to") or request.GET.get("to", "")
        names = {it.code: it.label for it in graph_of(row.workflow_version_id).leaving(row.state)}
        return {"heading": names.get(wanted, self.label), "title": names.get(wanted, self.label)}

    def run(self, deed: Deed[Order]) -> object:
        given = deed.form.cleaned_data
        services.move(
            order_id=deed.object.pk,
            transition_code=given["to"],
            expected_version=given["version"],
            reason=given["reason"],
            by=deed.by,
            at=deed.at,
        )
        return None


class Mark(ObjectAction[Order]):
    name = "mark"
    label = _("Flag and note")
    submit = _("Save")
    permission = MARK
    form_class = order_forms.MarkForm
    done = _("Saved.")

    def initial(self, row: Order) -> dict[str, object]:
        return {"flag": row.flag, "staff_note": row.staff_note}

    def run(self, deed: Deed[Order]) -> object:
        given, order_id = deed.form.cleaned_data, deed.object.pk
        services.set_flag(order_id=order_id, flag=given["flag"], by=deed.by, at=deed.at)
        services.set_staff_note(order_id=order_id, text=given["staff_note"], by=deed.by, at=deed.at)
        return None


class Note(ObjectAction[Order]):
    name = "note"
    label = _("Write a note")
    submit = _("Save")
    permission = MARK
    description = _("It stands in the timeline and stays there.")
    form_class = order_forms.NoteForm
    done = _("Saved.")

    def run(self, deed: Deed[Order]) -> object:
        services.add_note(order_id=deed.object.pk, text=deed.form.cleaned_data["text"], by=deed.by, at=deed.at)
        return None


class Tags(ObjectAction[Order]):
    name = "tags"
    label = _("Tags")
    submit = _("Save")
    permission = MARK
    form_class = order_forms.TagForm
    done = _("Saved.")

    def initial(self, row: Order) -> dict[str, object]:
        return {"tags": ", ".join(row.tags.order_by("name").values_list("name", flat=True))}

    def run(self, deed: Deed[Order]) -> object:
        wanted = set(split_terms(deed.form.cleaned_data["tags"]))
        have = set(deed.object.tags.values_list("name", flat=True))
        services.tag(order_id=deed.object.pk, add=wanted - have, remove=have - wanted, by=deed.by, at=deed.at)
        return None


class Reveal(ObjectAction[Order]):
    """Shows one masked field, and says so in the audit log. Asked by the page's script, or as a page of its own."""

    name = "reveal"
    label = _("Show it whole")
    permission = "customers.reveal_customer"
    description = _("Your name goes into the audit log, with what you looked at.")
    listed = False
    atomic = False  # looking twice is two looks
    form_class = order_forms.RevealForm

    def form(self, row: Order, request: HttpRequest, **given: Any) -> forms.Form:
        return order_forms.RevealForm(initial={"field": request.GET.get("field", "")}, **given)

    def run(self, deed: Deed[Order]) -> HttpResponse:
        text = self._text(deed)
        if deed.request.headers.get("X-Requested-With") == "fetch":
            return JsonResponse({"text": text}, headers={"Cache-Control": "no-store"})
        back = reverse("admin:orders_order_change", args=(deed.object.pk,))
        context = {"title": self.label, "text": text, "back": back}
        return TemplateResponse(deed.request, "backoffice/revealed.html", context)

    def _text(self, deed: Deed[Order]) -> str:
        order = deed.object

        def seen(row: SealedRow, field: str) -> str:
            return customers.reveal(row=row, field=field, by=deed.by, at=deed.at)

        match deed.form.cleaned_data["field"]:
            case "customer_phone":
                return seen(order.customer, "phone")
            case "phone":
                return seen(order, "recipient_phone")
        phone = seen(order, "recipient_phone") if order.recipient_phone else ""
        detail = seen(order, "detail") if order.detail else ""
        return " ".join(part for part in (order.recipient_name, phone, order.region, detail) if part)


class Why(ObjectAction[Order]):
    name = "why"
    label = _("Why is it here?")
    permission = "orders.view_order"
    template = "backoffice/orders/why.html"
    wide = True
    position = 90

    def context(self, row: Order, request: HttpRequest) -> dict[str, object]:
        return {"explanation": why_here(row, user=request.user)}  # type: ignore[arg-type]  # staff alone get here

    def run(self, deed: Deed[Order]) -> object:
        return _("Nothing was changed.")


def _number(text: str | None) -> int:
    return int(text) if text and text.isdecimal() and len(text) < 19 else 0


ACTIONS = (Ship(), CorrectTracking(), Close(), Move(), Mark(), Note(), Tags(), Reveal(), Why())
