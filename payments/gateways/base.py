from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import IO, ClassVar, Literal, Protocol

from django.utils.translation import gettext_lazy as _

from kernel.clock import now

from .account import AccountConfig, AccountField, ConfigError, Words
from .calls import Capabilities, CreateRequest, NextAction, PaymentRef, RefundDetour, RefundRef, RefundRequest
from .checks import CheckResult
from .event import GatewayEvent
from .statement import StatementFile, StatementLine, StatementRequest
from .transport import Transport

Clock = Callable[[], datetime]


class Meter(Protocol):
    """Counts what each key does, so that nobody retires one that is still in use; and hears the gateway's time."""

    def __call__(self, *, kind: str, value: str, act: Literal["sign", "verify"]) -> None:
        """:param value: the key or certificate in clear, as the account holds it under the field code `kind`"""

    def hear(self, *, told: datetime, at: datetime) -> None:
        """:param told: the gateway's time, in an answer whose signature fits; `at` is ours"""


class _NoMeter:
    """Nobody counts, and nobody listens."""

    def __call__(self, *, kind: str, value: str, act: Literal["sign", "verify"]) -> None:
        return

    def hear(self, *, told: datetime, at: datetime) -> None:
        return


no_meter = _NoMeter()


class Unsupported(ConfigError):
    text = _("%(label)s: this gateway has no such service.")


class ForgedNotification(Exception):
    """The signature is missing, stale or wrong: nothing in the message may be believed."""


class StaleNotification(ForgedNotification):
    """Signed too long ago, or in the future: a replay, or one of two clocks is wrong."""


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
class FetchedKey:
    """A key of the gateway's that it gave us itself, checked; `kind` is the code of a credential field."""

    kind: str
    value: str
    serial: str


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

    def __init__(
        self,
        *,
        config: AccountConfig,
        transport: Transport | None = None,
        clock: Clock = now,
        meter: Meter = no_meter,
    ) -> None:
        """Any account may be built, even one set up wrongly: its first use or its self-check tells."""
        self.config = config
        self.transport = transport
        self.clock = clock
        self.meter = meter

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

    def redirect_refund(self, *, detour: RefundDetour) -> GatewayEvent:
        """
        Send a refund elsewhere that needs a person; whatever else became of it meanwhile is told, and nothing sent.

        :raises ConfigError: if the account is set up wrongly, or the gateway has no such service
        """
        raise Unsupported(field="contract", label=self.label)

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

    def statement(self, *, request: StatementRequest) -> StatementFile:
        """
        Fetch the statement of a day.

        :raises ConfigError: if the account is set up wrongly
        """
        raise Unsupported(field="contract", label=self.label)

    def read_statement(self, *, file: IO[bytes]) -> Iterator[StatementLine]:
        """
        The movements of a statement as it was fetched or uploaded, one at a time: memory does not grow with it.

        :param file: the whole file, still packed, seekable
        :raises UnreadableStatement: at the first thing that is not as documented
        """
        raise Unsupported(field="contract", label=self.label)

    def fetch_keys(self, *, serial: str = "") -> list[FetchedKey]:
        """
        Ask the gateway for the keys it signs with now; none if it gives none, or did not answer usably.

        :param serial: of the key that is missed, where a notification named it
        :raises ConfigError: if the account is set up wrongly
        """
        return []

    def payer_login(self, *, return_url: str, state: str) -> str:
        """
        Where the customer's browser goes so that the wallet tells us who pays; it comes back with a `code`.

        :raises ConfigError: if the account is set up wrongly, or the gateway has no such step
        """
        raise Unsupported(field="contract", label=self.label)

    def payer_of(self, *, code: str) -> str:
        """
        Who pays, for `CreateRequest.payer_ref`; empty if the code is used up or no usable answer came.

        :raises ConfigError: if the account is set up wrongly, or the gateway has no such step
        """
        raise Unsupported(field="contract", label=self.label)
