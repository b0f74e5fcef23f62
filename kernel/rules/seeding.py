"""Rules that a shop starts with; staff change or switch them, and they stay changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import transaction
from django.utils.functional import Promise

from kernel.models import Rule, RuleAction, RuleCondition

Words = str | Promise


@dataclass(frozen=True, slots=True)
class ConditionSpec:
    field: str
    op: str
    value: str


@dataclass(frozen=True, slots=True)
class ActionSpec:
    action: str
    value: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSpec:
    code: str
    name: Words
    event: str
    conditions: Sequence[ConditionSpec] = ()
    actions: Sequence[ActionSpec] = ()
    is_enabled: bool = True


_specs: list[RuleSpec] = []


def register_rule(spec: RuleSpec) -> None:
    """Have every new shop start with this rule."""
    _specs.append(spec)


def ensure_rules() -> int:
    """
    Write the rules that a shop starts with, unless they are there. Harmless to run again.

    :return: how many are new
    """
    return sum(ensure_rule(spec=spec, position=position) for position, spec in enumerate(_specs))


@transaction.atomic
def ensure_rule(*, spec: RuleSpec, position: int = 0) -> bool:
    facts = {"name": str(spec.name), "event": spec.event, "is_enabled": spec.is_enabled, "position": position}
    rule, is_new = Rule.objects.get_or_create(code=spec.code, defaults=facts)
    if is_new:
        RuleCondition.objects.bulk_create(
            RuleCondition(rule=rule, position=at, field=it.field, op=it.op, value=it.value)
            for at, it in enumerate(spec.conditions)
        )
        RuleAction.objects.bulk_create(
            RuleAction(rule=rule, position=at, action=it.action, value=it.value) for at, it in enumerate(spec.actions)
        )
    return is_new
