"""On the page of a payment account: which orders it collects for."""

from __future__ import annotations

import re
from copy import deepcopy
from dataclasses import asdict
from typing import Any

from django import forms
from django.http import HttpRequest
from django.utils.translation import gettext_lazy

from customers.models import CustomerType
from kernel.admin import Deed, ObjectAction, YuanField, contribute

from ..models import GatewayAccount
from ..services.limits import Limits, limits_of, limits_of_way, set_limits
from ..services.words import METHODS
from .account import GatewayAccountAdmin

LONGEST = 24  # of an order type
SEPARATORS = re.compile(r"[\s,，、;；]+")


def _customer_types() -> list[tuple[str, str]]:
    return [(row.code, str(row)) for row in CustomerType.objects.order_by("position", "pk")]


class CodesField(forms.CharField):
    """Codes in one line, separated as people do."""

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        given = SEPARATORS.split(super().to_python(value) or "")
        return list(dict.fromkeys(code[:LONGEST] for code in given if code))


class LimitsForm(forms.Form):
    """Those of the whole account, and the same for each of its ways to pay."""

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
        choices=_customer_types,
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("None chosen: for everybody."),
    )
    order_types = CodesField(
        label=gettext_lazy("Only for orders of these types"),
        required=False,
        max_length=400,
        help_text=gettext_lazy("Separated by commas, such as payment_order. Empty: for all orders."),
    )

    def __init__(self, *given: Any, account: GatewayAccount, **options: Any) -> None:
        shown = _shown(limits_of(account))
        for method in account.methods:
            shown |= _shown(limits_of_way(account, method), way=method)
        super().__init__(*given, **{**options, "initial": shown})
        self.ways: list[str] = account.methods
        for method in self.ways:
            for name, asked in self.base_fields.items():
                field = deepcopy(asked)
                if isinstance(field, YuanField):
                    field.help_text = gettext_lazy("In yuan. Empty: as for the whole account.")
                self.fields[_name(name, method)] = field

    @property
    def sections(self) -> list[tuple[str, list[forms.BoundField], bool]]:
        """Heading, fields, and whether something is set or wrong in them."""
        parts = [(str(gettext_lazy("The whole account")), "")]
        parts += [(str(METHODS.get(method, method)), method) for method in self.ways]
        found = [(label, [self[_name(name, way)] for name in self.base_fields]) for label, way in parts]
        return [(label, fields, any(field.value() or field.errors for field in fields)) for label, fields in found]

    def limits(self, way: str = "") -> Limits:
        return Limits(**{name: self.cleaned_data[_name(name, way)] for name in self.base_fields})


def _name(field: str, way: str) -> str:
    return f"{way}-{field}" if way else field


def _shown(limits: Limits, *, way: str = "") -> dict[str, Any]:
    return {
        _name(name, way): list(value) if isinstance(value, tuple) else value for name, value in asdict(limits).items()
    }


class SetLimits(ObjectAction[GatewayAccount]):
    name = "limits"
    label = gettext_lazy("Limits and eligibility")
    permission = "payments.change_gatewayaccount"
    template = "backoffice/limits.html"
    submit = gettext_lazy("Save")
    description = gettext_lazy(
        "The pay page offers this account to the orders that fit, and of its ways to pay those that fit, too. What is "
        "being paid already goes on."
    )
    position = 80

    def form(self, row: GatewayAccount, request: HttpRequest, **given: Any) -> forms.Form:
        return LimitsForm(account=row, **given)

    def run(self, deed: Deed[GatewayAccount]) -> object:
        form = deed.form
        assert isinstance(form, LimitsForm)  # noqa: S101 - made above
        ways = {method: form.limits(method) for method in form.ways}
        set_limits(account_id=deed.object.pk, limits=form.limits(), ways=ways, by=deed.by, at=deed.at)
        return None


contribute(GatewayAccountAdmin, actions=(SetLimits(),))
