from __future__ import annotations

import pytest

from kernel.money import yuan
from kernel.workflow import OPERATORS, Condition, Fact
from kernel.workflow.conditions import judge

DUE = Fact("due_fen", "still to be paid", lambda row: row.due_fen, show=yuan)


def holds(op: str, actual: object, expected: object) -> bool:
    return judge(Condition("due_fen", op, expected), fact=DUE, actual=actual).holds


@pytest.mark.parametrize(
    ("op", "expected", "holding", "failing"),
    [
        ("eq", 5, 5, 6),
        ("ne", 5, 6, 5),
        ("lt", 5, 4, 5),
        ("le", 5, 5, 6),
        ("gt", 5, 6, 5),
        ("ge", 5, 5, 4),
        ("in", ["a", "b"], "a", "c"),
        ("not_in", ["a", "b"], "c", "a"),
        ("is_true", None, 1, 0),
    ],
)
def test_every_operator_holds_and_fails(op: str, expected: object, holding: object, failing: object) -> None:
    assert (holds(op, holding, expected), holds(op, failing, expected)) == (True, False)


def test_the_table_above_names_every_operator() -> None:
    assert set(OPERATORS) == {"eq", "ne", "lt", "le", "gt", "ge", "in", "not_in", "is_true"}


@pytest.mark.parametrize(
    ("op", "actual", "expected"),
    [("le", None, 0), ("le", "paid", 0), ("like", 0, 0), ("in", "a", "abc"), ("not_in", "x", "abc")],
)
def test_what_cannot_be_judged_does_not_hold(op: str, actual: object, expected: object) -> None:
    assert not holds(op, actual, expected)


def test_a_fact_nobody_knows_does_not_hold() -> None:
    assert not judge(Condition("moon_phase", "ne", "full"), fact=None, actual=None).holds


def test_it_says_what_was_wanted_and_what_is() -> None:
    verdict = judge(Condition("due_fen", "le", 0), fact=DUE, actual=1_000)

    assert "≤ ￥0.00" in verdict.text
    assert "￥10.00" in verdict.text
