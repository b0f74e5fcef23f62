from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from kernel.admin import PhoneField, YuanField
from kernel.money import plain_yuan

from ..models import Carrier, Order, OrderLine, Product
from ..services import DraftLine, PostalDraft, suggest_carrier

NOTE = forms.Textarea(attrs={"rows": 3, "maxlength": 500})
BOOK_AT_MOST = 500  # products in the select; beyond that they are typed as free lines

STAFF_REASONS = (
    Order.CloseReason.CANCELED_BY_CUSTOMER,
    Order.CloseReason.CANCELED_BY_MERCHANT,
    Order.CloseReason.OUT_OF_STOCK,
    Order.CloseReason.RISK_REJECTED,
    Order.CloseReason.DUPLICATE,
    Order.CloseReason.TEST,
)


class MarkForm(forms.Form):
    flag = forms.ChoiceField(label=_("Flag"), choices=Order.Flag.choices, required=False, widget=forms.RadioSelect)
    staff_note = forms.CharField(label=_("Merchant note"), max_length=500, required=False, widget=NOTE)


class NoteForm(forms.Form):
    text = forms.CharField(label=_("Note"), max_length=500, widget=NOTE)


class TagForm(forms.Form):
    tags = forms.CharField(
        label=_("Tags"), required=False, max_length=300, help_text=_("Separate them with commas or spaces.")
    )


class CloseForm(forms.Form):
    reason = forms.ChoiceField(label=_("Reason"), choices=[(it.value, it.label) for it in STAFF_REASONS])


class MoveForm(forms.Form):
    to = forms.CharField(widget=forms.HiddenInput)
    version = forms.IntegerField(widget=forms.HiddenInput)
    reason = forms.CharField(label=_("Reason"), max_length=200, required=False)


class CarrierField(forms.ChoiceField):
    """The carriers in use; left open, the number is asked."""

    def __init__(self, **options: Any) -> None:
        super().__init__(label=_("Carrier"), choices=_carriers, required=False, **options)


def _carriers() -> list[tuple[str, Any]]:
    known = Carrier.objects.filter(is_active=True).order_by("position", "pk")
    return [("", _("By the number")), *((carrier.code, str(carrier)) for carrier in known)]


class TrackingForm(forms.Form):
    tracking_no = forms.CharField(label=_("Tracking number"), max_length=64)
    carrier = CarrierField()

    def clean(self) -> dict[str, Any]:
        cleaned = self.cleaned_data
        if cleaned.get("tracking_no") and not cleaned.get("carrier"):
            suggested = suggest_carrier(cleaned["tracking_no"])
            if suggested is None:
                self.add_error("carrier", _("The number does not tell the carrier: choose one."))
            else:
                cleaned["carrier"] = suggested.code
        return cleaned


class ShipForm(TrackingForm):
    """One quantity for each line that has something left to ship; nothing is shipped of the rest."""

    def __init__(self, *args: Any, lines: Sequence[OrderLine] = (), **options: Any) -> None:
        super().__init__(*args, **options)
        self.left = [line for line in lines if line.quantity > line.shipped_quantity]
        for line in self.left:
            left = line.quantity - line.shipped_quantity
            self.fields[f"line_{line.pk}"] = forms.IntegerField(
                label=line.title,
                min_value=0,
                max_value=left,
                initial=left,
                help_text=_("%(left)d left to ship") % {"left": left},
            )

    def quantities(self) -> dict[int, int]:
        given = {line.pk: self.cleaned_data[f"line_{line.pk}"] for line in self.left}
        return {line_id: quantity for line_id, quantity in given.items() if quantity}


class CorrectForm(TrackingForm):
    parcel = forms.IntegerField(widget=forms.HiddenInput)
    reason = forms.CharField(label=_("Reason"), max_length=200)


class RevealForm(forms.Form):
    field = forms.ChoiceField(
        choices=[("phone", ""), ("address", ""), ("customer_phone", "")], widget=forms.HiddenInput
    )


class ProductSelect(forms.Select):
    """Each option carries title and price, for the script that fills the line in."""

    products: dict[str, Product]

    def create_option(self, name: str, value: Any, *args: Any, **options: Any) -> dict[str, Any]:
        option = super().create_option(name, value, *args, **options)
        product = self.products.get(str(value))
        if product is not None:
            option["attrs"] |= {"data-title": product.title, "data-price": plain_yuan(product.price_fen)}
        return option


class LineForm(forms.Form):
    product = forms.ChoiceField(label=_("Product"), required=False, widget=ProductSelect(attrs={"data-product": ""}))
    title = forms.CharField(label=_("Title"), max_length=200, required=False)
    unit_price = YuanField(label=_("Unit price"), required=False)
    quantity = forms.IntegerField(label=_("Quantity"), required=False, min_value=1)

    def __init__(self, *args: Any, book: dict[str, Product], **options: Any) -> None:
        super().__init__(*args, **options)
        choices = [("", _("Free line")), *((key, f"{it.title} · {it.sku}") for key, it in book.items())]
        field: Any = self.fields["product"]
        field.choices = choices
        field.widget.products = book
        self.book = book

    def draft(self) -> DraftLine | None:
        """What was filled in; a title alone is not left out in silence, the service says what it lacks."""
        given = self.cleaned_data
        if not given.get("product") and not given.get("title"):
            return None
        product = self.book.get(given.get("product", ""))
        return DraftLine(
            product_id=product.pk if product else None,
            sku=product.sku if product else "",
            title=given["title"],
            unit_price_fen=given["unit_price"],
            quantity=given["quantity"] or 1,
        )


class BaseLines(forms.BaseFormSet):  # type: ignore[type-arg]  # Django knows no generics at run time
    def drafts(self) -> list[DraftLine]:
        return [line for form in self.forms if (line := form.draft())]


def product_book() -> dict[str, Product]:
    products = Product.objects.filter(is_active=True).order_by("title")[:BOOK_AT_MOST]
    return {str(product.pk): product for product in products}


def lines_formset(*, extra: int) -> Any:
    return forms.formset_factory(LineForm, formset=BaseLines, extra=extra, max_num=200)


class PriceForm(forms.Form):
    shipping = YuanField(label=_("Shipping fee"), required=False)
    discount = YuanField(label=_("Discount"), required=False)
    adjustment = YuanField(
        label=_("Price adjustment"), required=False, min_fen=None, help_text=_("−5.00 lowers the price by 5 yuan.")
    )


class PostalForm(forms.Form):
    recipient_name = forms.CharField(label=_("Recipient"), max_length=60, required=False)
    recipient_phone = PhoneField(label=_("Recipient's phone"), required=False)
    province = forms.CharField(label=_("Province"), max_length=40, required=False)
    city = forms.CharField(label=_("City"), max_length=40, required=False)
    district = forms.CharField(label=_("District"), max_length=40, required=False)
    detail = forms.CharField(label=_("Address"), max_length=300, required=False)

    def postal(self) -> PostalDraft:
        return PostalDraft(**self.cleaned_data)

    def is_empty(self) -> bool:
        return not any(self.cleaned_data.values())


class NotesForm(forms.Form):
    customer_note = forms.CharField(label=_("Customer note"), max_length=500, required=False, widget=NOTE)
    staff_note = forms.CharField(label=_("Merchant note"), max_length=500, required=False, widget=NOTE)
