"""Why an object is where it is: every way on, what has set it off or not, and what speaks against it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from kernel.models import Trigger, User

from .conditions import Verdict
from .deciding import due_at, is_permitted, verdicts
from .graph import graph_of
from .spec import StateSpec, TransitionSpec
from .subject import Row, WorkflowSubject

WAITS_FOR: Mapping[Trigger, str | Promise] = {
    Trigger.PAYMENT_SUCCEEDED: _("Waits for a payment."),
    Trigger.SHIPPED: _("Waits for a parcel."),
    Trigger.ALL_SHIPPED: _("Waits until everything is shipped."),
    Trigger.TIMEOUT: _("Waits for its time."),
    Trigger.REFUND_SUCCEEDED: _("Waits for a refund."),
    Trigger.ORDER_CLOSED: _("Waits for the order to be closed."),
    Trigger.ORDER_REVIVED: _("Waits for money that arrives after all."),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class WayOn:
    """
    An outgoing transition of the state an object is in.

    :param seen_at: when its trigger last happened to this object; None if it never did
    :param due_at: of a timeout
    """

    transition: TransitionSpec
    target: StateSpec
    verdicts: tuple[Verdict, ...]
    is_permitted: bool
    seen_at: datetime | None = None
    due_at: datetime | None = None

    @property
    def is_manual(self) -> bool:
        return self.transition.trigger == Trigger.MANUAL

    @property
    def is_open(self) -> bool:
        """Whether nothing but the trigger is missing; a manual one can be pressed now."""
        return self.is_permitted and all(verdict.holds for verdict in self.verdicts)

    @property
    def reason(self) -> str:
        """Why it has not happened or cannot be pressed; empty if it can."""
        failed = [verdict.text for verdict in self.verdicts if not verdict.holds]
        if failed:
            return str(_("Not fulfilled: %(failed)s.")) % {"failed": "; ".join(failed)}
        if not self.is_permitted:
            return str(_("Your role may not do this (%(permission)s).")) % {"permission": self.transition.permission}
        return "" if self.is_manual else str(WAITS_FOR[self.transition.trigger])


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """The last time something happened that should have moved the object, and did not."""

    trigger: Trigger
    at: datetime
    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    state: StateSpec
    since: datetime
    ways_on: tuple[WayOn, ...]
    timer_due_at: datetime | None
    last_refusal: Refused | None = None
    manual: tuple[WayOn, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "manual", tuple(way for way in self.ways_on if way.is_manual))


def explain(
    subject: WorkflowSubject,
    row: Row,
    *,
    user: User | None,
    history: Sequence[Any] | None = None,
    trigger: Trigger | None = None,
) -> Explanation:
    """
    Judge every outgoing transition of a row's state with the values as they are.

    :param user: whose permissions count; None for the product itself
    :param history: the row's entries that have a trigger, if they are read already; saves a query
    :param trigger: judges only transitions with this one; of manual ones nothing is read but the row
    """
    graph = graph_of(row.workflow_version_id)
    leaving = graph.leaving(row.state, trigger)
    values = subject.read_facts([row], sorted({it.field for way in leaving for it in way.conditions}))[row.pk]
    told = triggered_history(subject, row) if history is None else [it for it in history if it.trigger]
    seen = {entry.trigger: entry.at for entry in sorted(told, key=lambda it: it.seq)}
    return Explanation(
        state=graph.states[row.state],
        since=row.state_since,
        ways_on=tuple(
            WayOn(
                transition=it,
                target=graph.states[it.target],
                verdicts=verdicts(subject, it, values),
                is_permitted=it.trigger != Trigger.MANUAL or is_permitted(it, user),
                seen_at=seen.get(it.trigger),
                due_at=_due_at(subject, row, it),
            )
            for it in leaving
        ),
        timer_due_at=row.timer_due_at,
        last_refusal=_last_refusal(told),
    )


def triggered_history(subject: WorkflowSubject, row: Row) -> list[Any]:
    entries = subject.history._default_manager.filter(**{subject.history_key: row.pk}).exclude(trigger="")
    return list(entries.order_by("-seq")[:100])


def _due_at(subject: WorkflowSubject, row: Row, transition: TransitionSpec) -> datetime | None:
    if transition.trigger != Trigger.TIMEOUT or not subject.runs_timers(row):
        return None
    return due_at(subject, transition, row.state_since)


def _last_refusal(told: Sequence[Any]) -> Refused | None:
    refused = [it for it in told if not it.to_state]
    if not refused:
        return None
    last = max(refused, key=lambda it: it.seq)
    return Refused(trigger=Trigger(last.trigger), at=last.at, facts=last.facts)
