"""Form fields that Django does not have."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, TypeVar

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Model
from django.utils.translation import gettext_lazy as _

from kernel.errors import DomainError
from kernel.money import parse_yuan, plain_yuan, yuan
from kernel.phones import normalise

if TYPE_CHECKING:
    ModelForm = forms.ModelForm
else:

    class ModelForm(forms.ModelForm):
        def __class_getitem__(cls, _model: object) -> type:
            return cls


M = TypeVar("M", bound=Model)
PHONE = re.compile(r"\d{5,20}")
LETTERS = re.compile(r"[A-Za-z]")


class BackofficeModelForm(ModelForm[M]):
    """Gives fields of its own, which the theme does not dress, the look of the others."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for field in self.fields.values():
            if isinstance(field.widget, forms.TextInput | forms.Select | forms.Textarea):
                field.widget.attrs.setdefault("class", "bo-input")


class YuanField(forms.CharField):
    """Typed in yuan, held in fen."""

    def __init__(self, *, min_fen: int | None = 0, max_fen: int | None = None, **options: Any) -> None:
        options.setdefault("widget", forms.TextInput(attrs={"inputmode": "decimal", "class": "bo-yuan"}))
        super().__init__(**options)
        self.min_fen = min_fen
        self.max_fen = max_fen

    def prepare_value(self, value: Any) -> Any:
        return plain_yuan(value) if isinstance(value, int) else value

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        if text in self.empty_values:
            return None
        amount_fen = _parsed(text)
        if self.min_fen is not None and amount_fen < self.min_fen:
            raise ValidationError(_("At least %(limit)s.") % {"limit": yuan(self.min_fen)})
        if self.max_fen is not None and amount_fen > self.max_fen:
            raise ValidationError(_("At most %(limit)s.") % {"limit": yuan(self.max_fen)})
        return amount_fen

    def has_changed(self, initial: Any, data: Any) -> bool:
        return super().has_changed(self.prepare_value(initial), data)


class PhoneField(forms.CharField):
    """A phone number as people write it. What is no number is refused: stored, it would reach nobody."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("widget", forms.TextInput(attrs={"inputmode": "tel"}))
        super().__init__(max_length=40, **options)

    def clean(self, value: Any) -> str:
        text: str = super().clean(value)
        if text and (LETTERS.search(text) or not PHONE.fullmatch(normalise(text))):
            raise ValidationError(_("“%(text)s” is not a phone number: write 5 to 20 digits.") % {"text": text})
        return text


def _parsed(text: str) -> int:
    try:
        return parse_yuan(text)
    except DomainError as refusal:
        raise ValidationError(str(refusal)) from refusal
