"""Who an invoice is made out to: checked before anybody types it into the tax platform."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import gettext_lazy as _

from kernel.errors import DomainError
from orders.models import Order

from ..models import InvoiceRequest, InvoiceTitle
from .tax import is_tax_no, tidy_tax_no

TitleKind = InvoiceTitle.TitleKind
LONGEST = {
    "name": 100,
    "company_address": 200,
    "company_phone": 40,
    "bank_name": 100,
    "bank_account": 40,
    "email": 254,
    "phone": 20,
}


class NoTitleName(DomainError):
    text = _("Write the invoice title: the full name of the person or company.")


class NoTaxNumber(DomainError):
    text = _("An invoice for a company needs its tax number.")


class WrongTaxNumber(DomainError):
    text = _("“%(given)s” is no tax number: its check digit or its length is wrong. Compare it with the licence.")


class SpecialNeedsCompany(DomainError):
    text = _("A special VAT invoice can only be made out to a company.")


class WrongEmail(DomainError):
    text = _("“%(given)s” is no e-mail address.")


class TooLong(DomainError):
    text = _("“%(given)s…” is too long: at most %(longest)d characters.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Title:
    """As somebody typed it."""

    kind: str = TitleKind.INDIVIDUAL
    name: str = ""
    tax_no: str = ""
    company_address: str = ""
    company_phone: str = ""
    bank_name: str = ""
    bank_account: str = ""
    email: str = ""
    phone: str = ""

    def columns(self) -> dict[str, str]:
        """As an InvoiceTitle names them."""
        renamed = {"kind": "title_kind", "name": "title_name"}
        return {renamed.get(it.name, it.name): getattr(self, it.name) for it in fields(self)}


def checked(title: Title, *, invoice_type: str) -> Title:
    """
    The title tidied up; a person's has no tax number.

    :raises DomainError: NoTitleName, NoTaxNumber, WrongTaxNumber, SpecialNeedsCompany, WrongEmail, TooLong
    """
    texts = {name: " ".join(str(getattr(title, name)).split()) for name in LONGEST}
    tidy = replace(title, **texts, tax_no=tidy_tax_no(title.tax_no))
    _check_texts(tidy)
    if tidy.kind != TitleKind.COMPANY:
        if invoice_type == InvoiceRequest.Type.SPECIAL:
            raise SpecialNeedsCompany
        return replace(tidy, kind=TitleKind.INDIVIDUAL, tax_no="")
    if not tidy.tax_no:
        raise NoTaxNumber
    if not is_tax_no(tidy.tax_no):
        raise WrongTaxNumber(given=tidy.tax_no[:40])
    return tidy


def known_title(order: Order) -> Title | None:
    """What this order's customer last asked for; None if nobody knows it."""
    if order.customer.is_anonymous:
        return None
    asked = InvoiceRequest.objects.filter(order__customer=order.customer_id, kind=InvoiceRequest.Kind.BLUE)
    last = asked.order_by("-pk").first()
    return title_of(last) if last is not None else None


def title_of(row: InvoiceRequest) -> Title:
    return Title(
        kind=row.title_kind,
        name=row.title_name,
        tax_no=row.tax_no,
        company_address=row.company_address,
        company_phone=row.company_phone,
        bank_name=row.bank_name,
        bank_account=row.bank_account,
        email=row.email,
        phone=row.phone,
    )


def _check_texts(title: Title) -> None:
    if not title.name:
        raise NoTitleName
    for name, longest in LONGEST.items():
        if len(getattr(title, name)) > longest:
            raise TooLong(given=getattr(title, name)[:20], longest=longest)
    if title.email:
        try:
            validate_email(title.email)
        except ValidationError as error:
            raise WrongEmail(given=title.email) from error
