"""The page of one order: everything about it at once, in a fixed number of queries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import parse_qsl

from django.core.exceptions import PermissionDenied
from django.db.models import Case, Count, IntegerField, OuterRef, Q, QuerySet, Subquery, Value, When
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from kernel.admin import BackofficeAdmin, Panel
from kernel.clock import now

from ..models import Order
from . import looks
from .buttons import buttons_of, next_of

FILTERS = "_changelist_filters"


@dataclass(frozen=True, slots=True)
class Stage:
    title: object
    at: datetime | None
    ended: bool = False


def address(order: Order, filters: str = "") -> str:
    """The order's page; it remembers the list it was reached from."""
    url = reverse("admin:orders_order_change", args=(order.pk,))
    return f"{url}?{urlencode({FILTERS: filters})}" if filters else url


def page_view(admin: BackofficeAdmin[Order], request: HttpRequest, object_id: str) -> HttpResponse:
    if request.method == "POST" or not admin.has_view_permission(request):
        raise PermissionDenied  # an order has no form: each act has an address of its own
    order = _orders().filter(pk=object_id).first() if object_id.isdecimal() and len(object_id) < 19 else None
    if order is None:
        return admin.not_there(request, object_id)
    here = request.get_full_path()
    buttons = buttons_of(admin, request, order, back=here)
    filters = request.GET.get(FILTERS, "")
    primary = next_of(buttons)
    panels = admin.panels_for(request, order)
    context = {
        **admin.admin_site.each_context(request),
        "title": _("Order %(order_no)s") % {"order_no": order.order_no},
        "opts": admin.opts,
        "order": order,
        "original": order,
        "badges": [looks.state_badge(order), looks.payment_badge(order), looks.fulfillment_badge(order)],
        "extra_badges": [looks.disagreement(order), looks.aftersales_badge(order)],
        "deadline": looks.deadline(order, at=now()),
        "stages": _stages(order),
        "primary": primary,
        "beside": [it for it in buttons if it.beside and not it.reason and it is not primary],
        "others": [it for it in buttons if it is not primary],
        "key": order.pk,
        "refundable_fen": next((it["refundable_fen"] for it in panels if "refundable_fen" in it), None),
        "main": [it for it in panels if not _panel(it).side],
        "side": [it for it in panels if _panel(it).side],
        "filters": filters,
        "back_to_list": f"{reverse('admin:orders_order_changelist')}?{filters}",
    }
    return TemplateResponse(request, "backoffice/orders/page.html", context, headers={"Cache-Control": "no-store"})


def neighbour_view(admin: BackofficeAdmin[Order], request: HttpRequest, order_id: int, way: str) -> HttpResponse:
    """To the order above or below this one in the list that was left."""
    if not admin.has_view_permission(request):
        raise PermissionDenied
    order = Order.objects.filter(pk=order_id).only("pk", "placed_at").first()
    if order is None:
        raise Http404
    filters = request.GET.get(FILTERS, "")
    listed = _listed(admin, request, filters)
    older = Q(placed_at__lt=order.placed_at) | Q(placed_at=order.placed_at, pk__lt=order.pk)
    newer = Q(placed_at__gt=order.placed_at) | Q(placed_at=order.placed_at, pk__gt=order.pk)
    found = (
        listed.filter(older).order_by("-placed_at", "-pk").first()
        if way == "next"
        else listed.filter(newer).order_by("placed_at", "pk").first()
    )
    if found is None:
        return HttpResponseRedirect(f"{reverse('admin:orders_order_changelist')}?{filters}")
    return HttpResponseRedirect(address(found, filters))


def _listed(admin: BackofficeAdmin[Order], request: HttpRequest, filters: str) -> QuerySet[Order]:
    """The rows of the list with these filters."""
    wanted = dict(parse_qsl(filters))
    given = request.GET.copy()
    given.clear()
    given.update({name: value for name, value in wanted.items() if name not in {"p", "o", "all"}})
    request.GET = given  # type: ignore[assignment]  # a list is made from the request's filters
    return admin.get_changelist_instance(request).get_queryset(request)


def _panel(shown: Mapping[str, object]) -> Panel:
    panel = shown["panel"]
    assert isinstance(panel, Panel)  # noqa: S101 - `panels_for` puts it there
    return panel


def _orders() -> QuerySet[Order]:
    """With the customer and how many orders they placed; nobody counts those of the nameless."""
    theirs = Order.objects.filter(customer=OuterRef("customer")).order_by().values("customer").annotate(n=Count("pk"))
    count = Case(
        When(customer__anonymous_for__isnull=True, then=Subquery(theirs.values("n"))),
        default=Value(0),
        output_field=IntegerField(),
    )
    return Order.objects.select_related("customer__type", "import_job").annotate(orders_of_customer=count)


def _stages(order: Order) -> list[Stage]:
    reached = [Stage(gettext_lazy("Placed"), order.placed_at), Stage(gettext_lazy("Paid"), order.paid_at)]
    if order.is_closed:
        return [*(it for it in reached if it.at), Stage(gettext_lazy("Closed"), order.closed_at, ended=True)]
    shipped = Stage(gettext_lazy("Shipped"), order.shipped_at)
    return [*reached, shipped, Stage(gettext_lazy("Completed"), order.completed_at)]
