"""What a rule would have done over the past days. Nothing is done and nothing is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from kernel.models import Rule

from .registry import RuleEvent, action_of, event_of
from .running import conditions_of

MOST = 20_000  # events looked at
SHOWN = 50


@dataclass(frozen=True, slots=True)
class Sample:
    subject: str
    order_no: str


@dataclass(slots=True)
class BackTest:
    """
    :param considered: events of the rule's kind in that time
    :param matched: those that fulfil its conditions, as things stand today
    :param deeds: what it would have done with each of them
    """

    days: int
    considered: int = 0
    matched: int = 0
    is_cut: bool = False
    samples: list[Sample] = field(default_factory=list)
    deeds: Sequence[str] = ()


def back_test(*, rule_id: int, days: int, at: datetime) -> BackTest:
    """
    Try a rule, switched on or not, on the events of the past days, newest first.

    :raises WrongValue: if one of its conditions cannot be read any more
    """
    rule = Rule.objects.get(pk=rule_id)
    found, kind = BackTest(days=days), event_of(rule.event)
    found.deeds = [_say(row.action, row.value) for row in rule.actions.order_by("position", "pk")]
    if kind is not None:
        _look(rule, kind, found, since=at - timedelta(days=days), until=at)
    return found


def _look(rule: Rule, kind: RuleEvent, found: BackTest, *, since: datetime, until: datetime) -> None:
    holds = conditions_of(rule, kind)
    for told in kind.past(since=since, until=until):
        if found.considered >= MOST:
            found.is_cut = True
            return
        occasion = kind.load(told)
        if occasion is None:
            continue
        found.considered += 1
        if holds(occasion.facts):
            found.matched += 1
            if len(found.samples) < SHOWN:
                found.samples.append(Sample(occasion.subject, occasion.order_no))


def _say(code: str, value: str) -> str:
    action = action_of(code)
    return action.say(value) if action else code
