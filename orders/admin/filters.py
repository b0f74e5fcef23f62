from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.cache import cache
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from customers.models import CustomerType
from kernel.clock import now
from kernel.models import Category

from ..models import Order
from ..queries import NEEDS_ATTENTION

TYPES_KEY, TYPES_SECONDS = "orders:customer-types", 60


class AttentionFilter(admin.SimpleListFilter):
    title = _("attention")
    parameter_name = "attention"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("yes", _("Problems and contradictions"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Order]) -> QuerySet[Order]:
        return queryset.filter(NEEDS_ATTENTION) if self.value() else queryset


class NoteFilter(admin.SimpleListFilter):
    title = _("merchant note")
    parameter_name = "noted"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("yes", _("With a note")), ("no", _("Without"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Order]) -> QuerySet[Order]:
        if self.value() is None:
            return queryset
        return queryset.filter(staff_note="") if self.value() == "no" else queryset.exclude(staff_note="")


class TypeFilter(admin.SimpleListFilter):
    """By type of customer; the types are remembered for a minute, which saves every list a query."""

    title = _("customer type")
    parameter_name = "customer_type"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        types: list[CustomerType] = cache.get_or_set(TYPES_KEY, _types, TYPES_SECONDS) or []
        return [(row.code, str(row)) for row in types]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Order]) -> QuerySet[Order]:
        return queryset.filter(customer__type__code=self.value()) if self.value() else queryset


class LateFilter(admin.SimpleListFilter):
    title = _("deadline")
    parameter_name = "late"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("ship", _("Late to ship"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Order]) -> QuerySet[Order]:
        if not self.value():
            return queryset
        return queryset.filter(category=Category.AWAITING_FULFILLMENT, ship_by__lt=now())


def _types() -> list[CustomerType]:
    return list(CustomerType.objects.order_by("position", "pk"))
