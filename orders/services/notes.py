"""Flags, tags and notes: what staff remember about orders. They change no state."""

from __future__ import annotations

from collections.abc import Iterable, Set
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from kernel.db import retry_on_conflict
from kernel.errors import DomainError
from kernel.models import User

from ..models import Order, OrderEvent, Tag
from . import timeline
from .batches import Outcome, Result, each
from .locks import lock_order

NOTE_LENGTH = 500
TAG_LENGTH = Tag._meta.get_field("name").max_length or 0


class NoteTooLong(DomainError):
    text = _("A note has at most %(most)s characters.")


class EmptyNote(DomainError):
    text = _("Write the note first.")


def set_flag(*, order_id: int, flag: str, by: User | None, at: datetime) -> Order:
    """Flag an order with a colour, or take the flag off with an empty one; an Order.Flag."""
    set_flags(order_ids=[order_id], flag=flag, by=by, at=at)
    return Order.objects.get(pk=order_id)


@retry_on_conflict
@transaction.atomic
def set_flags(*, order_ids: Iterable[int], flag: str, by: User | None, at: datetime) -> list[Outcome]:
    """As `set_flag`, for many; those that have the flag already are skipped."""
    flag = Order.Flag(flag).value

    def act(order: Order) -> object:
        if order.flag == flag:
            return _("It has this flag already.")
        facts = {"flag": flag, "earlier": order.flag}
        timeline.append(order=order, kind=_kind(by), code="flag_set", facts=facts, by=by, at=at)
        return None

    outcomes = each(order_ids=order_ids, act=act)
    done = [it.order_id for it in outcomes if it.result == Result.DONE]
    Order.objects.filter(pk__in=done).update(flag=flag)
    return outcomes


@retry_on_conflict
@transaction.atomic
def add_note(*, order_id: int, text: str, by: User | None, at: datetime) -> OrderEvent:
    """
    Write a note into the timeline, where it stays.

    :raises EmptyNote: if it says nothing
    :raises NoteTooLong: if it is longer than 500 characters
    """
    if not text.strip():
        raise EmptyNote
    order, facts = lock_order(order_id=order_id), {"text": _checked(text)}
    return timeline.append(order=order, kind=OrderEvent.Kind.STAFF, code="note", facts=facts, by=by, at=at)


@retry_on_conflict
@transaction.atomic
def set_staff_note(*, order_id: int, text: str, by: User | None, at: datetime) -> Order:
    """
    Replace the merchant note that the list shows; the timeline keeps the earlier one.

    :raises NoteTooLong: if it is longer than 500 characters
    """
    order = lock_order(order_id=order_id)
    text = _checked(text)
    if text == order.staff_note:
        return order
    facts = {"text": text, "earlier": order.staff_note}
    order.staff_note = text
    order.save(update_fields=["staff_note"])
    timeline.append(order=order, kind=OrderEvent.Kind.STAFF, code="staff_note_set", facts=facts, by=by, at=at)
    return order


@retry_on_conflict
@transaction.atomic
def tag(*, order_id: int, add: Iterable[str] = (), remove: Iterable[str] = (), by: User | None, at: datetime) -> Order:
    """Put tags on an order and take others off, by name; a new name makes a new tag."""
    order = lock_order(order_id=order_id)
    gone = {name.strip() for name in remove} & _tags_of(order)
    _put_on(order, add=_names(add), remove=gone, by=by, at=at)
    return order


@retry_on_conflict
@transaction.atomic
def tag_many(*, order_ids: Iterable[int], add: Iterable[str], by: User | None, at: datetime) -> list[Outcome]:
    """Put tags on many orders; those that have all of them already are skipped."""
    wanted = _names(add)

    def act(order: Order) -> object:
        return None if _put_on(order, add=wanted, by=by, at=at) else _("It has this tag already.")

    return each(order_ids=order_ids, act=act)


def _put_on(order: Order, *, add: Set[str], remove: Set[str] = frozenset(), by: User | None, at: datetime) -> bool:
    """Whether that changed anything."""
    wanted = add - _tags_of(order)
    order.tags.add(*(Tag.objects.get_or_create(name=name)[0] for name in sorted(wanted)))
    order.tags.remove(*Tag.objects.filter(name__in=remove))
    if wanted or remove:
        facts = {"added": sorted(wanted), "removed": sorted(remove)}
        timeline.append(order=order, kind=_kind(by), code="tags_set", facts=facts, by=by, at=at)
    return bool(wanted or remove)


def _tags_of(order: Order) -> set[str]:
    return set(order.tags.values_list("name", flat=True))


def _names(given: Iterable[str]) -> set[str]:
    return {name.strip()[:TAG_LENGTH] for name in given} - {""}


def _checked(text: str) -> str:
    text = text.strip()
    if len(text) > NOTE_LENGTH:
        raise NoteTooLong(most=NOTE_LENGTH)
    return text


def _kind(by: User | None) -> OrderEvent.Kind:
    return OrderEvent.Kind.STAFF if by else OrderEvent.Kind.SYSTEM
