"""
An order outside the database: as a file brings it and as an export hands it out. No row, no query.

What there are many of is not frozen: that would make reading a file a third slower.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from kernel.money import CNY

from .reasons import REASONS, label_of

# What the columns of an order hold at most; a longer number is refused, a longer text is shortened and said so.
TEXT_LIMITS: Mapping[str, int] = {
    "order_no": 32,
    "order_type": 24,
    "source": 40,
    "external_order_no": 64,
    "state": 40,
    "category": 24,
    "customer_no": 24,
    "customer_type": 24,
    "customer_name": 60,
    "customer_account": 60,
    "recipient_name": 60,
    "province": 40,
    "city": 40,
    "district": 40,
    "customer_note": 500,
    "staff_note": 500,
    "sku": 64,
    "title": 200,
    "carrier": 40,
    "carrier_code": 16,
    "tracking_no": 64,
}


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a row was refused, or what was assumed about it; `code` and `facts` are stored, the text is not."""

    code: str
    facts: Mapping[str, str] = field(default_factory=dict)

    @property
    def message(self) -> str:
        """In the language of whoever reads it."""
        return str(REASONS[self.code]) % self.facts

    @property
    def label(self) -> str:
        """In a few words, without the facts: for counting."""
        return label_of(self.code)


@dataclass(slots=True, kw_only=True)
class ImportedLine:
    """
    `total_fen` is unit price times quantity, less its share of the discount, plus its share of the adjustment.

    :param refunded_fen: how much of `total_fen` went back; files of marketplaces never tell
    """

    title: str
    quantity: int
    unit_price_fen: int
    total_fen: int
    line_no: int = 1
    sku: str = ""
    discount_fen: int = 0
    adjustment_fen: int = 0
    refunded_fen: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedShipment:
    """
    A parcel.

    :param carrier: as the file writes it
    :param lines: (line number, quantity); empty if the file does not tell, which then means everything
    """

    carrier: str = ""
    carrier_code: str = ""
    tracking_no: str = ""
    shipped_at: datetime | None = None
    lines: tuple[tuple[int, int], ...] = ()


@dataclass(slots=True, kw_only=True)
class ExportedOrder:
    """
    Everything an order has, unmasked. Amounts in fen, moments aware UTC.

    Always: subtotal - discount + adjustment + shipping = total, and the same for its lines without shipping.

    :param external_order_no: empty if the order was made here
    :param customer_name: None if nobody is named
    """

    placed_at: datetime
    state: str
    total_fen: int
    lines: tuple[ImportedLine, ...]
    order_no: str = ""
    order_type: str = "payment_order"
    source: str = ""
    external_order_no: str = ""
    category: str = ""
    close_reason: str = ""
    payment_status: str = ""
    fulfillment_status: str = ""
    aftersales_status: str = ""
    currency: str = CNY
    subtotal_fen: int = 0
    discount_fen: int = 0
    adjustment_fen: int = 0
    shipping_fen: int = 0
    paid_fen: int = 0
    refunded_fen: int = 0
    shipping_refunded_fen: int = 0
    state_since: datetime | None = None
    paid_at: datetime | None = None
    shipped_at: datetime | None = None
    delivered_at: datetime | None = None
    completed_at: datetime | None = None
    closed_at: datetime | None = None
    payment_due_at: datetime | None = None
    ship_by: datetime | None = None
    customer_no: str = ""
    customer_type: str = ""
    customer_name: str | None = None
    customer_phone: str = ""
    recipient_name: str = ""
    phone: str = ""
    province: str = ""
    city: str = ""
    district: str = ""
    address_detail: str = ""
    customer_note: str = ""
    staff_note: str = ""
    flag: str = ""
    tags: tuple[str, ...] = ()
    shipments: tuple[ImportedShipment, ...] = ()
    raw: Mapping[str, object] = field(default_factory=dict)  # other columns of the file it once came from


@dataclass(slots=True, kw_only=True)
class ImportedOrder(ExportedOrder):
    """
    An order as a file brings it.

    :param row_no: of its first row, as a spreadsheet counts
    :param rows: how many rows of the file it takes
    :param row_hash: of its rows as they stand in the file; the same file twice brings the same
    :param customer_account: the buyer's name at the marketplace
    :param phone_masked: what the file shows instead of the number; must never overwrite a real one
    :param address_raw: the address cell as it was; what could not be split of it is in `address_detail`
    :param warnings: what was assumed, to be told in the report
    """

    row_no: int
    row_hash: bytes
    rows: int = 1
    customer_account: str = ""
    phone_masked: str = ""
    address_raw: str = ""
    postal_code: str = ""
    invoice_title: str = ""
    warnings: tuple[Reason, ...] = ()

    @property
    def carrier(self) -> str:
        return self.shipments[0].carrier if self.shipments else ""

    @property
    def tracking_no(self) -> str:
        return self.shipments[0].tracking_no if self.shipments else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """
    A row that was not imported, with the reason.

    :param raw: the row by header, for the file of rejects
    :param more: the other rows of the same order, where an order has several
    """

    row_no: int
    reason: Reason
    raw: Mapping[str, str]
    more: tuple[Mapping[str, str], ...] = ()

    @property
    def reason_code(self) -> str:
        return self.reason.code

    @property
    def message(self) -> str:
        return self.reason.message
