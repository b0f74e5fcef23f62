"""The form that sends a refund elsewhere, because the customer's card or account did not take it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from kernel import counters
from kernel.admin import Deed, ObjectAction

from ..models import Refund
from ..services.refund_detours import Card, can_redirect, redirect_refund
from .counts import GROUP
from .refunding import outcome_of

CARD, SHOP = "card", "shop"
BANKS = {  # WeChat Pay's table of bank types (银行类型), its debit cards
    "ICBC_DEBIT": gettext_lazy("Industrial and Commercial Bank of China"),
    "ABC_DEBIT": gettext_lazy("Agricultural Bank of China"),
    "BOC_DEBIT": gettext_lazy("Bank of China"),
    "CCB_DEBIT": gettext_lazy("China Construction Bank"),
    "COMM_DEBIT": gettext_lazy("Bank of Communications"),
    "PSBC_DEBIT": gettext_lazy("Postal Savings Bank of China"),
    "CMB_DEBIT": gettext_lazy("China Merchants Bank"),
    "SPDB_DEBIT": gettext_lazy("Shanghai Pudong Development Bank"),
    "CIB_DEBIT": gettext_lazy("Industrial Bank"),
    "CITIC_DEBIT": gettext_lazy("China CITIC Bank"),
    "CEB_DEBIT": gettext_lazy("China Everbright Bank"),
    "CMBC_DEBIT": gettext_lazy("China Minsheng Bank"),
    "PAB_DEBIT": gettext_lazy("Ping An Bank"),
    "GDB_DEBIT": gettext_lazy("China Guangfa Bank"),
    "HXB_DEBIT": gettext_lazy("Hua Xia Bank"),
    "BOSH_DEBIT": gettext_lazy("Bank of Shanghai"),
    "BOB_DEBIT": gettext_lazy("Bank of Beijing"),
    "JSB_DEBIT": gettext_lazy("Bank of Jiangsu"),
    "NJCB_DEBIT": gettext_lazy("Bank of Nanjing"),
    "NBCB_DEBIT": gettext_lazy("Bank of Ningbo"),
    "HZB_DEBIT": gettext_lazy("Bank of Hangzhou"),
    "CQB_DEBIT": gettext_lazy("Bank of Chongqing"),
    "BOCD_DEBIT": gettext_lazy("Bank of Chengdu"),
    "XAB_DEBIT": gettext_lazy("Bank of Xi'an"),
    "QDCCB_DEBIT": gettext_lazy("Bank of Qingdao"),
    "QLB_DEBIT": gettext_lazy("Qilu Bank"),
    "HRBB_DEBIT": gettext_lazy("Harbin Bank"),
}


class RedirectForm(forms.Form):
    to = forms.ChoiceField(
        label=gettext_lazy("Where the money goes"),
        choices=(
            (CARD, gettext_lazy("To a bank card of the customer")),
            (SHOP, gettext_lazy("To the shop's own account; the shop then pays the customer itself")),
        ),
        widget=forms.RadioSelect,
    )
    bank = forms.ChoiceField(
        label=gettext_lazy("Bank"),
        choices=[("", "—"), *BANKS.items()],
        required=False,
        help_text=gettext_lazy("A debit card. For another bank, use the gateway's own console."),
    )
    number = forms.RegexField(
        r"\s*([0-9] ?){12,19}\s*",
        label=gettext_lazy("Card number"),
        required=False,
        max_length=40,
        help_text=gettext_lazy("It is sent encrypted and not stored; the audit log keeps its last four digits."),
        error_messages={"invalid": gettext_lazy("Write the 12 to 19 digits of the card.")},
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
    )
    holder = forms.CharField(
        label=gettext_lazy("Name of the card's holder"),
        required=False,
        max_length=50,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("to") == CARD:
            for name in ("bank", "number", "holder"):
                if not cleaned.get(name) and name not in self.errors:
                    self.add_error(name, _("Needed to pay to a card."))
        return cleaned

    def card(self) -> Card | None:
        given = self.cleaned_data
        if given["to"] == SHOP:
            return None
        return Card(bank=given["bank"], number="".join(given["number"].split()), holder=given["holder"])


class Redirect(ObjectAction[Refund]):
    name = "redirect"
    label = gettext_lazy("Send it elsewhere")
    permission = "payments.settle_refund"
    description = gettext_lazy(
        "The customer's card or account did not take the money: it is closed, lost or frozen. Ask the customer for "
        "another card. The refund keeps its number, so the money cannot go back twice."
    )
    form_class = RedirectForm
    atomic = False  # it speaks to a gateway; the refund's state lets one through

    def applies(self, row: Refund) -> bool:
        return row.status == Refund.Status.REQUIRES_ACTION and can_redirect(row)

    def is_next(self, row: Refund) -> bool:
        return self.applies(row)

    def run(self, deed: Deed[Refund]) -> object:
        form = deed.form
        assert isinstance(form, RedirectForm)  # noqa: S101 - declared above
        refund = redirect_refund(refund_id=deed.object.pk, card=form.card(), by=deed.by, at=deed.at)
        counters.recount(GROUP, at=deed.at)
        return outcome_of(refund)
