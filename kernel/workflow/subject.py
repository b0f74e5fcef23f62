"""What the engine has to know of a kind of object to move it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from django.db import models
from django.utils.functional import Promise

from .spec import StateSpec, TransitionSpec


class Row(Protocol):
    """A row that a workflow moves: an order, a case."""

    pk: Any
    workflow_version_id: Any
    state: Any
    category: Any
    state_since: Any
    timer_due_at: Any
    history_seq: Any


@dataclass(frozen=True, slots=True)
class Fact:
    """
    Something that conditions may ask about a row.

    :param read: from the row alone
    :param load: for facts that lie elsewhere: rows to values by primary key, in one query
    :param show: a value as people read it
    """

    code: str
    label: str | Promise
    read: Callable[[Any], object] | None = None
    load: Callable[[Sequence[Any]], Mapping[int, object]] | None = None
    show: Callable[[Any], str] = str


def _nothing(state: StateSpec, at: datetime) -> Mapping[str, object]:
    return {}


def _no_time(transition: TransitionSpec) -> timedelta | None:
    return None


def _always(row: Any) -> bool:
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowSubject:
    """
    A kind of object with workflow columns (see `Row`) and a history table with `seq` and the columns of a move.

    :param history_key: the history's column that names the object
    :param stamps: other columns to set on entering a state
    :param runs_timers: whether time-outs count for this row
    :param time_of: how long a timeout without a duration of its own waits
    """

    code: str
    model: type[models.Model]
    history: type[models.Model]
    history_key: str
    facts: Mapping[str, Fact] = field(default_factory=dict)
    stamps: Callable[[StateSpec, datetime], Mapping[str, object]] = _nothing
    runs_timers: Callable[[Any], bool] = _always
    time_of: Callable[[TransitionSpec], timedelta | None] = _no_time

    def read_facts(self, rows: Sequence[Row], codes: Iterable[str]) -> dict[int, dict[str, object]]:
        """The values that conditions ask for, by row; facts nobody asks for cost nothing."""
        known = [self.facts[code] for code in codes if code in self.facts]
        values: dict[int, dict[str, object]] = {row.pk: {} for row in rows}
        for fact in known:
            loaded = fact.load(rows) if fact.load else {row.pk: fact.read(row) for row in rows if fact.read}
            for row in rows:
                values[row.pk][fact.code] = loaded.get(row.pk)
        return values
