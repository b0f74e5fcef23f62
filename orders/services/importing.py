"""Orders that come in a file, set by set: who is there already, who is new, and what is refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime

from django.db import transaction

from customers import services as customers
from customers.models import Customer, CustomerType
from customers.services import CustomerDraft
from kernel import counters, sequences
from kernel.bulk import insert_values
from kernel.events import publish
from kernel.models import Job, WorkflowVersion
from kernel.workflow import graph_of

from ..events import OrdersImported
from ..models import Order, OrderEvent, OrderLine, Shipment, ShipmentLine, Tag
from ..queries.flow import ORDERS
from ..records import ImportedOrder, Reason
from .carriers import carriers_by_name
from .drafting import SERIES
from .import_rows import Origin, event_values, lines_values, order_values, shipments_values
from .workflows import current_version

Key = tuple[str, str]
Place = tuple[int, int]  # order, line number
INDIVIDUAL = "individual"  # of whom no file says more


@dataclass(slots=True)
class ImportResult:
    """What became of a set of rows."""

    created: int = 0
    unchanged: int = 0
    refused: list[tuple[ImportedOrder, Reason]] = field(default_factory=list)


@transaction.atomic
def import_orders(*, rows: Sequence[ImportedOrder], job: Job, at: datetime) -> ImportResult:
    """
    Bring in a set of orders. The same rows again change nothing; an order that is here with other contents stays.

    Imported orders start no reminder, timeout, message or rule; payments books the money they bring.
    """
    origin = Origin(job=job, version=current_version(), at=at)
    result, fresh = _sift(rows, origin.version)
    if fresh:
        _create(fresh, origin)
    return result


def foresee(*, rows: Sequence[ImportedOrder]) -> ImportResult:
    """What `import_orders` would do with a set of orders; nothing is written."""
    result, _fresh = _sift(rows, current_version())
    return result


def key_of(row: ImportedOrder) -> Key:
    """What makes an order one: its source's number, or ours if it was made here."""
    return (row.source, row.external_order_no) if row.external_order_no else ("", row.order_no)


@dataclass(slots=True)
class Shelf:
    """What this shop has that rows may clash with or rely on."""

    hashes: dict[Key, str]  # of the orders that are here; empty for one that was made here
    numbers: set[str]
    states: Set[str]
    customer_types: Set[str]

    def objection(self, row: ImportedOrder) -> Reason | None:
        """Why a row that is not here yet cannot come in."""
        customer_type = row.customer_type or INDIVIDUAL
        if row.state not in self.states:
            return Reason("state_not_in_workflow", {"state": row.state})
        if row.order_no in self.numbers:
            return Reason("order_no_taken", {"order": row.order_no})
        if row.customer_name is not None and customer_type not in self.customer_types:
            return Reason("no_such_customer_type", {"type": customer_type})
        return None


def _sift(rows: Sequence[ImportedOrder], version: WorkflowVersion) -> tuple[ImportResult, list[ImportedOrder]]:
    """What is to become of each row, and the rows that are to be created."""
    shelf, result = _shelf(rows, version), ImportResult()
    fresh: list[ImportedOrder] = []
    for row in rows:
        there = shelf.hashes.get(key_of(row))
        if there is not None and there == row.row_hash.hex():
            result.unchanged += 1
            continue
        number = row.external_order_no or row.order_no
        clash = None if there is None else Reason("already_there" if there else "made_here", {"order": number})
        objection = clash or shelf.objection(row)
        if objection:
            result.refused.append((row, objection))
            continue
        fresh.append(row)
        shelf.hashes[key_of(row)] = row.row_hash.hex()
        shelf.numbers |= {row.order_no} - {""}
    result.created = len(fresh)
    return result, fresh


def _shelf(rows: Sequence[ImportedOrder], version: WorkflowVersion) -> Shelf:
    hashes, numbers = _known(rows)
    return Shelf(
        hashes=hashes,
        numbers=numbers,
        states=graph_of(version.pk).states.keys(),
        customer_types=set(CustomerType.objects.values_list("code", flat=True)),
    )


def _known(rows: Sequence[ImportedOrder]) -> tuple[dict[Key, str], set[str]]:
    """Import hashes by key, and which of the numbers that the rows ask for are taken."""
    known: dict[Key, str] = {}
    for source in {row.source for row in rows}:
        numbers = [row.external_order_no for row in rows if row.source == source and row.external_order_no]
        there = Order.objects.filter(source=source, external_order_no__in=numbers)
        known |= {
            (source, number or ""): hashed for number, hashed in there.values_list("external_order_no", "import_hash")
        }
    wanted = [row.order_no for row in rows if row.order_no]
    ours = dict(Order.objects.filter(order_no__in=wanted).values_list("order_no", "import_hash"))
    known |= {("", number): hashed for number, hashed in ours.items()}
    return known, set(ours)


def _create(rows: Sequence[ImportedOrder], origin: Origin) -> None:
    states = graph_of(origin.version.pk).states
    people = zip(rows, _numbers(rows, at=origin.at), _buyers(rows, at=origin.at), strict=True)
    orders = [
        order_values(row, order_no=number, customer_id=buyer.pk, state=states[row.state], origin=origin)
        for row, number, buyer in people
    ]
    keys = insert_values(Order, orders)
    insert_values(OrderEvent, [event_values(key, order, origin) for key, order in zip(keys, orders, strict=True)])
    lines = [line for key, row in zip(keys, rows, strict=True) for line in lines_values(key, row)]
    line_keys = insert_values(OrderLine, lines)
    if any(row.shipments for row in rows):
        places = ((line["order_id"], line["line_no"]) for line in lines)
        _create_parcels(keys, rows, dict(zip(places, line_keys, strict=True)), at=origin.at)
    _tag(keys, rows)
    counters.bump(ORDERS.code, Counter(order["category"] for order in orders))
    publish(OrdersImported(job_id=origin.job.pk, order_ids=keys))


def _create_parcels(
    keys: Sequence[int], rows: Sequence[ImportedOrder], lines: Mapping[Place, int], *, at: datetime
) -> None:
    """What a parcel holds; a file that does not tell means everything, which the quantities of the lines say."""
    carriers = carriers_by_name()
    parcels = [
        told
        for key, row in zip(keys, rows, strict=True)
        for told in shipments_values(key, row, carriers=carriers, at=at)
    ]
    shipment_keys = insert_values(Shipment, parcels)
    held = [parcel.lines for row in rows for parcel in row.shipments]
    insert_values(
        ShipmentLine,
        [
            {"shipment_id": shipment_key, "line_id": lines[parcel["order_id"], line_no], "quantity": quantity}
            for shipment_key, parcel, shares in zip(shipment_keys, parcels, held, strict=True)
            for line_no, quantity in shares
        ],
    )


def _tag(keys: Sequence[int], rows: Sequence[ImportedOrder]) -> None:
    wanted = {name for row in rows for name in row.tags}
    if not wanted:
        return
    Tag.objects.bulk_create(Tag(name=name) for name in sorted(wanted - _tags(wanted).keys()))
    tags = _tags(wanted)
    insert_values(
        Order.tags.through,
        [
            {"order_id": key, "tag_id": tags[name]}
            for key, row in zip(keys, rows, strict=True)
            for name in dict.fromkeys(row.tags)
        ],
    )


def _tags(names: set[str]) -> dict[str, int]:
    return dict(Tag.objects.filter(name__in=names).values_list("name", "pk"))


def _buyers(rows: Sequence[ImportedOrder], *, at: datetime) -> list[Customer]:
    """Who ordered: matched by number, then by phone and name; who is not named is the source's anonymous customer."""
    named = [row for row in rows if row.customer_name is not None]
    drafts = [_draft(row) for row in named]
    found = iter(customers.match_many(drafts, at=at))
    nobody = {
        source: customers.anonymous_customer(source=source, at=at)
        for source in {row.source for row in rows if row.customer_name is None}
    }
    return [nobody[row.source] if row.customer_name is None else next(found) for row in rows]


def _draft(row: ImportedOrder) -> CustomerDraft:
    return CustomerDraft(
        name=row.customer_name or "",
        phone=row.customer_phone or row.phone,
        type_code=row.customer_type or INDIVIDUAL,
        customer_no=row.customer_no,
    )


def _numbers(rows: Sequence[ImportedOrder], *, at: datetime) -> list[str]:
    """Our own numbers where the file brings them, new ones for the rest."""
    sequences.reserve_numbers(SERIES, [row.order_no for row in rows if row.order_no])
    nameless = sum(not row.order_no for row in rows)
    fresh = iter(sequences.next_numbers(SERIES, nameless, at=at) if nameless else ())
    return [row.order_no or next(fresh) for row in rows]
