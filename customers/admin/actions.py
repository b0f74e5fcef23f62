from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from kernel.admin import Deed, ObjectAction, PhoneField
from kernel.phones import normalise, phone_columns

from .. import services
from ..models import Address, Customer


class RevealForm(forms.Form):
    field = forms.CharField(widget=forms.HiddenInput)
    address = forms.IntegerField(widget=forms.HiddenInput, required=False)


class Reveal(ObjectAction[Customer]):
    """Shows one masked field, and says so in the audit log. Asked by the page's script, or as a page of its own."""

    name = "reveal"
    label = _("Show it whole")
    permission = "customers.reveal_customer"
    description = _("Your name goes into the audit log, with what you looked at.")
    listed = False
    atomic = False  # looking twice is two looks
    form_class = RevealForm

    def form(self, row: Customer, request: HttpRequest, **given: Any) -> forms.Form:
        wanted = {name: request.GET.get(name, "") for name in ("field", "address")}
        return RevealForm(initial=wanted, **given)

    def run(self, deed: Deed[Customer]) -> HttpResponse:
        given = deed.form.cleaned_data
        address = deed.object.addresses.filter(pk=given["address"]).first() if given["address"] else None
        text = services.reveal(row=address or deed.object, field=given["field"], by=deed.by, at=deed.at)
        if deed.request.headers.get("X-Requested-With") == "fetch":
            return JsonResponse({"text": text}, headers={"Cache-Control": "no-store"})
        back = reverse("admin:customers_customer_change", args=(deed.object.pk,))
        context = {"title": self.label, "text": text, "back": back}
        return TemplateResponse(deed.request, "backoffice/revealed.html", context)


class AddressForm(forms.Form):
    kind = forms.ChoiceField(label=_("Kind"), choices=Address.Kind.choices)
    recipient_name = forms.CharField(label=_("Recipient"), max_length=60)
    recipient_phone = PhoneField(label=_("Recipient's phone"), required=False)
    province = forms.CharField(label=_("Province"), max_length=40, required=False)
    city = forms.CharField(label=_("City"), max_length=40, required=False)
    district = forms.CharField(label=_("District"), max_length=40, required=False)
    detail = forms.CharField(label=_("Address"), max_length=300)
    is_default = forms.BooleanField(label=_("Default of its kind"), required=False)


class AddAddress(ObjectAction[Customer]):
    name = "add_address"
    label = _("Add an address")
    submit = _("Save")
    permission = "customers.change_customer"
    form_class = AddressForm
    done = _("Saved.")

    def applies(self, row: Customer) -> bool:
        return not row.is_anonymous

    def run(self, deed: Deed[Customer]) -> object:
        given = deed.form.cleaned_data
        phone = normalise(given.pop("recipient_phone"))
        if given["is_default"]:
            deed.object.addresses.filter(kind=given["kind"]).update(is_default=False)
        detail = given.pop("detail")
        address = Address(customer=deed.object, **given, **phone_columns(phone, prefix="recipient_phone_"))
        address.recipient_phone, address.detail = phone, detail
        address.save()
        return None
