from .approval import Approval
from .audit import AuditEntry
from .counting import Counter, Heartbeat, OnceKey, Sequence
from .events import Delivery, OutboxEvent
from .jobs import Job, JobItem
from .messaging import Alert, Message
from .rules import Rule, RuleAction, RuleCondition, RuleRun
from .shop import ShopSettings
from .timers import ScheduleTick
from .user import User
from .workflow import Category, State, Transition, Trigger, Workflow, WorkflowVersion

__all__ = [
    "Alert",
    "Approval",
    "AuditEntry",
    "Category",
    "Counter",
    "Delivery",
    "Heartbeat",
    "Job",
    "JobItem",
    "Message",
    "OnceKey",
    "OutboxEvent",
    "Rule",
    "RuleAction",
    "RuleCondition",
    "RuleRun",
    "ScheduleTick",
    "Sequence",
    "ShopSettings",
    "State",
    "Transition",
    "Trigger",
    "User",
    "Workflow",
    "WorkflowVersion",
]
