"""
The rows of an imported order, column by column. Nothing is asked and nothing is written here.

They are no model instances: making those costs more than all the rest of an import.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from kernel.models import Job, WorkflowVersion
from kernel.phones import phone_columns
from kernel.secrets import seal, seal_context
from kernel.trace import current_trace_id
from kernel.workflow.spec import StateSpec

from ..models import Carrier, Order, OrderEvent
from ..records import ImportedLine, ImportedOrder

PaymentStatus, FulfillmentStatus = Order.PaymentStatus, Order.FulfillmentStatus
SHIPPED_STATES = frozenset({"shipped", "delivered", "completed"})
# The deadlines of the file are kept for the eye alone: what would start something (closing_due_at …) stays empty.
AS_THEY_ARE = (
    "subtotal_fen discount_fen adjustment_fen shipping_fen total_fen paid_fen refunded_fen shipping_refunded_fen "
    "placed_at paid_at shipped_at delivered_at completed_at closed_at payment_due_at ship_by "
    "recipient_name province city district"
).split(" ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What all orders of one import share."""

    job: Job
    version: WorkflowVersion
    at: datetime


def order_values(
    row: ImportedOrder, *, order_no: str, customer_id: int, state: StateSpec, origin: Origin
) -> dict[str, Any]:
    phone, seal_id = row.phone or row.phone_masked, uuid4()
    return {
        "seal_id": seal_id,
        "order_no": order_no,
        "order_type": row.order_type,
        "source": row.source,
        "external_order_no": row.external_order_no or None,
        "customer_id": customer_id,
        "workflow_version_id": origin.version.pk,
        "state": state.code,
        "category": str(state.category),
        "state_since": row.state_since or _since(row),
        "payment_status": row.payment_status or str(_payment_status(row)),
        "fulfillment_status": row.fulfillment_status or str(_fulfillment_status(row)),
        "aftersales_status": row.aftersales_status or Order.AftersalesStatus.NONE.value,
        "close_reason": row.close_reason,
        "history_seq": 1,
        "import_job_id": origin.job.pk,
        "import_hash": row.row_hash.hex(),
        "flag": row.flag,
        "staff_note": row.staff_note,
        "customer_note": row.customer_note,
        "raw": _leftovers(row),
        **{name: getattr(row, name) for name in AS_THEY_ARE},
        **phone_columns(phone, prefix="recipient_phone_"),
        "recipient_phone_sealed": _sealed(phone, seal_id, "recipient_phone_sealed"),
        "detail_sealed": _sealed(row.address_detail, seal_id, "detail_sealed"),
    }


def event_values(order_id: int, order: Mapping[str, Any], origin: Origin) -> dict[str, Any]:
    """The one event of an imported order's history: it begins in the state it came with."""
    return {
        "order_id": order_id,
        "seq": 1,
        "kind": OrderEvent.Kind.SYSTEM.value,
        "code": "order_imported",
        "facts": {"job": origin.job.pk, "source": order["source"]},
        "to_state": order["state"],
        "at": origin.at,
        "by_id": origin.job.by_id,
        "trace_id": current_trace_id(),
    }


def lines_values(order_id: int, row: ImportedOrder) -> Iterator[dict[str, Any]]:
    packed = _packed(row)
    for line in row.lines:
        yield {
            "order_id": order_id,
            "line_no": line.line_no,
            "sku": line.sku,
            "title": line.title,
            "quantity": line.quantity,
            "unit_price_fen": line.unit_price_fen,
            "discount_fen": line.discount_fen,
            "adjustment_fen": line.adjustment_fen,
            "total_fen": line.total_fen,
            "refunded_fen": _refunded(line, row),
            "shipped_quantity": packed[line.line_no],
        }


def shipments_values(
    order_id: int, row: ImportedOrder, *, carriers: Mapping[str, Carrier], at: datetime
) -> Iterator[dict[str, Any]]:
    for number, parcel in enumerate(row.shipments, start=1):
        carrier = carriers.get(parcel.carrier_code.lower()) or carriers.get(parcel.carrier.lower())
        yield {
            "order_id": order_id,
            "parcel_no": number,
            "carrier_id": carrier.pk if carrier else None,
            "carrier_name": parcel.carrier,
            "tracking_no": parcel.tracking_no,
            "shipped_at": parcel.shipped_at or row.shipped_at or row.paid_at or at,
        }


def _since(row: ImportedOrder) -> datetime:
    moments = (row.closed_at, row.completed_at, row.delivered_at, row.shipped_at, row.paid_at)
    return next((moment for moment in moments if moment), row.placed_at)


def _payment_status(row: ImportedOrder) -> str:
    if row.refunded_fen:
        return PaymentStatus.REFUNDED if row.refunded_fen >= row.paid_fen else PaymentStatus.PARTIALLY_REFUNDED
    if not row.paid_fen:
        return PaymentStatus.UNPAID
    if row.paid_fen == row.total_fen:
        return PaymentStatus.PAID
    return PaymentStatus.PARTIALLY_PAID if row.paid_fen < row.total_fen else PaymentStatus.OVERPAID


def _fulfillment_status(row: ImportedOrder) -> str:
    if row.state in SHIPPED_STATES:
        return FulfillmentStatus.FULFILLED
    return FulfillmentStatus.PARTIALLY_FULFILLED if row.shipments else FulfillmentStatus.UNFULFILLED


def _packed(row: ImportedOrder) -> dict[int, int]:
    """Pieces shipped by line number: as the parcels say, or all of them where the state says so."""
    packed = dict.fromkeys((line.line_no for line in row.lines), 0)
    told = [share for parcel in row.shipments for share in parcel.lines]
    for line_no, quantity in told:
        packed[line_no] += quantity
    status = row.fulfillment_status or _fulfillment_status(row)
    if not told and status == FulfillmentStatus.FULFILLED:
        return {line.line_no: line.quantity for line in row.lines}
    return packed


def _refunded(line: ImportedLine, row: ImportedOrder) -> int:
    """Marketplaces tell an order's refund and not the line's; with one line, there is no question."""
    if len(row.lines) > 1 or line.refunded_fen:
        return line.refunded_fen
    return min(row.refunded_fen - row.shipping_refunded_fen, line.total_fen)


def _sealed(value: str, seal_id: UUID, column: str) -> str:
    return seal(value, context=seal_context(Order, seal_id=seal_id, column=column)) if value else ""


def _leftovers(row: ImportedOrder) -> dict[str, object]:
    told = {
        "customer_account": row.customer_account,
        "postal_code": row.postal_code,
        "invoice_title": row.invoice_title,
    }
    return {**row.raw, **{name: value for name, value in told.items() if value}}
