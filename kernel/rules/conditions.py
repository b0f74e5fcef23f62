"""Conditions of rules: rows of words that are read by the kind of the fact they are about."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

from django.utils.translation import gettext_lazy as _

from kernel.errors import DomainError
from kernel.models import RuleCondition
from kernel.money import parse_yuan
from kernel.workflow import OPERATORS

from .registry import Field, Kind, RuleEvent

Condition = Callable[[Mapping[str, object]], bool]
SEPARATORS = re.compile(r"[,，、]")
CLOCK = re.compile(r"([01]?[0-9]|2[0-3])[:：]([0-5][0-9])")
ORDERED = frozenset({Kind.MONEY, Kind.NUMBER, Kind.TIME})
SETS = frozenset({RuleCondition.Operator.IN, RuleCondition.Operator.NOT_IN})
COMPARISONS = frozenset({"lt", "le", "gt", "ge"})


class WrongValue(DomainError):
    text = _("%(label)s: “%(given)s” does not fit. %(help)s")


class WrongComparison(DomainError):
    text = _("%(label)s cannot be compared with “%(sign)s”. Use =, ≠, or a list.")


HELP = {
    Kind.MONEY: _("Write an amount in yuan, such as 199.00."),
    Kind.NUMBER: _("Write a whole number."),
    Kind.TIME: _("Write a time of the day, such as 09:30."),
    Kind.CHOICE: _("Write one of: %(choices)s."),
    Kind.TEXT: _("Write a word."),
    Kind.LABELS: _("Write the name of a label."),
}


def parse(*, field: Field, op: str, given: str) -> object:
    """
    The value of a condition, typed as its fact is; a list where the operator asks for one.

    :raises WrongValue: if it is not such a value
    :raises WrongComparison: if such a fact has no order
    """
    if op in COMPARISONS and field.kind not in ORDERED:
        raise WrongComparison(label=field.label, sign=RuleCondition.Operator(op).label)
    if op in SETS:
        return [_typed(field, part.strip()) for part in SEPARATORS.split(given) if part.strip()]
    return _typed(field, given.strip())


def to_codes(*, field: Field, op: str, given: str) -> str:
    """
    A value that fits, as it is stored: choices by their codes, whatever language they were written in.

    :raises WrongValue: as `parse`
    """
    parsed = parse(field=field, op=op, given=given)
    if field.kind is not Kind.CHOICE:
        return given
    return ", ".join(parsed) if isinstance(parsed, list) else str(parsed)


def to_words(*, field: Field, stored: str) -> str:
    """The same as staff read it: choices by what they are called."""
    if field.kind is not Kind.CHOICE:
        return stored
    labels = {code: str(label) for code, label in field.choices()}
    return ", ".join(labels.get(part.strip(), part.strip()) for part in SEPARATORS.split(stored))


def compiled(*, event: RuleEvent, conditions: Iterable[RuleCondition]) -> Condition:
    """
    Conditions read once, to be asked of any number of occasions: whether all of them hold for these facts.

    :raises WrongValue: if one cannot be read any more, such as a choice that is gone
    """
    asked = [_compiled(event.field_of(row.field), row) for row in conditions]
    return lambda facts: all(holds(facts) for holds in asked)


def _compiled(field: Field | None, row: RuleCondition) -> Condition:
    """A condition about a fact that is not there any more never holds."""
    if field is None:
        return lambda facts: False
    wanted = parse(field=field, op=row.op, given=row.value)
    return lambda facts: _holds(field, row.op, facts.get(field.code), wanted)


def _holds(field: Field, op: str, actual: object, wanted: object) -> bool:
    if field.kind is Kind.LABELS:
        have = set(actual) if isinstance(actual, list | tuple | set | frozenset) else set()
        asked = set(wanted) if isinstance(wanted, list) else {wanted}
        return bool(have & asked) is (op in ("eq", "in"))
    if actual is None:
        return op in ("ne", "not_in")
    return bool(OPERATORS[op](actual, wanted))


def _typed(field: Field, given: str) -> object:
    try:
        match field.kind:
            case Kind.MONEY:
                return parse_yuan(given)
            case Kind.NUMBER:
                return int(given)
            case Kind.TIME:
                return _minutes(given)
    except ValueError as error:
        raise WrongValue(label=field.label, given=given, help=HELP[field.kind]) from error
    if field.kind is Kind.CHOICE:
        return _chosen(field, given)
    if not given:
        raise WrongValue(label=field.label, given=given, help=HELP[field.kind])
    return given


def _minutes(given: str) -> int:
    match = CLOCK.fullmatch(given)
    if match is None:
        raise ValueError(given)
    return int(match[1]) * 60 + int(match[2])


def _chosen(field: Field, given: str) -> str:
    """By its code or by what staff call it."""
    for code, label in field.choices():
        if given in (code, str(label)):
            return code
    offered = ", ".join(str(label) for _code, label in field.choices())
    raise WrongValue(label=field.label, given=given, help=HELP[Kind.CHOICE] % {"choices": offered})
