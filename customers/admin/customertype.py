from __future__ import annotations

from django.contrib import admin

from kernel.admin import BackofficeAdmin

from ..models import CustomerType


@admin.register(CustomerType)
class CustomerTypeAdmin(BackofficeAdmin[CustomerType]):
    list_display = ("name", "name_en", "code", "glyph", "position")
    ordering = ("position", "pk")
    fields = (("name", "name_en"), ("code", "glyph"), "position")
