"""Moves a set of rows: a handful of statements for one row as for a thousand."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, cast

from django.db import connection
from django.db.models import F
from django.utils.translation import gettext_lazy as _

from kernel import counters
from kernel.bulk import ByKey
from kernel.errors import DomainError
from kernel.models import User

from .deciding import Move, Occurrence, Refusal, decide, next_timer
from .history import Column, write_history, write_varied_history
from .subject import Row, WorkflowSubject

CHUNK = 1_000


class RowsMoved(DomainError):
    text = _("Somebody else moved this meanwhile. Reload the page and look again.")


@dataclass(frozen=True, slots=True)
class FireResult:
    moved: dict[int, Move] = field(default_factory=dict)
    refused: dict[int, Refusal] = field(default_factory=dict)


def fire(
    *,
    subject: WorkflowSubject,
    rows: Sequence[Row],
    occurrence: Occurrence,
    changed: Sequence[str] = (),
    varied: Sequence[str] = (),
    at: datetime,
    by: User | None = None,
) -> FireResult:
    """
    Tell rows what happened, move those that it moves, and write each one's history, in the caller's transaction.

    :param rows: locked by the caller; their state on the instances is brought up to date
    :param changed: columns the caller has changed on the instances, written along in the same statement
    :param varied: the same, for columns that hold another value on almost every row, such as sums
    :return: the move of each row, or why it was refused; a refusal is no error here
    :raises RowsMoved: if a row was not locked and has left its state
    """
    if not connection.in_atomic_block:
        raise RuntimeError("fire() belongs into the transaction of the act that it follows")
    decided = decide(subject=subject, rows=rows, occurrence=occurrence, by=by, at=at)
    for chunk in _chunks(_groups(subject, rows, decided, changed=changed, at=at)):
        _write(subject, replace(chunk, varied=varied), occurrence, by=by, at=at)
    _count(subject, decided)
    return FireResult(
        moved={pk: it for pk, it in decided.items() if isinstance(it, Move)},
        refused={pk: it for pk, it in decided.items() if isinstance(it, Refusal)},
    )


@dataclass(frozen=True, slots=True)
class Group:
    """Rows to which the same happens."""

    rows: Sequence[Row]
    move: Move | Refusal
    values: Mapping[str, Any]
    varied: Sequence[str] = ()


def _groups(
    subject: WorkflowSubject,
    rows: Sequence[Row],
    decided: Mapping[int, Move | Refusal],
    *,
    changed: Sequence[str],
    at: datetime,
) -> Iterator[Group]:
    together: defaultdict[object, list[Row]] = defaultdict(list)
    meaning: dict[object, tuple[Move | Refusal, Mapping[str, Any]]] = {}
    for row in sorted(rows, key=lambda it: it.pk):
        move = decided[row.pk]
        values = {**{name: getattr(row, name) for name in changed}, **_entered(subject, row, move, at=at)}
        key = (row.state, row.workflow_version_id, tuple(values.items()), _code(move))
        together[key].append(row)
        meaning[key] = (move, values)
    return (Group(rows, *meaning[key]) for key, rows in together.items())


def _code(move: Move | Refusal) -> tuple[str, ...]:
    if isinstance(move, Move):
        return ("moved", move.transition.code)
    return ("refused", move.why)


def _entered(subject: WorkflowSubject, row: Row, move: Move | Refusal, *, at: datetime) -> dict[str, Any]:
    if isinstance(move, Refusal):
        return {}
    target, version_id = move.target, row.workflow_version_id
    timer = (
        next_timer(subject=subject, version_id=version_id, state=target.code, since=at)
        if subject.runs_timers(row)
        else None
    )
    entered = {"state": target.code, "category": str(target.category), "state_since": at, "timer_due_at": timer}
    return {**entered, **subject.stamps(target, at)}


def _chunks(groups: Iterator[Group]) -> Iterator[Group]:
    for group in groups:
        for start in range(0, len(group.rows), CHUNK):
            yield Group(group.rows[start : start + CHUNK], group.move, group.values)


def _write(subject: WorkflowSubject, group: Group, occurrence: Occurrence, *, by: User | None, at: datetime) -> None:
    is_told = occurrence.is_fact or isinstance(group.move, Move)
    values = {
        **group.values,
        **_varied(subject, group),
        **({"history_seq": F("history_seq") + 1} if is_told else {}),
    }
    ids = [row.pk for row in group.rows]
    if not values:
        return
    here = subject.model._default_manager.filter(pk__in=ids, state=group.rows[0].state)
    if here.update(**values) != len(ids):
        raise RowsMoved
    if is_told:
        entry = _entry(group.move, occurrence)
        if occurrence.facts_of:
            write_varied_history(subject, group.rows, entry, occurrence.facts_of, by=by, at=at)
        else:
            write_history(subject, ids, entry, by=by, at=at)
    for row in group.rows:
        _refresh(row, group.values, is_told=is_told)


def _varied(subject: WorkflowSubject, group: Group) -> dict[str, Any]:
    """One statement for all rows, whatever the value of each."""
    columns = {name: cast("Column", subject.model._meta.get_field(name)) for name in group.varied}
    return {
        name: ByKey(column=column, values={row.pk: getattr(row, name) for row in group.rows})
        for name, column in columns.items()
    }


def _refresh(row: Row, values: Mapping[str, Any], *, is_told: bool) -> None:
    for name, value in values.items():
        setattr(row, name, value)
    row.history_seq += int(is_told)


def _entry(move: Move | Refusal, occurrence: Occurrence) -> dict[str, object]:
    entry = {"kind": occurrence.kind, "code": occurrence.code, "trigger": str(occurrence.trigger)}
    if isinstance(move, Move):
        path = {"transition": move.transition.code, "from_state": move.source.code, "to_state": move.target.code}
        return {**entry, **path, "facts": dict(occurrence.facts)}
    path = {"transition": "", "from_state": move.state.code, "to_state": ""}
    return {**entry, **path, "facts": {**occurrence.facts, "refused": str(move.why)}}


def _count(subject: WorkflowSubject, decided: Mapping[int, Move | Refusal]) -> None:
    deltas: Counter[str] = Counter()
    for move in decided.values():
        if isinstance(move, Move):
            deltas[str(move.source.category)] -= 1
            deltas[str(move.target.category)] += 1
    if any(deltas.values()):
        counters.bump(subject.code, deltas)
