"""Rules meet what happened: each rule once per event, each on its own, and none for ever when it fails."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime

from django.db import OperationalError, transaction
from django.utils.translation import gettext_lazy as _

from kernel import alerts, audit
from kernel.errors import DomainError
from kernel.events import Event, handles
from kernel.models import Alert, Rule, RuleAction, RuleRun, User

from .conditions import Condition, compiled
from .registry import Occasion, RuleEvent, action_of, add_event

log = logging.getLogger(__name__)

FAILURES = 5  # in a row: then a rule stops itself
SUBJECT_LENGTH = RuleRun._meta.get_field("subject").max_length or 0
ERROR_LENGTH = RuleRun._meta.get_field("error").max_length or 0
ALERT = "rule_stopped"


class NoSuchAction(DomainError):
    text = _("No part of this installation does “%(action)s” any more. Choose another action.")


class DoesNotFitEvent(DomainError):
    text = _("“%(action)s” cannot be done with what happened here.")


def register_event(kind: RuleEvent) -> None:
    """Let rules hear of an event, after the commit that tells it."""
    add_event(kind)

    def react(told: Event, /, *, at: datetime) -> None:
        consider(kind, told, at=at)

    handles(kind.told_by, name=f"rules.{kind.code}")(react)


def is_heard(code: str) -> bool:
    """Whether any rule listens to an event now."""
    return Rule.objects.filter(event=code, is_enabled=True).exists()


def consider(kind: RuleEvent, told: Event, *, at: datetime) -> None:
    """Have every rule for this kind of event look at one, in the order staff gave them."""
    rules = list(Rule.objects.filter(event=kind.code, is_enabled=True).order_by("position", "pk"))
    occasion = kind.load(told) if rules else None
    if occasion is None:
        return
    for rule in rules:
        _meet(rule, kind, occasion, at=at)


def conditions_of(rule: Rule, kind: RuleEvent) -> Condition:
    """
    :raises WrongValue: if one of its conditions cannot be read any more
    """
    return compiled(event=kind, conditions=rule.conditions.order_by("position", "pk"))


def _meet(rule: Rule, kind: RuleEvent, occasion: Occasion, *, at: datetime) -> None:
    """A rule whose conditions cannot be read has failed: it is logged as such, and stops itself in time."""
    try:
        holds = conditions_of(rule, kind)
    except DomainError as error:
        if (run := _begin(rule, occasion, at=at)) is not None:
            _fail(rule, run, error, at=at)
        return
    if holds(occasion.facts):
        _run(rule, occasion, at=at)


@transaction.atomic
def switch(*, rule_id: int, on: bool, by: User, at: datetime) -> Rule:
    """Switch a rule on or off; switched on again, a rule that stopped itself has as many tries as at first."""
    rule = Rule.objects.select_for_update().get(pk=rule_id)
    before = {"is_enabled": rule.is_enabled}
    rule.is_enabled, rule.stopped_at, rule.failures = on, None, 0
    rule.save(update_fields=["is_enabled", "stopped_at", "failures"])
    audit.record(action="rules.switch", subject=rule, by=by, at=at, before=before, after={"is_enabled": on})
    alerts.resolve(kind=ALERT, subject=rule.name, by=by, at=at)
    return rule


def _run(rule: Rule, occasion: Occasion, *, at: datetime) -> None:
    run = _begin(rule, occasion, at=at)
    if run is None:
        return
    try:
        with transaction.atomic():
            run.results = _do_all(rule, occasion, at=at)
    except OperationalError:
        raise  # a deadlock or a lost connection is nobody's rule: the event is told again
    except Exception as error:  # noqa: BLE001 - one rule that fails must not stop the next
        _fail(rule, run, error, at=at)
    else:
        Rule.objects.filter(pk=rule.pk).exclude(failures=0).update(failures=0)
        run.save(update_fields=["results"])


def _begin(rule: Rule, occasion: Occasion, *, at: datetime) -> RuleRun | None:
    """The record of a run; None if the rule has met this event before."""
    facts = {"subject": occasion.subject[:SUBJECT_LENGTH], "order_no": occasion.order_no, "ran_at": at}
    with transaction.atomic():
        run, is_new = RuleRun.objects.get_or_create(rule=rule, event_key=occasion.key, defaults=facts)
    return run if is_new else None


def _do_all(rule: Rule, occasion: Occasion, *, at: datetime) -> list[str]:
    rows: Sequence[RuleAction] = list(rule.actions.order_by("position", "pk"))
    return [_do(row, rule, occasion, at=at) for row in rows]


def _do(row: RuleAction, rule: Rule, occasion: Occasion, *, at: datetime) -> str:
    action = action_of(row.action)
    if action is None:
        raise NoSuchAction(action=row.action)
    if not action.needs <= occasion.ids.keys():
        raise DoesNotFitEvent(action=action.label)
    key = f"rule:{rule.pk}.{row.pk}:{occasion.key}"
    return str(action.do(occasion, row.value, rule=rule.name, key=key, at=at))


def _fail(rule: Rule, run: RuleRun, error: Exception, *, at: datetime) -> None:
    is_ours = isinstance(error, DomainError)
    log.warning("rules.failed rule=%s error=%s", rule.pk, type(error).__name__, exc_info=None if is_ours else error)
    run.state, run.error = RuleRun.State.FAILED, (str(error) if is_ours else type(error).__name__)[:ERROR_LENGTH]
    run.save(update_fields=["state", "error"])
    locked = Rule.objects.select_for_update().get(pk=rule.pk)
    locked.failures += 1
    if locked.failures >= FAILURES and locked.is_enabled:
        locked.is_enabled, locked.stopped_at = False, at
        _tell_stopped(locked, run, at=at)
    locked.save(update_fields=["failures", "is_enabled", "stopped_at"])


def _tell_stopped(rule: Rule, run: RuleRun, *, at: datetime) -> None:
    alerts.raise_alert(
        kind=ALERT,
        subject=rule.name,
        severity=Alert.Severity.CRITICAL,
        text=_("A payment rule failed several times in a row and has switched itself off. Its runs say why."),
        evidence={"rule": rule.pk, "run": run.pk, "error": run.error},
        at=at,
    )
