"""Finds the customer that somebody means, or makes one: the same phone and the same name are the same person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from kernel.bulk import fast_insert
from kernel.errors import DomainError
from kernel.models import User
from kernel.phones import normalise, phone_columns
from kernel.sequences import next_number, next_numbers, reserve_numbers

from ..models import Customer, CustomerType

SERIES = "customer"
ANONYMOUS = "匿名客户"
NAME_LENGTH = Customer._meta.get_field("name").max_length or 0


Key = tuple[str, str] | int
NUMBERED = "#"  # no phone hash: the key of a draft that names a customer number


class NoCustomerName(DomainError):
    text = _("Give the customer's name.")


class NoSuchCustomerType(DomainError):
    text = _("There is no customer type “%(code)s”.")


class NoSuchCustomer(DomainError):
    text = _("There is no such customer.")


class CustomerIsBlocked(DomainError):
    text = _("%(name)s is blocked: unblock the customer before taking an order.")


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerDraft:
    """
    Who somebody is, as a form or a file says it; an empty phone names nobody in particular.

    :param customer_no: of our own export: it names one customer, unless somebody else has that number here
    """

    name: str
    phone: str = ""
    email: str = ""
    type_code: str = "individual"
    customer_no: str = ""

    @property
    def key(self) -> tuple[str, str]:
        if self.customer_no:
            return (NUMBERED, self.customer_no)
        return (phone_columns(normalise(self.phone))["hash"], self.name.strip())


def get_customer(*, customer_id: int) -> Customer:
    """
    :raises NoSuchCustomer: if there is none
    :raises CustomerIsBlocked: if no order may be taken
    """
    customer = Customer.objects.filter(pk=customer_id).first()
    if customer is None:
        raise NoSuchCustomer
    return check_not_blocked(customer)


def check_not_blocked(customer: Customer) -> Customer:
    if customer.is_blocked:
        raise CustomerIsBlocked(name=customer.name)
    return customer


@transaction.atomic
def find_or_create(
    *, name: str, phone: str = "", email: str = "", type_code: str = "individual", at: datetime, by: User | None = None
) -> Customer:
    """
    The customer with this phone and name; without a phone always a new one, for names alone mix people up.

    :raises NoCustomerName: if the name is empty
    :raises NoSuchCustomerType: if the type is unknown
    """
    draft = CustomerDraft(name=name.strip(), phone=normalise(phone), email=email.strip(), type_code=type_code)
    if not draft.name:
        raise NoCustomerName
    phone_hash, _name = draft.key
    known = (
        Customer.objects.filter(phone_hash=phone_hash, name=draft.name).order_by("pk").first() if phone_hash else None
    )
    if known is not None:
        return _complete(known, draft)
    customer_type = CustomerType.objects.filter(code=type_code).first()
    if customer_type is None:
        raise NoSuchCustomerType(code=type_code)
    customer = _new(draft, customer_type.pk, f"C{next_number(SERIES, at=at)}", at=at)
    customer.save(force_insert=True)
    return customer


@transaction.atomic
def match_many(drafts: Sequence[CustomerDraft], *, at: datetime) -> list[Customer]:
    """
    As `find_or_create`, for a batch: one look, one insert, and equal drafts of the batch become one customer.

    :return: in the order of the drafts
    :raises NoSuchCustomerType: if a type is unknown
    """
    types = dict(CustomerType.objects.values_list("code", "pk"))
    numbered = Customer.objects.filter(customer_no__in={draft.customer_no for draft in drafts} - {""})
    owners = {customer.customer_no: customer for customer in numbered}
    drafts = [replace(it, customer_no="") if _is_of_another(it, owners) else it for it in drafts]
    hashes = {draft.key[0] for draft in drafts} - {"", NUMBERED}
    known: dict[tuple[str, str], Customer] = {(NUMBERED, number): owner for number, owner in owners.items()}
    for customer in Customer.objects.filter(phone_hash__in=hashes).order_by("-pk"):
        known[customer.phone_hash, customer.name] = customer
    new = _missing(drafts, known, types, at=at)
    fast_insert(list(new.values()))
    return [_pick(draft, place, known, new) for place, draft in enumerate(drafts)]


def _is_of_another(draft: CustomerDraft, owners: Mapping[str, Customer]) -> bool:
    """Two shops give the same numbers to different people: a number alone must not make them one."""
    owner = owners.get(draft.customer_no)
    phone_hash = phone_columns(normalise(draft.phone))["hash"]
    return owner is not None and (owner.name, owner.phone_hash) != (_name_of(draft), phone_hash)


def _name_of(draft: CustomerDraft) -> str:
    return draft.name.strip()[:NAME_LENGTH]


def anonymous_customer(*, source: str, at: datetime) -> Customer:
    """Whom the nameless orders of a source belong to; there is one for each source."""
    found = Customer.objects.filter(anonymous_for=source).first()
    if found is not None:
        return found
    fresh = {"customer_no": f"C{next_number(SERIES, at=at)}", "name": ANONYMOUS, "created_at": at}
    return Customer.objects.get_or_create(anonymous_for=source, defaults=fresh)[0]


def _missing(
    drafts: Sequence[CustomerDraft], known: dict[tuple[str, str], Customer], types: dict[str, int], *, at: datetime
) -> dict[Key, Customer]:
    wanted: dict[Key, CustomerDraft] = {}
    for place, draft in enumerate(drafts):
        if draft.type_code not in types:
            raise NoSuchCustomerType(code=draft.type_code)
        if draft.key not in known or not draft.key[0]:
            wanted.setdefault(_key(draft, place), draft)
    reserve_numbers(SERIES, [draft.customer_no for draft in wanted.values() if draft.customer_no])
    nameless = sum(not draft.customer_no for draft in wanted.values())
    fresh = iter(next_numbers(SERIES, nameless, at=at) if nameless else ())
    return {
        key: _new(draft, types[draft.type_code], draft.customer_no or f"C{next(fresh)}", at=at)
        for key, draft in wanted.items()
    }


def _key(draft: CustomerDraft, place: int) -> Key:
    return draft.key if draft.key[0] else place


def _pick(
    draft: CustomerDraft, place: int, known: dict[tuple[str, str], Customer], new: dict[Key, Customer]
) -> Customer:
    return known[draft.key] if draft.key[0] and draft.key in known else new[_key(draft, place)]


def _new(draft: CustomerDraft, type_id: int, customer_no: str, *, at: datetime) -> Customer:
    phone = normalise(draft.phone)
    customer = Customer(
        customer_no=customer_no,
        type_id=type_id,
        name=_name_of(draft),
        email=draft.email,
        created_at=at,
        **phone_columns(phone, prefix="phone_"),
    )
    customer.phone = phone
    return customer


def _complete(customer: Customer, draft: CustomerDraft) -> Customer:
    """A known customer gains an e-mail address it lacked; what is there is not overwritten."""
    if draft.email and not customer.email:
        customer.email = draft.email
        customer.save(update_fields=["email"])
    return customer
