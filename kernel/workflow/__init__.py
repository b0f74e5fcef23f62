"""The engine that moves orders and cases along workflows that merchants write as rows."""

from .conditions import OPERATORS, Verdict
from .deciding import Move, Occurrence, Refusal, Why, next_timer
from .explaining import Explanation, Refused, WayOn, explain
from .firing import FireResult, RowsMoved, fire
from .graph import forget_graphs, graph_of
from .seeding import WorkflowSpec, ensure_workflow, newest_version
from .spec import Condition, Graph, StateSpec, TransitionSpec
from .subject import Fact, WorkflowSubject

__all__ = [
    "OPERATORS",
    "Condition",
    "Explanation",
    "Fact",
    "FireResult",
    "Graph",
    "Move",
    "Occurrence",
    "Refusal",
    "Refused",
    "RowsMoved",
    "StateSpec",
    "TransitionSpec",
    "Verdict",
    "WayOn",
    "Why",
    "WorkflowSpec",
    "WorkflowSubject",
    "ensure_workflow",
    "explain",
    "fire",
    "forget_graphs",
    "graph_of",
    "newest_version",
    "next_timer",
]
