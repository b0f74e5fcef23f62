"""A workflow as plain values: what rows are compiled into, and what ready-made workflows are written in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property

from django.utils.translation import get_language

from kernel.models import Category, Trigger


@dataclass(frozen=True, kw_only=True)
class Named:
    code: str
    name: str
    name_en: str = ""

    @property
    def label(self) -> str:
        """In the language of whoever reads it."""
        return self.name_en if self.name_en and (get_language() or "").startswith("en") else self.name


@dataclass(frozen=True, kw_only=True)
class StateSpec(Named):
    category: Category
    is_initial: bool = False


@dataclass(frozen=True, slots=True)
class Condition:
    """A fact of the object compared with a value; see `conditions.OPERATORS`."""

    field: str
    op: str
    value: object = None


@dataclass(frozen=True, kw_only=True)
class TransitionSpec(Named):
    """
    An arrow between two states.

    :param after: of a timeout; None leaves it to the owner of the object (a setting of the shop)
    :param permission: app.codename that a manual move asks for
    """

    source: str
    target: str
    trigger: Trigger
    after: timedelta | None = None
    conditions: tuple[Condition, ...] = ()
    permission: str = ""


@dataclass(frozen=True, kw_only=True)
class Graph:
    """A version of a workflow in memory; transitions in the order they are tried."""

    version_id: int
    states: Mapping[str, StateSpec]
    transitions: tuple[TransitionSpec, ...]

    @cached_property
    def initial(self) -> StateSpec:
        return next(state for state in self.states.values() if state.is_initial)

    def leaving(self, state: str, trigger: Trigger | None = None) -> tuple[TransitionSpec, ...]:
        return tuple(it for it in self.transitions if it.source == state and (trigger is None or it.trigger == trigger))

    def first_of(self, category: Category) -> StateSpec | None:
        return next((state for state in self.states.values() if state.category == category), None)
