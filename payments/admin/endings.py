"""What becomes of unapplied money that its gateway does not give back: recorded as paid back otherwise, or kept."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from kernel import counters
from kernel.admin import Deed, ObjectAction
from kernel.clock import now
from kernel.money import yuan

from .. import services
from ..models import UnappliedMoney
from ..queries import left_in_suspense
from ..services import endings
from .counts import GROUP
from .offline import WAYS

Action = UnappliedMoney.Action


class OutsideForm(forms.Form):
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

    def __init__(self, *args: Any, money: UnappliedMoney, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["way"].help_text = _booked(money)
        if money.order is None:
            del self.fields["tells_customer"]


class ReasonForm(forms.Form):
    reason = forms.CharField(label=gettext_lazy("Reason"), max_length=200, widget=forms.Textarea(attrs={"rows": 2}))


class KeepForm(ReasonForm):
    def __init__(self, *args: Any, money: UnappliedMoney, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["reason"].help_text = _booked(money)


def _booked(money: UnappliedMoney) -> str:
    return _("%(amount)s is booked, all that is left of it.") % {"amount": yuan(left_in_suspense(money))}


class PayBackOutside(ObjectAction[UnappliedMoney]):
    name = "outside"
    label = gettext_lazy("Record money paid back")
    permission = "payments.settle_refund"
    description = gettext_lazy(
        "For money that its gateway does not give back, or not any more, and that went back by bank transfer or in "
        "cash. Nothing is sent; all that is left of it is booked as paid back."
    )
    submit = gettext_lazy("Record it")
    done = gettext_lazy("Recorded. The audit log keeps the reason.")
    dangerous = True
    position = 30

    def applies(self, row: UnappliedMoney) -> bool:
        return row.resolved_at is None

    def is_next(self, row: UnappliedMoney) -> bool:
        return self.applies(row) and services.proposal_now(row, at=now()) == Action.OUTSIDE

    def form(self, row: UnappliedMoney, request: HttpRequest, **given: Any) -> forms.Form:
        return OutsideForm(money=row, **given)

    def run(self, deed: Deed[UnappliedMoney]) -> object:
        given = deed.form.cleaned_data
        endings.pay_back_outside(
            unapplied_id=deed.object.pk,
            way=given["way"],
            reason=given["reason"],
            tells_customer=given.get("tells_customer", False),
            by=deed.by,
            at=deed.at,
        )
        counters.recount(GROUP, at=deed.at)
        return None


class KeepAsIncome(ObjectAction[UnappliedMoney]):
    name = "keep"
    label = gettext_lazy("Keep as other income")
    permission = "payments.keep_unappliedmoney"
    description = gettext_lazy(
        "For money that cannot be given back: nobody knows to whom, or whoever paid does not want it. It is booked as "
        "other income, with the reason, and can be taken up again."
    )
    submit = gettext_lazy("Keep it")
    dangerous = True
    position = 40

    def applies(self, row: UnappliedMoney) -> bool:
        return row.resolved_at is None

    def form(self, row: UnappliedMoney, request: HttpRequest, **given: Any) -> forms.Form:
        return KeepForm(money=row, **given)

    def run(self, deed: Deed[UnappliedMoney]) -> object:
        kept_fen = left_in_suspense(deed.object)
        reason = deed.form.cleaned_data["reason"]
        endings.keep_as_income(unapplied_id=deed.object.pk, reason=reason, by=deed.by, at=deed.at)
        counters.recount(GROUP, at=deed.at)
        return _("%(amount)s is booked as other income.") % {"amount": yuan(kept_fen)}


class TakeUpKept(ObjectAction[UnappliedMoney]):
    name = "take_up"
    label = gettext_lazy("Take up again")
    permission = "payments.keep_unappliedmoney"
    description = gettext_lazy("The booking is reversed, and the money is to be dealt with again.")
    done = gettext_lazy("It is to be dealt with again.")
    form_class = ReasonForm
    position = 50

    def applies(self, row: UnappliedMoney) -> bool:
        return row.resolution == Action.INCOME

    def run(self, deed: Deed[UnappliedMoney]) -> object:
        reason = deed.form.cleaned_data["reason"]
        endings.take_up_kept(unapplied_id=deed.object.pk, reason=reason, by=deed.by, at=deed.at)
        counters.recount(GROUP, at=deed.at)
        return None
