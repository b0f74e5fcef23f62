from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from kernel.clock import now

from .account import AccountConfig, AccountField, Words
from .calls import Capabilities, CreateRequest, NextAction, PaymentRef, RefundRef, RefundRequest
from .checks import CheckResult
from .event import GatewayEvent
from .transport import Transport

Clock = Callable[[], datetime]


class ForgedNotification(Exception):
    """The signature is missing, stale or wrong: nothing in the message may be believed."""


class UnknownKey(Exception):
    """Signed with a key we do not hold (yet): refresh the keys, and the next resend can be checked."""

    def __init__(self, serial: str) -> None:
        super().__init__(serial)
        self.serial = serial


class Unreadable(Exception):
    """Authentic, but we cannot open or understand it: a wrong APIv3 key, a field not as documented."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InboundRequest:
    headers: Mapping[str, str]
    body: bytes  # as received: a re-encoded body breaks the signature
    received_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Ack:
    status: int
    body: bytes
    content_type: str


def claim_problems(*, expected: Mapping[str, str], claims: Mapping[str, str]) -> tuple[str, ...]:
    """Names under which a notification is not this account's; a claim that is not made is a problem, too."""
    return tuple(name for name, value in expected.items() if claims.get(name) != value)


class Gateway(ABC):
    """
    Translates; decides nothing, stores nothing, never touches the database.

    Whatever a gateway does, its calls return an event: a time-out, a 5xx, an answer that is badly signed or makes
    no sense is `Outcome.UNKNOWN`. They raise ConfigError alone, and make none of their calls in a transaction.
    """

    code: ClassVar[str]
    label: ClassVar[Words]
    capabilities: ClassVar[Capabilities]
    SETTING_FIELDS: ClassVar[tuple[AccountField, ...]]
    CREDENTIAL_FIELDS: ClassVar[tuple[AccountField, ...]]

    def __init__(self, *, config: AccountConfig, transport: Transport | None = None, clock: Clock = now) -> None:
        """Any account may be built, even one set up wrongly: its first use or its self-check tells."""
        self.config = config
        self.transport = transport
        self.clock = clock

    @abstractmethod
    def account_claims(self) -> Mapping[str, str]:
        """What a notification must claim to be this account's; see `claim_problems`. Answers claim nothing."""

    @abstractmethod
    def create(self, *, request: CreateRequest) -> tuple[GatewayEvent, NextAction]:
        """
        Ask for money. Sent again with the same number and content, it asks for the same money.

        :raises ConfigError: if the account is set up wrongly
        """

    @abstractmethod
    def query(self, *, ref: PaymentRef) -> GatewayEvent:
        """
        Where a payment stands. NOT_FOUND is not the end of it while a customer may still scan.

        :raises ConfigError: if the account is set up wrongly
        """

    @abstractmethod
    def close(self, *, ref: PaymentRef) -> GatewayEvent:
        """
        Make an unpaid payment unpayable. Only CLOSED says that it is; UNKNOWN: query.

        :raises ConfigError: if the account is set up wrongly
        """

    @abstractmethod
    def refund(self, *, request: RefundRequest) -> GatewayEvent:
        """
        Give money back. UNKNOWN is settled by `query_refund` or by the same request again, never by a new number.

        :raises ConfigError: if the account is set up wrongly
        """

    @abstractmethod
    def query_refund(self, *, ref: RefundRef) -> GatewayEvent:
        """
        Where a refund stands. NOT_FOUND: it was not carried out (yet); send the same request again.

        :raises ConfigError: if the account is set up wrongly
        """

    @abstractmethod
    def parse_notification(self, *, request: InboundRequest) -> GatewayEvent:
        """
        Authenticate a notification, then translate it.

        :raises ForgedNotification: if the gateway did not sign these bytes
        :raises UnknownKey: if we lack the key that would tell
        :raises Unreadable: if it is authentic, and still makes no sense to us
        :raises ConfigError: if our own keys cannot be read
        """

    @abstractmethod
    def acknowledge(self, *, event: GatewayEvent) -> Ack:
        """The answer that ends the resending; given after the event is committed, never before."""

    @abstractmethod
    def refuse(self, *, status: int) -> Ack:
        """The answer that makes the gateway send again, with an HTTP status of 400 or above."""

    @abstractmethod
    def self_check(self, *, online: bool = False, notify_url: str = "") -> list[CheckResult]:
        """
        What is right and wrong about the account; never raises.

        :param online: also ask the gateway about a payment that does not exist, which proves both signatures
        """
