from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext_lazy as _

from kernel.admin import BackofficeAdmin, Tab, actor, counts_of, is_active
from kernel.clock import now
from kernel.models import Category

from ..models import Order
from ..queries import ATTENTION, IN_AFTERSALES, PARTLY_SHIPPED, find_order_ids, split_terms
from . import actions, bulk, exporting, filters, importing, page, rows, slips
from .buttons import buttons_of
from .creating import create_view
from .editing import EditOrder
from .listing import OrderColumns
from .panels import PANELS

FOUND = "_bo_found"
LIST_ACTIONS = (*bulk.LIST, slips.print_selected, exporting.export_selected)
TAB_FILTERS = ("category__exact", "fulfillment_status__exact", "aftersales_status__exact", "attention")
URGENT = (Category.AWAITING_FULFILLMENT, IN_AFTERSALES, ATTENTION)
PARTLY: dict[str, str] = {
    "category__exact": Category.AWAITING_FULFILLMENT,
    "fulfillment_status__exact": Order.FulfillmentStatus.PARTIALLY_FULFILLED,
}
TABS: tuple[tuple[Any, dict[str, str], str], ...] = (
    (_("All"), {}, ""),
    (_("Awaiting payment"), {"category__exact": Category.PENDING_PAYMENT}, Category.PENDING_PAYMENT),
    (_("To ship"), {"category__exact": Category.AWAITING_FULFILLMENT}, Category.AWAITING_FULFILLMENT),
    (_("Partly shipped"), PARTLY, PARTLY_SHIPPED),
    (_("Shipped"), {"category__exact": Category.IN_TRANSIT}, ""),
    (_("Completed"), {"category__exact": Category.COMPLETED}, ""),
    (_("Closed"), {"category__exact": Category.CLOSED}, ""),
    (_("In after-sales"), {"aftersales_status__exact": Order.AftersalesStatus.OPEN}, IN_AFTERSALES),
    (_("Problems"), {"attention": "yes"}, ATTENTION),
)


@admin.register(Order)
class OrderAdmin(OrderColumns, BackofficeAdmin[Order]):
    """
    The order list and the order page. An order changes through services alone: there is no form of its columns.

    Upper apps add with `contribute(OrderAdmin, …)`; `applies` and `refusal` of their actions are asked for every row
    of a list and must not query.
    """

    list_display = (
        "flag_cell",
        "number",
        "goods",
        "customer_cell",
        "amount",
        "payment",
        "shipping",
        "state_cell",
        "next_step",
    )
    list_display_links = None
    list_filter = (
        "placed_at",
        filters.LateFilter,
        "payment_status",
        "fulfillment_status",
        "flag",
        filters.NoteFilter,
        filters.TypeFilter,
        filters.AttentionFilter,
        "close_reason",
    )
    list_select_related = ("customer__type",)
    search_fields = ("order_no",)
    search_help_text = _("Order, payment, refund or tracking number, phone, name, SKU; paste up to 200 numbers")
    ordering = ("-placed_at", "-pk")
    show_facets = admin.ShowFacets.NEVER
    object_actions = (*actions.ACTIONS, EditOrder(), slips.PrintSlip())
    panels = PANELS

    # ------------------------------------------------------------------ the list

    def tabs(self, request: HttpRequest) -> Sequence[Tab]:
        counts = counts_of(request)
        return [
            Tab(
                title=title,
                query="&".join(f"{name}={value}" for name, value in wanted.items()),
                count=counts.get(f"orders:{category}") if category else None,
                urgent=category in URGENT,
                active=is_active(request, TAB_FILTERS, wanted),
            )
            for title, wanted, category in TABS
        ]

    def list_buttons(self, request: HttpRequest) -> Sequence[tuple[object, str]]:
        person = actor(request)
        found: list[tuple[object, str]] = []
        if person.has_perm(importing.PERMISSION):
            found.append((_("Import"), reverse("admin:orders_import")))
        if person.has_perm(exporting.PERMISSION):
            found.append((_("Export"), exporting.address(request)))
        return found

    def get_actions(self, request: HttpRequest) -> Any:
        return bulk.offered(request, LIST_ACTIONS)

    def prepare_rows(self, request: HttpRequest, found: list[Order]) -> None:
        super().prepare_rows(request, found)
        here = request.get_full_path()
        rows.load(found, at=now(), back=here, may_mark=actor(request).has_perm(actions.MARK))
        for order in found:
            rows.shown_of(order).buttons = buttons_of(self, request, order, back=here)
            setattr(order, "link", page.address(order, request.GET.urlencode()))  # noqa: B010

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Order], search_term: str
    ) -> tuple[QuerySet[Order], bool]:
        if not search_term.strip():
            return queryset, False
        return queryset.filter(pk__in=self._found(request, search_term)), False

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """One number that means one order opens it."""
        term = request.GET.get("q", "")
        terms = split_terms(term)
        is_number = len(terms) == 1 and any(letter.isdigit() for letter in term)
        if is_number and request.method == "GET" and self.has_view_permission(request):
            found = self._found(request, term)
            if len(found) == 1:
                return HttpResponseRedirect(reverse("admin:orders_order_change", args=(found[0],)))
        response: HttpResponse = super().changelist_view(request, extra_context)
        return response

    # ------------------------------------------------------------------ the page

    def get_urls(self) -> list[URLPattern]:
        beside = self.admin_site.admin_view(self.neighbour_view)
        return [
            *importing.urls(self),
            *exporting.urls(self),
            *bulk.urls(self),
            *slips.urls(self),
            path("<int:order_id>/beside/<str:way>/", beside, name="orders_order_beside"),
            *super().get_urls(),
        ]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return page.page_view(self, request, object_id)

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return create_view(self, request)

    def neighbour_view(self, request: HttpRequest, order_id: int, way: str) -> HttpResponse:
        return page.neighbour_view(self, request, order_id, way)

    def _found(self, request: HttpRequest, term: str) -> list[int]:
        if not hasattr(request, FOUND):
            setattr(request, FOUND, find_order_ids(term))
        found: list[int] = getattr(request, FOUND)
        return found
