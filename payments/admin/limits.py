"""On the page of a payment account: which orders it collects for."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.http import HttpRequest
from django.utils.translation import gettext_lazy

from customers.models import CustomerType
from kernel.admin import Deed, ObjectAction, YuanField, contribute

from .. import services
from ..models import GatewayAccount
from .account import GatewayAccountAdmin

LONGEST = 24  # of an order type
SEPARATORS = re.compile(r"[\s,，、;；]+")


class LimitsForm(forms.Form):
    min_fen = YuanField(
        label=gettext_lazy("Smallest amount"),
        required=False,
        help_text=gettext_lazy("In yuan, of one payment. Empty: as little as the gateway takes."),
    )
    max_fen = YuanField(
        label=gettext_lazy("Largest amount"),
        required=False,
        help_text=gettext_lazy("In yuan, of one payment. Empty: as much as the gateway takes."),
    )
    customer_types = forms.MultipleChoiceField(
        label=gettext_lazy("Only for customers of these types"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("None chosen: for everybody."),
    )
    order_types = forms.CharField(
        label=gettext_lazy("Only for orders of these types"),
        required=False,
        max_length=400,
        help_text=gettext_lazy("Separated by commas, such as payment_order. Empty: for all orders."),
    )

    def __init__(self, *given: Any, **options: Any) -> None:
        super().__init__(*given, **options)
        chosen = self.fields["customer_types"]
        assert isinstance(chosen, forms.MultipleChoiceField)  # noqa: S101 - declared above
        chosen.choices = [(row.code, str(row)) for row in CustomerType.objects.order_by("position", "pk")]

    def clean_order_types(self) -> list[str]:
        given = SEPARATORS.split(self.cleaned_data["order_types"])
        return list(dict.fromkeys(code[:LONGEST] for code in given if code))


class SetLimits(ObjectAction[GatewayAccount]):
    name = "limits"
    label = gettext_lazy("Limits and eligibility")
    permission = "payments.change_gatewayaccount"
    description = gettext_lazy(
        "The pay page offers this account to the orders that fit. What is being paid already goes on."
    )
    position = 80

    def form(self, row: GatewayAccount, request: HttpRequest, **given: Any) -> forms.Form:
        shown = {
            "min_fen": row.min_fen,
            "max_fen": row.max_fen,
            "customer_types": row.customer_types,
            "order_types": ", ".join(row.order_types),
        }
        return LimitsForm(initial=shown, **given)

    def run(self, deed: Deed[GatewayAccount]) -> object:
        limits = services.Limits(**deed.form.cleaned_data)
        services.set_limits(account_id=deed.object.pk, limits=limits, by=deed.by, at=deed.at)
        return None


contribute(GatewayAccountAdmin, actions=(SetLimits(),))
