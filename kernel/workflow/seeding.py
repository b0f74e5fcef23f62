"""Writes ready-made workflows as published versions; what is there already is left alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from kernel.models import State, Transition, Workflow, WorkflowVersion

from .graph import forget_graphs
from .spec import Condition, StateSpec, TransitionSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowSpec:
    code: str
    name: str
    name_en: str
    owner: str
    states: Sequence[StateSpec]
    transitions: Sequence[TransitionSpec]


@transaction.atomic
def ensure_workflow(spec: WorkflowSpec, *, at: datetime) -> WorkflowVersion:
    """The newest published version of this workflow; its first one is made from the spec if there is none."""
    names = {"name": spec.name, "name_en": spec.name_en, "owner": spec.owner}
    workflow, _is_new = Workflow.objects.get_or_create(code=spec.code, defaults=names)
    return newest_version(spec.code) or _publish(workflow, spec, at=at)


def newest_version(workflow_code: str) -> WorkflowVersion | None:
    """The version that new objects are born with."""
    published = WorkflowVersion.objects.filter(workflow__code=workflow_code, published_at__isnull=False)
    return published.order_by("-number").first()


def _publish(workflow: Workflow, spec: WorkflowSpec, *, at: datetime) -> WorkflowVersion:
    version = WorkflowVersion.objects.create(workflow=workflow, number=1, published_at=at)
    State.objects.bulk_create(_state(it, version, position) for position, it in enumerate(spec.states))
    stored = {row.code: row for row in State.objects.filter(version=version)}
    Transition.objects.bulk_create(
        _transition(it, version, stored, position) for position, it in enumerate(spec.transitions)
    )
    forget_graphs()
    return version


def _state(spec: StateSpec, version: WorkflowVersion, position: int) -> State:
    return State(
        version=version,
        code=spec.code,
        name=spec.name,
        name_en=spec.name_en,
        category=spec.category,
        is_initial=spec.is_initial,
        position=position,
    )


def _transition(
    spec: TransitionSpec, version: WorkflowVersion, states: Mapping[str, State], position: int
) -> Transition:
    return Transition(
        version=version,
        code=spec.code,
        name=spec.name,
        name_en=spec.name_en,
        from_state=states[spec.source],
        to_state=states[spec.target],
        trigger=spec.trigger,
        after_seconds=None if spec.after is None else int(spec.after.total_seconds()),
        conditions=[_condition(it) for it in spec.conditions],
        permission=spec.permission,
        position=position,
    )


def _condition(condition: Condition) -> dict[str, object]:
    return {"field": condition.field, "op": condition.op, "value": condition.value}
