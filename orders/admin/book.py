"""The books that orders draw on: products, carriers, tags."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from kernel.admin import BackofficeAdmin, fen

from ..models import Carrier, Product, Tag


@admin.register(Product)
class ProductAdmin(BackofficeAdmin[Product]):
    list_display = ("title", "sku", "category", "price", "is_active")
    list_filter = ("is_active",)
    search_fields = ("sku", "title")
    search_help_text = _("SKU or title")
    ordering = ("title", "pk")
    fields = (("sku", "title"), ("category", "price_fen"), ("tax_category_code", "tax_rate_permille"), "is_active")
    price = fen("price_fen", _("price"))


@admin.register(Carrier)
class CarrierAdmin(BackofficeAdmin[Carrier]):
    list_display = ("name", "name_en", "code", "prefixes", "is_active", "position")
    list_filter = ("is_active",)
    search_fields = ("code", "name", "name_en")
    ordering = ("position", "pk")


@admin.register(Tag)
class TagAdmin(BackofficeAdmin[Tag]):
    list_display = ("name",)
    search_fields = ("name",)
    ordering = ("name",)

    def has_delete_permission(self, request: HttpRequest, obj: Tag | None = None) -> bool:
        return super(BackofficeAdmin, self).has_delete_permission(request, obj)  # a tag means nothing by itself
