"""The forms of invoices."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy

from .. import services
from ..models import InvoiceRequest

MOST_FILES = 100


class ManyFiles(forms.ClearableFileInput):
    allow_multiple_selected = True


class FilesField(forms.FileField):
    """Several files; each of them is checked by whoever reads it."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"widget": ManyFiles(), **options})

    def clean(self, data: Any, initial: Any = None) -> list[Any]:
        given = data if isinstance(data, list | tuple) else [data]
        return [super(FilesField, self).clean(it, initial) for it in given[:MOST_FILES]]


class UploadForm(forms.Form):
    documents = FilesField(
        label=gettext_lazy("Files"),
        help_text=gettext_lazy("XML, PDF or OFD as the tax platform gives them, or a ZIP of them; at most 50 MB."),
    )


class OneUploadForm(UploadForm):
    invoice_no = forms.CharField(
        label=gettext_lazy("Invoice number"),
        max_length=20,
        required=False,
        help_text=gettext_lazy("20 digits. An XML says it itself; needed where there is only a PDF or OFD."),
    )


class ExportForm(forms.Form):
    again = forms.BooleanField(
        label=gettext_lazy("Those too that an earlier list had and that are not issued yet"), required=False
    )


class ReasonForm(forms.Form):
    reason = forms.CharField(label=gettext_lazy("Reason"), max_length=200, widget=forms.Textarea(attrs={"rows": 2}))


class TaxForm(forms.Form):
    percent = forms.DecimalField(
        label=gettext_lazy("VAT rate in percent"), min_value=0, max_value=20, decimal_places=1, initial=13
    )
    tax_code = forms.CharField(label=gettext_lazy("Tax classification code"), max_length=19, required=False)


class TitleForm(forms.Form):
    """Who it is made out to; what can stand on an invoice is the service's to judge."""

    type = forms.ChoiceField(label=gettext_lazy("Type"), choices=InvoiceRequest.Type.choices)
    kind = forms.ChoiceField(
        label=gettext_lazy("Title kind"), choices=InvoiceRequest.TitleKind.choices, widget=forms.RadioSelect
    )
    name = forms.CharField(label=gettext_lazy("Invoice title (name)"), max_length=100)
    tax_no = forms.CharField(label=gettext_lazy("Tax number (companies only)"), max_length=24, required=False)
    email = forms.EmailField(label=gettext_lazy("E-mail that the invoice goes to"), required=False)
    phone = forms.CharField(label=gettext_lazy("Phone"), max_length=20, required=False)
    company_address = forms.CharField(label=gettext_lazy("Company address"), max_length=200, required=False)
    company_phone = forms.CharField(label=gettext_lazy("Company phone"), max_length=40, required=False)
    bank_name = forms.CharField(label=gettext_lazy("Bank"), max_length=100, required=False)
    bank_account = forms.CharField(label=gettext_lazy("Bank account"), max_length=40, required=False)

    def title(self) -> services.Title:
        given = {name: value for name, value in self.cleaned_data.items() if name != "type"}
        return services.Title(**given)


def typed_before(title: services.Title | None) -> dict[str, object]:
    """What a title form starts with. Where it goes is not shown again: that is personal."""
    if title is None:
        return {"kind": InvoiceRequest.TitleKind.INDIVIDUAL}
    names = ("kind", "name", "tax_no", "company_address", "company_phone", "bank_name", "bank_account")
    return {name: getattr(title, name) for name in names}


def uploads_of(form: forms.Form) -> list[services.Upload]:
    return [services.Upload(name=it.name, content=it.read()) for it in form.cleaned_data["documents"]]
