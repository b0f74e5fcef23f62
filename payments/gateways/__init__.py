"""Payment gateways in our own words. Pure: no row is read here, and nothing is decided."""

from __future__ import annotations

from .account import AccountConfig, AccountField, ConfigError, Environment, FieldKind
from .base import (
    Ack,
    FetchedKey,
    ForgedNotification,
    Gateway,
    InboundRequest,
    Meter,
    StaleNotification,
    UnknownKey,
    Unreadable,
    Unsupported,
    claim_problems,
)
from .calls import Capabilities, CreateRequest, NextAction, PaymentRef, RefundDetour, RefundRef, RefundRequest
from .checks import CheckResult, CheckStatus
from .event import EventKind, GatewayEvent, Outcome
from .fields import storable
from .redact import redact
from .registry import GATEWAYS, UnknownGateway, gateway_class, gateway_for
from .statement import (
    Availability,
    Movement,
    StatementFile,
    StatementLine,
    StatementRequest,
    UnreadableStatement,
)
from .transport import NetworkInTransaction, guard_no_transaction

__all__ = [
    "GATEWAYS",
    "AccountConfig",
    "AccountField",
    "Ack",
    "Availability",
    "Capabilities",
    "CheckResult",
    "CheckStatus",
    "ConfigError",
    "CreateRequest",
    "Environment",
    "EventKind",
    "FetchedKey",
    "FieldKind",
    "ForgedNotification",
    "Gateway",
    "GatewayEvent",
    "InboundRequest",
    "Meter",
    "Movement",
    "NetworkInTransaction",
    "NextAction",
    "Outcome",
    "PaymentRef",
    "RefundDetour",
    "RefundRef",
    "RefundRequest",
    "StaleNotification",
    "StatementFile",
    "StatementLine",
    "StatementRequest",
    "UnknownGateway",
    "UnknownKey",
    "Unreadable",
    "UnreadableStatement",
    "Unsupported",
    "claim_problems",
    "gateway_class",
    "gateway_for",
    "guard_no_transaction",
    "redact",
    "storable",
]
