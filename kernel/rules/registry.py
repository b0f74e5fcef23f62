"""The events, facts and actions that rules can be made of; each app registers its own in `rules.py`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from django.utils.functional import Promise

from kernel.events import Event

Words = str | Promise
Choices = Sequence[tuple[str, Words]]


class Kind(StrEnum):
    MONEY = "money"  # whole fen; staff write yuan
    NUMBER = "number"
    CHOICE = "choice"
    TEXT = "text"
    TIME = "time"  # of the Shanghai day, as minutes since midnight; staff write 09:30
    LABELS = "labels"  # a set of names: = means that it is among them


def _no_choices() -> Choices:
    return ()


@dataclass(frozen=True, slots=True)
class Field:
    """A fact that conditions may ask about."""

    code: str
    label: Words
    kind: Kind
    choices: Callable[[], Choices] = _no_choices


@dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """
    Something that happened, as rules see it.

    :param key: the same however often it is told; what makes a rule run once
    :param subject: in a few words, for the run log
    :param facts: by the code of the field
    :param ids: of the rows that actions work on: order, payment, refund, unapplied
    """

    key: str
    subject: str
    facts: Mapping[str, object]
    ids: Mapping[str, int] = field(default_factory=dict)
    order_no: str = ""


class Past(Protocol):
    def __call__(self, *, since: datetime, until: datetime) -> Iterable[Event]:
        """The events of that time, newest first, as they would have been told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleEvent:
    """
    :param load: the occasion, or None if rules have no business with it
    :param gives: the ids that its occasions carry, and so the actions it can set off
    """

    code: str
    label: Words
    told_by: type[Event]
    load: Callable[[Any], Occasion | None]
    past: Past
    fields: Sequence[Field] = ()
    gives: frozenset[str] = frozenset()

    def field_of(self, code: str) -> Field | None:
        return next((it for it in self.fields if it.code == code), None)


class Deed(Protocol):
    def __call__(self, occasion: Occasion, value: str, *, rule: str, key: str, at: datetime) -> Words:
        """
        :param rule: the rule's name, for histories
        :param key: of this rule and this occasion; doing it twice with the same key does it once
        :return: what was done, in a sentence
        :raises DomainError: if it cannot be done
        """


def _anything(value: str) -> None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """
    :param needs: the ids it works on
    :param value_label: what its setting is; empty if it has none
    :param check: refuses a setting that cannot be, with a DomainError
    """

    code: str
    label: Words
    do: Deed
    needs: frozenset[str] = frozenset()
    value_label: Words = ""
    choices: Callable[[], Choices] = _no_choices
    check: Callable[[str], None] = _anything

    def say(self, value: str) -> str:
        """What it would do, for people."""
        shown = dict(self.choices()).get(value, value)
        return f"{self.label}: {shown}" if value else str(self.label)


events: dict[str, RuleEvent] = {}
actions: dict[str, Action] = {}


def add_event(event: RuleEvent) -> None:
    if event.code in events:
        raise ValueError(f"there are two rule events named {event.code}")
    events[event.code] = event


def register_action(action: Action) -> None:
    if action.code in actions:
        raise ValueError(f"there are two rule actions named {action.code}")
    actions[action.code] = action


def event_of(code: str) -> RuleEvent | None:
    """None if no part of this installation tells it any more."""
    return events.get(code)


def action_of(code: str) -> Action | None:
    return actions.get(code)
