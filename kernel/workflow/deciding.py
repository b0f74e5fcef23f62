"""Which move, if any, something that happened sets off on each row of a set. Decides, writes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from kernel.models import Trigger, User

from .conditions import Verdict, judge
from .graph import graph_of
from .spec import StateSpec, TransitionSpec
from .subject import Row, WorkflowSubject


class Why(StrEnum):
    NO_TRANSITION = "no_transition"
    CONDITIONS = "conditions"
    PERMISSION = "permission"
    TOO_EARLY = "too_early"


SENTENCES: Mapping[Why, str | Promise] = {
    Why.NO_TRANSITION: _("Nothing leads on from “%(state)s” here."),
    Why.CONDITIONS: _("Not fulfilled: %(failed)s."),
    Why.PERMISSION: _("Your role may not do this (%(permission)s)."),
    Why.TOO_EARLY: _("The time for this has not come."),
}


@dataclass(frozen=True, slots=True)
class Move:
    transition: TransitionSpec
    source: StateSpec
    target: StateSpec


@dataclass(frozen=True, slots=True)
class Refusal:
    why: Why
    state: StateSpec
    transition: TransitionSpec | None = None
    failed: tuple[Verdict, ...] = ()

    @property
    def text(self) -> str:
        """A sentence for people, in their language."""
        return str(SENTENCES[self.why]) % {
            "state": self.state.label,
            "failed": "; ".join(verdict.text for verdict in self.failed),
            "permission": self.transition.permission if self.transition else "",
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Occurrence:
    """
    Something that happened to objects and may move them.

    :param facts_of: by the key of a row, what is told of that row alone, beside `facts`
    :param transition: of a manual move, the one that was chosen
    :param code: of the history entry, which tells what happened and the move it caused
    :param is_fact: it happened whether or not it moves anything, so the history says so either way
    """

    trigger: Trigger
    code: str = "state_moved"
    kind: str = "system"
    facts: Mapping[str, object] = field(default_factory=dict)
    facts_of: Mapping[int, Mapping[str, object]] = field(default_factory=dict)
    transition: str = ""
    is_fact: bool = False


def decide(
    *, subject: WorkflowSubject, rows: Sequence[Row], occurrence: Occurrence, by: User | None, at: datetime
) -> dict[int, Move | Refusal]:
    candidates = {row.pk: _candidates(row, occurrence) for row in rows}
    asked = {condition.field for its in candidates.values() for it in its for condition in it.conditions}
    values = subject.read_facts(rows, sorted(asked))
    return {row.pk: _first_open(subject, row, candidates[row.pk], values=values[row.pk], by=by, at=at) for row in rows}


def verdicts(subject: WorkflowSubject, transition: TransitionSpec, values: Mapping[str, object]) -> tuple[Verdict, ...]:
    return tuple(
        judge(it, fact=subject.facts.get(it.field), actual=values.get(it.field)) for it in transition.conditions
    )


def is_permitted(transition: TransitionSpec, by: User | None) -> bool:
    """Without a person it is the product itself that acts."""
    return by is None or not transition.permission or by.has_perm(transition.permission)


def due_at(subject: WorkflowSubject, transition: TransitionSpec, since: datetime) -> datetime | None:
    wait: timedelta | None = transition.after if transition.after is not None else subject.time_of(transition)
    return None if wait is None else since + wait


def next_timer(
    *, subject: WorkflowSubject, version_id: int, state: str, since: datetime, after: datetime | None = None
) -> datetime | None:
    """When the next timeout of a state that was entered at `since` is due, leaving out those due until `after`."""
    timeouts = graph_of(version_id).leaving(state, Trigger.TIMEOUT)
    dues = (due_at(subject, it, since) for it in timeouts)
    return min((due for due in dues if due is not None and (after is None or due > after)), default=None)


def _candidates(row: Row, occurrence: Occurrence) -> tuple[TransitionSpec, ...]:
    leaving = graph_of(row.workflow_version_id).leaving(row.state, occurrence.trigger)
    return tuple(it for it in leaving if occurrence.transition in ("", it.code))


def _first_open(
    subject: WorkflowSubject,
    row: Row,
    candidates: Iterable[TransitionSpec],
    *,
    values: Mapping[str, object],
    by: User | None,
    at: datetime,
) -> Move | Refusal:
    """The first candidate that nothing speaks against, else what speaks against the first."""
    states = graph_of(row.workflow_version_id).states
    source = states[row.state]
    refusal: Refusal | None = None
    for candidate in candidates:
        against = _against(subject, row, candidate, values=values, by=by, at=at)
        if against is None:
            return Move(candidate, source, states[candidate.target])
        refusal = refusal or Refusal(against[0], source, candidate, against[1])
    return refusal or Refusal(Why.NO_TRANSITION, source)


def _against(
    subject: WorkflowSubject,
    row: Row,
    candidate: TransitionSpec,
    *,
    values: Mapping[str, object],
    by: User | None,
    at: datetime,
) -> tuple[Why, tuple[Verdict, ...]] | None:
    if candidate.trigger == Trigger.MANUAL and not is_permitted(candidate, by):
        return Why.PERMISSION, ()
    if candidate.trigger == Trigger.TIMEOUT:
        due = due_at(subject, candidate, row.state_since)
        if due is None or due > at:
            return Why.TOO_EARLY, ()
    failed = tuple(verdict for verdict in verdicts(subject, candidate, values) if not verdict.holds)
    return (Why.CONDITIONS, failed) if failed else None
