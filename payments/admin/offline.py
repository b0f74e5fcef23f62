"""Recording on an order's page what was paid back outside the gateway."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from kernel.admin import Deed, ObjectAction, YuanField
from kernel.money import yuan
from kernel.once import token_of
from orders.models import Order

from .. import services
from ..models import Payment, Refund
from ..queries import Left, left_to_refund, refundable_payments
from ..services.shares import everything_first
from .refunding import label_of

ELSEWHERE = "elsewhere"
WAYS = [(way.value, way.label) for way in Refund.Way if way != Refund.Way.GATEWAY]


class RecordForm(forms.Form):
    """:param elsewhere_fen: of an imported order's money, what is left of it"""

    payment = forms.ChoiceField(label=gettext_lazy("Which money was paid back"), widget=forms.RadioSelect)
    amount = YuanField(label=gettext_lazy("Amount"), min_fen=1)
    shipping = YuanField(label=gettext_lazy("Of it shipping fee"), required=False)
    way = forms.ChoiceField(label=gettext_lazy("How it was paid back"), choices=WAYS, widget=forms.RadioSelect)
    reason = forms.CharField(
        label=gettext_lazy("Reason, and the number of the receipt"),
        max_length=200,
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    tells_customer = forms.BooleanField(
        label=gettext_lazy("Write to the customer that the money went back"),
        required=False,
        widget=forms.CheckboxInput(attrs={"style": "width:auto;align-self:flex-start"}),
    )

    def __init__(self, *args: Any, payments: list[Payment], elsewhere_fen: int, left: Left, **options: Any) -> None:
        super().__init__(*args, **options)
        self.left = left
        chosen = self.fields["payment"]
        assert isinstance(chosen, forms.ChoiceField)  # noqa: S101 - declared above
        chosen.choices = [(str(it.pk), label_of(it)) for it in payments]
        if elsewhere_fen:
            text = _("Collected elsewhere, %(left)s of it left") % {"left": yuan(elsewhere_fen)}
            chosen.choices = [*chosen.choices, (ELSEWHERE, text)]
        if len(chosen.choices) == 1:
            self.initial.setdefault("payment", chosen.choices[0][0])
        if not left.shipping_fen:
            self.fields["shipping"].widget = forms.HiddenInput()

    def share(self) -> services.Share:
        given = self.cleaned_data
        if given["shipping"] is None:
            return everything_first(amount_fen=given["amount"], left=self.left)
        return services.Share(amount_fen=given["amount"], shipping_fen=given["shipping"])


class RecordRefund(ObjectAction[Order]):
    """On an order; asked for every row of a list, so nothing here queries before the form is opened."""

    name = "record_refund"
    label = gettext_lazy("Record money paid back")
    permission = "payments.settle_refund"
    description = gettext_lazy(
        "For money that went back outside the gateway, by bank transfer or in cash. Nothing is sent; it is booked, and "
        "counts against what can be refunded."
    )
    submit = gettext_lazy("Record it")
    done = gettext_lazy("Recorded. The audit log keeps the reason.")
    dangerous = True
    position = 90

    def applies(self, row: Order) -> bool:
        return row.paid_fen > 0

    def refusal(self, row: Order) -> object:
        return "" if row.paid_fen > row.refunded_fen else _("All that was paid is refunded.")

    def form(self, row: Order, request: HttpRequest, **given: Any) -> forms.Form:
        return RecordForm(
            payments=refundable_payments(order=row),
            elsewhere_fen=services.elsewhere_left(order=row),
            left=left_to_refund(order=row),
            **given,
        )

    def run(self, deed: Deed[Order]) -> object:
        given = deed.form.cleaned_data
        paid_back = services.PaidBack(
            order_id=deed.object.pk,
            payment_id=None if given["payment"] == ELSEWHERE else int(given["payment"]),
            share=deed.form.share(),
            way=given["way"],
            reason=given["reason"],
            tells_customer=given["tells_customer"],
        )
        services.record_offline_refund(paid_back=paid_back, key=f"form:{token_of(deed.key)}", by=deed.by, at=deed.at)
        return None
