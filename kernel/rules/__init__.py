"""What staff automate without code: when this happens and that holds, do those. Apps register what there is."""

from .backtest import BackTest, Sample, back_test
from .conditions import WrongValue, parse, to_codes, to_words
from .registry import (
    Action,
    Field,
    Kind,
    Occasion,
    RuleEvent,
    action_of,
    actions,
    event_of,
    events,
    register_action,
)
from .running import consider, is_heard, register_event, switch
from .seeding import ActionSpec, ConditionSpec, RuleSpec, ensure_rule, ensure_rules, register_rule

__all__ = [
    "Action",
    "ActionSpec",
    "BackTest",
    "ConditionSpec",
    "Field",
    "Kind",
    "Occasion",
    "RuleEvent",
    "RuleSpec",
    "Sample",
    "WrongValue",
    "action_of",
    "actions",
    "back_test",
    "consider",
    "ensure_rule",
    "ensure_rules",
    "event_of",
    "events",
    "is_heard",
    "parse",
    "register_action",
    "register_event",
    "register_rule",
    "switch",
    "to_codes",
    "to_words",
]
