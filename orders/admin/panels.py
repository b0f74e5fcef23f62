"""The cards on an order's page. Each knows how to fetch what it shows, in at most one query."""

from __future__ import annotations

from typing import Any

from django.db.models import F
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from kernel.admin import Panel, actor
from kernel.phones import mask_address, mask_name, mask_phone

from ..models import Order, OrderEvent, Shipment
from ..queries import timeline_sentences
from .listing import flag_link, source_name

EVENTS = 50  # of the timeline on one page
REVEAL = "customers.reveal_customer"


def goods(request: HttpRequest, order: Order) -> dict[str, object]:
    return {"lines": order.lines.order_by("line_no")}


def parcels(request: HttpRequest, order: Order) -> dict[str, object]:
    """Parcels with what is in them, in one query."""
    rows = (
        Shipment.objects.filter(order=order)
        .order_by("parcel_no", "lines__pk")
        .values(
            "pk",
            "parcel_no",
            "carrier_name",
            "tracking_no",
            "shipped_at",
            "corrections",
            title=F("lines__line__title"),
            pieces=F("lines__quantity"),
        )
    )
    found: dict[int, dict[str, Any]] = {}
    for row in rows:
        parcel = found.setdefault(row["pk"], {**row, "contents": []})
        if row["title"]:
            parcel["contents"].append((row["title"], row["pieces"]))
    return {"parcels": list(found.values()), "may_ship": actor(request).has_perm("orders.ship_order")}


def timeline(request: HttpRequest, order: Order) -> dict[str, object]:
    """Newest first, fifty at a time, filtered by kind."""
    kind = request.GET.get("kind", "")
    number = request.GET.get("events", "1")
    page = max(int(number), 1) if number.isdecimal() and len(number) < 7 else 1
    events = OrderEvent.objects.filter(order=order).select_related("by").order_by("-seq")
    if kind in OrderEvent.Kind.values:
        events = events.filter(kind=kind)
    shown = list(events[(page - 1) * EVENTS : page * EVENTS + 1])
    for event in shown:
        event.order = order  # sentences name states, which the order's workflow knows
    kinds = [("", _("All")), *OrderEvent.Kind.choices]
    return {
        "entries": timeline_sentences(shown[:EVENTS]),
        "kinds": [(code, label, _query(request, kind=code)) for code, label in kinds],
        "kind": kind,
        "older": _query(request, kind=kind, events=str(page + 1)) if len(shown) > EVENTS else "",
        "newer": _query(request, kind=kind, events=str(page - 1)) if page > 1 else "",
    }


def customer(request: HttpRequest, order: Order) -> dict[str, object]:
    person = order.customer
    return {
        "customer": person,
        "name": mask_name(person.name),
        "phone": mask_phone(person.phone),
        "may_reveal": actor(request).has_perm(REVEAL),
        "may_see": actor(request).has_perm("customers.view_customer"),
        "back": request.get_full_path(),
    }


def postal(request: HttpRequest, order: Order) -> dict[str, object] | None:
    if not (order.recipient_name or order.region or order.detail_sealed):
        return None
    return {
        "name": mask_name(order.recipient_name),
        "phone": mask_phone(order.recipient_phone),
        "detail": mask_address(order.detail),
        "may_reveal": actor(request).has_perm(REVEAL),
        "back": request.get_full_path(),
    }


def notes(request: HttpRequest, order: Order) -> dict[str, object]:
    may = actor(request).has_perm("orders.note_order")
    flag = flag_link(order, back=request.get_full_path(), may=may)
    return {"flag": flag, "tags": order.tags.order_by("name"), "may_mark": may, "back": request.get_full_path()}


def internal(request: HttpRequest, order: Order) -> dict[str, object]:
    return {"source": source_name(order)}


def _query(request: HttpRequest, **changes: str) -> str:
    given = request.GET.copy()
    for name, value in {"events": "", **changes}.items():
        given.pop(name, None)
        if value:
            given[name] = value
    return given.urlencode()


def _panel(name: str, title: object, context: Any, *, position: int, side: bool = False) -> Panel:
    template = f"backoffice/orders/{name}.html"
    return Panel(name=name, title=title, template=template, context=context, side=side, position=position)


PANELS = (
    _panel("goods", gettext_lazy("Goods and amounts"), goods, position=10),
    _panel("parcels", gettext_lazy("Parcels"), parcels, position=30),
    _panel("timeline", gettext_lazy("Timeline"), timeline, position=80),
    _panel("customer", gettext_lazy("Customer"), customer, position=10, side=True),
    _panel("postal", gettext_lazy("Shipping address"), postal, position=20, side=True),
    _panel("notes", gettext_lazy("Notes and tags"), notes, position=30, side=True),
    _panel("internal", gettext_lazy("Internal"), internal, position=90, side=True),
)
