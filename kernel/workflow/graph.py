"""Compiles a version's rows into memory, once per process: published versions never change."""

from __future__ import annotations

from datetime import timedelta
from functools import lru_cache

from django.db.models.signals import post_delete, post_save

from kernel.models import Category, State, Transition, Trigger, WorkflowVersion

from .spec import Condition, Graph, StateSpec, TransitionSpec


@lru_cache(maxsize=256)
def graph_of(version_id: int) -> Graph:
    states = {row.pk: _state(row) for row in State.objects.filter(version_id=version_id).order_by("position", "pk")}
    arrows = Transition.objects.filter(version_id=version_id).order_by("position", "pk")
    return Graph(
        version_id=version_id,
        states={state.code: state for state in states.values()},
        transitions=tuple(_transition(row, states) for row in arrows),
    )


def forget_graphs(**_signal: object) -> None:
    """For those who write states or transitions of a draft."""
    graph_of.cache_clear()


for _written in (WorkflowVersion, State, Transition):
    post_save.connect(forget_graphs, sender=_written, dispatch_uid=f"forget_graphs:save:{_written.__name__}")
    post_delete.connect(forget_graphs, sender=_written, dispatch_uid=f"forget_graphs:delete:{_written.__name__}")


def _state(row: State) -> StateSpec:
    return StateSpec(
        code=row.code,
        name=row.name,
        name_en=row.name_en,
        category=Category(row.category),
        is_initial=row.is_initial,
    )


def _transition(row: Transition, states: dict[int, StateSpec]) -> TransitionSpec:
    return TransitionSpec(
        code=row.code,
        name=row.name,
        name_en=row.name_en,
        source=states[row.from_state_id].code,
        target=states[row.to_state_id].code,
        trigger=Trigger(row.trigger),
        after=None if row.after_seconds is None else timedelta(seconds=row.after_seconds),
        conditions=tuple(Condition(it["field"], it["op"], it.get("value")) for it in row.conditions),
        permission=row.permission,
    )
