"""A gateway's statement of one business day: fetched as a file, kept as it came, read row by row."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile

from .fields import make_storable

# What the standard library says of a damaged ZIP, gathered by fuzzing it; and how a statement may be packed: what
# unpacks the other ways takes as much memory as the file asks for.
BROKEN_ZIP = (
    *(BadZipFile, zlib.error, struct.error, EOFError, IndexError, OSError, OverflowError, RuntimeError, ValueError),
)
PACKINGS = (ZIP_STORED, ZIP_DEFLATED)
TEXTS = ("payment_no", "gateway_trade_no", "refund_no", "gateway_refund_no", "native_state", "currency")


class Availability(StrEnum):
    READY = "ready"
    EMPTY = "empty"  # the gateway says that nothing moved on that day
    NOT_YET = "not_yet"  # not made yet: ask again later
    UNKNOWN = "unknown"  # a time-out, a 5xx, an answer badly signed, a file that is not what was promised


class Movement(StrEnum):
    PAYMENT = "payment"
    REFUND = "refund"


class UnreadableStatement(Exception):
    """
    The file is not such a statement. Nothing of it may be believed.

    :param line_no: where reading stopped; 0 if it never began
    """

    def __init__(self, message: str, *, line_no: int = 0) -> None:
        super().__init__(message)
        self.line_no = line_no


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementRequest:
    """:param day: a Shanghai business day, or the clearing day of a gateway that closes its books earlier"""

    day: date


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementFile:
    """
    What a gateway answered when asked for a statement.

    :param content: the file as the gateway made it, still packed; empty unless READY
    :param name: the gateway's own name of the file
    """

    availability: Availability
    content: bytes = field(default=b"", repr=False)
    name: str = ""
    code: str = ""
    message: str = ""

    def __post_init__(self) -> None:
        make_storable(self, "name", "code", "message")


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementLine:
    """
    One movement of money, in our own words.

    :param line_no: in the unpacked file, from 1
    :param amount_fen: what the payer paid or got back, never negative
    :param fee_fen: what the gateway kept of it; negative where a refund gives a fee back
    :param native_state: the gateway's own word for the state
    :param occurred_at: as the gateway books it, aware
    """

    line_no: int
    movement: Movement
    payment_no: str
    gateway_trade_no: str
    amount_fen: int
    fee_fen: int = 0
    refund_no: str = ""
    gateway_refund_no: str = ""
    native_state: str = ""
    occurred_at: datetime | None = None
    currency: str = "CNY"

    def __post_init__(self) -> None:
        make_storable(self, *TEXTS)
