"""
Facts, told upwards: written in the transaction that makes them true, handled after it, once per handler.

A handler that only writes to the database runs in one transaction with the mark that it is done: exactly once. One that
calls the outside (`atomic=False`) runs in none: at least once, and what it calls must recognise a repetition.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Protocol, TypeVar

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from kernel import alerts
from kernel.bulk import fast_insert
from kernel.clock import now
from kernel.models import Alert, Delivery, OutboxEvent
from kernel.queue import after_commit
from kernel.trace import current_trace_id

CIRCLE = _("This event follows from more than %(depth)d others, one after the other: a circle.")
DEEPEST = 10  # events of events of events: a chain longer than this is a circle

_depth: ContextVar[int] = ContextVar("event_depth", default=0)


@dataclass(frozen=True, slots=True)
class Event:
    """
    A fact. Subclasses are `@dataclass(frozen=True, slots=True, kw_only=True)` with fields that JSON can hold; they
    name rows by their ids and hold no personal data.
    """


E_contra = TypeVar("E_contra", bound=Event, contravariant=True)
E = TypeVar("E", bound=Event)


class Reaction(Protocol[E_contra]):
    def __call__(self, event: E_contra, /, *, at: datetime) -> object: ...


@dataclass(frozen=True, slots=True)
class Handler:
    name: str
    event_type: type[Event]
    react: Callable[..., object]
    atomic: bool

    def take(self, payload: dict[str, Any], *, at: datetime) -> None:
        """A field that the event has lost since it was written is left out."""
        known = {field.name for field in fields(self.event_type)}
        self.react(self.event_type(**{name: value for name, value in payload.items() if name in known}), at=at)


handlers: dict[str, Handler] = {}
_by_event: dict[type[Event], list[Handler]] = {}


def handles(event_type: type[E], *, name: str, atomic: bool = True) -> Callable[[Reaction[E]], Reaction[E]]:
    """
    Register a function for an event; `name` is kept in rows: payments.ask_gateway_to_close.

    :param atomic: False for a handler that calls the outside: it runs in no transaction, and at least once
    """

    def register(react: Reaction[E]) -> Reaction[E]:
        if name in handlers:
            raise ValueError(f"there are two handlers named {name}")
        handlers[name] = Handler(name, event_type, react, atomic)
        _by_event.setdefault(event_type, []).append(handlers[name])
        return react

    return register


def forget(name: str) -> None:
    """Take a handler back; what was published for it is parked as nobody's."""
    handler = handlers.pop(name)
    _by_event[handler.event_type].remove(handler)


def event_name(event_type: type[Event]) -> str:
    return f"{event_type.__module__.partition('.')[0]}.{event_type.__name__}"


def publish(event: Event) -> None:
    """Write a fact in this transaction, due for every handler once it is committed."""
    publish_many((event,))


def publish_many(events: Iterable[Event]) -> None:
    """As `publish`, for many at once, in a handful of statements."""
    moment, depth = now(), _depth.get()
    with transaction.atomic(savepoint=False):
        told = [(event, _row(event, depth=depth, at=moment)) for event in events]
        fast_insert([row for _event, row in told])
        due = [(row, handler) for event, row in told for handler in _by_event.get(type(event), ())]
        if depth > DEEPEST:
            _cut(due, at=moment)
        elif due:
            fast_insert([Delivery(event=row, handler=handler.name, due_at=moment) for row, handler in due])
            after_commit("kernel.deliver_events")


@contextmanager
def at_depth(depth: int) -> Iterator[None]:
    """What is published in the block follows from an event of the depth below."""
    token = _depth.set(depth)
    try:
        yield
    finally:
        _depth.reset(token)


def _row(event: Event, *, depth: int, at: datetime) -> OutboxEvent:
    return OutboxEvent(
        name=event_name(type(event)),
        payload={field.name: getattr(event, field.name) for field in fields(event)},
        depth=depth,
        trace_id=current_trace_id(),
        created_at=at,
    )


def _cut(due: Sequence[tuple[OutboxEvent, Handler]], *, at: datetime) -> None:
    """Park what a circle of events would do, and tell somebody."""
    text = str(_("This event follows from more than %(depth)d others, one after the other: a circle.")) % {
        "depth": DEEPEST
    }
    Delivery.objects.bulk_create(
        [
            Delivery(event=row, handler=handler.name, due_at=at, state=Delivery.State.PARKED, last_error=text)
            for row, handler in due
        ]
    )
    for name in sorted({handler.name for _row, handler in due}):
        alerts.raise_alert(kind="event_circle", subject=name, severity=Alert.Severity.CRITICAL, text=text, at=at)
