"""Conditions are rows of (field, operator, value), never code; what cannot be judged does not hold."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from .spec import Condition
from .subject import Fact


def _is_in(actual: object, expected: object) -> bool:
    return isinstance(expected, list | tuple) and actual in expected


def _is_not_in(actual: object, expected: object) -> bool:
    return isinstance(expected, list | tuple) and actual not in expected


OPERATORS: Mapping[str, Callable[[object, object], bool]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "lt": operator.lt,  # type: ignore[dict-item]
    "le": operator.le,  # type: ignore[dict-item]
    "gt": operator.gt,  # type: ignore[dict-item]
    "ge": operator.ge,  # type: ignore[dict-item]
    "in": _is_in,
    "not_in": _is_not_in,
    "is_true": lambda actual, expected: bool(actual),
}

SIGNS: Mapping[str, str | Promise] = {
    "eq": "=",
    "ne": "≠",
    "lt": "<",
    "le": "≤",
    "gt": ">",
    "ge": "≥",
    "in": _("one of"),
    "not_in": _("none of"),
    "is_true": _("is so"),
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """A condition with the value it met."""

    condition: Condition
    fact: Fact | None
    actual: object
    holds: bool

    @property
    def text(self) -> str:
        """For people: “still to pay ≤ ￥0.00 (is ￥39.00)”."""
        label = str(self.fact.label) if self.fact else self.condition.field
        words = (label, str(SIGNS.get(self.condition.op, self.condition.op)), self._shown(self.condition.value))
        wanted = " ".join(word for word in words if word)
        return str(_("%(wanted)s (is %(actual)s)")) % {"wanted": wanted, "actual": self._shown(self.actual)}

    def _shown(self, value: object) -> str:
        if isinstance(value, list | tuple):
            return ", ".join(self._shown(part) for part in value)
        if value is None:
            return ""
        return self.fact.show(value) if self.fact else str(value)


def judge(condition: Condition, *, fact: Fact | None, actual: object) -> Verdict:
    return Verdict(condition, fact, actual, holds=fact is not None and _holds(condition, actual))


def _holds(condition: Condition, actual: object) -> bool:
    compare = OPERATORS.get(condition.op)
    try:
        return compare is not None and bool(compare(actual, condition.value))
    except TypeError:  # None, or a text against a number
        return False
