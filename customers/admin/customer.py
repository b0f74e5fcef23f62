from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from kernel.admin import BackofficeAdmin, BackofficeModelForm, Panel, PhoneField, actor, badge, masked
from kernel.clock import now
from kernel.phones import mask_address, mask_name, mask_phone, normalise, phone_columns
from kernel.sequences import next_number

from ..models import Customer
from ..queries import search
from .actions import AddAddress, Reveal

REVEAL = "customers.reveal_customer"
SERIES = "customer"


class CustomerForm(BackofficeModelForm[Customer]):
    """A phone is typed here and never shown; an empty field keeps the one that is there."""

    new_phone = PhoneField(label=_("Phone"), required=False, help_text=_("Empty keeps the number that is on record."))

    class Meta:
        model = Customer
        fields = ("name", "type", "email", "note", "is_blocked")

    def save(self, commit: bool = True) -> Customer:
        phone = normalise(self.cleaned_data["new_phone"])
        if phone:
            self.instance.phone = phone
            for column, value in phone_columns(phone, prefix="phone_").items():
                setattr(self.instance, column, value)
        saved: Customer = super().save(commit)
        return saved


def addresses(request: HttpRequest, customer: Customer) -> dict[str, object]:
    rows = customer.addresses.order_by("kind", "-is_default", "pk")
    return {
        "rows": [
            {
                "address": row,
                "name": mask_name(row.recipient_name),
                "phone": mask_phone(row.recipient_phone),
                "detail": mask_address(row.detail),
            }
            for row in rows
        ],
        "may_reveal": actor(request).has_perm(REVEAL),
    }


@admin.register(Customer)
class CustomerAdmin(BackofficeAdmin[Customer]):
    """Who buys. Names, phones and addresses are masked; whoever may see them whole is named in the audit log."""

    form = CustomerForm
    list_display = ("customer_no", "masked_name", "type", "masked_phone", "blocked", "created_at")
    list_filter = ("type", "is_blocked", "created_at")
    list_select_related = ("type",)
    search_fields = ("customer_no",)
    search_help_text = _("Customer number, phone, its last four digits, or the beginning of the name")
    ordering = ("-pk",)
    fields = (
        ("customer_no", "created_at"),
        ("name", "type"),
        ("masked_phone", "new_phone"),
        "email",
        "note",
        "is_blocked",
    )
    masked_fields = (
        ("customer_no", "created_at"),
        ("masked_name", "type"),
        ("masked_phone", "masked_email"),
        ("note", "is_blocked"),
    )
    readonly_fields = ("customer_no", "created_at", "masked_name", "masked_phone", "masked_email")
    object_actions = (AddAddress(), Reveal())
    private_fields = ("name", "email", "note")
    panels = (
        Panel(
            name="addresses", title=_("Addresses"), template="backoffice/customers/addresses.html", context=addresses
        ),
    )

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Customer], search_term: str
    ) -> tuple[QuerySet[Customer], bool]:
        if not search_term.strip():
            return queryset, False
        return queryset.filter(pk__in=[customer.pk for customer in search(search_term)]), False

    def has_change_permission(self, request: HttpRequest, obj: Customer | None = None) -> bool:
        return super().has_change_permission(request, obj) and not (obj and obj.is_anonymous)

    def get_fields(self, request: HttpRequest, obj: Customer | None = None) -> Any:
        """Whoever may not change a customer sees nothing whole."""
        may = self.has_change_permission(request, obj) if obj else self.has_add_permission(request)
        return self.fields if may else self.masked_fields

    def save_model(self, request: HttpRequest, obj: Customer, form: Any, change: bool) -> None:
        if not change:
            obj.customer_no, obj.created_at = next_number(SERIES, at=now()), now()
        super().save_model(request, obj, form, change)

    @admin.display(description=_("name"), ordering="name")
    def masked_name(self, row: Customer) -> str:
        return mask_name(row.name)

    @admin.display(description=_("phone"))
    def masked_phone(self, row: Customer) -> SafeString:
        return masked(mask_phone(row.phone))

    @admin.display(description=_("e-mail"))
    def masked_email(self, row: Customer) -> SafeString:
        name, at, host = row.email.partition("@")
        return masked(f"{name[:1]}***{at}{host}" if at else "")

    @admin.display(description=_("blocked"), ordering="is_blocked")
    def blocked(self, row: Customer) -> SafeString | str:
        return badge(_("Blocked"), glyph="✕", tone="bad") if row.is_blocked else ""
