"""A row of a mapped layout to an order: who, when, where, what state, how much."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from kernel.money import CNY, yuan
from orders.records import ImportedLine, ImportedOrder, ImportedShipment, Rejected

from .addresses import PlainAddress, split_address
from .cells import BadCell, clip, plain
from .money import Figures, Money, read_figures, settle
from .phones import Phone, read_phone
from .profile import Profile, StateRule
from .row import Layout, Row

PAID_STATES = frozenset({"awaiting_shipment", "processing", "partially_shipped", "shipped", "delivered", "completed"})
NOTES = frozenset({"customer_note", "staff_note", "invoice_title"})
WHERE_FROM_COLUMNS = ("province", "city", "district")


def read_rows(
    *, profile: Profile, headers: Sequence[str], rows: Iterator[tuple[int, list[str]]], pad: bool
) -> Iterator[ImportedOrder | Rejected]:
    """
    Each row on its own: a bad one does not stop the next.

    :param pad: a workbook leaves out the empty cells at the end of a row, separated text does not
    """
    layout = Layout(profile=profile, headers=headers)
    width = len(headers)
    for row_no, cells in rows:
        try:
            yield _order(layout, row_no, _fitted(cells, width=width, pad=pad))
        except BadCell as bad:
            yield layout.reject(row_no=row_no, cells=(cells + [""] * width)[:width], bad=bad)


def _fitted(cells: list[str], *, width: int, pad: bool) -> list[str]:
    if len(cells) == width:
        return cells
    beyond = next((cell for cell in cells[width:] if cell.strip()), None)
    if beyond is not None:
        raise BadCell("cells_beyond_header", value=clip(beyond))
    if len(cells) < width and not pad:
        raise BadCell("cells_missing", cells=str(len(cells)), columns=str(width))
    return (cells + [""] * width)[:width]


def _order(layout: Layout, row_no: int, cells: list[str]) -> ImportedOrder:
    row = Row(layout=layout, cells=cells)
    notes: dict[str, Any] = {name: row.text(name) for name in layout.texts if name in NOTES}
    external_order_no = row.number("external_order_no")
    if not external_order_no:
        raise BadCell("no_order_number")
    times = _times(row)
    state, money = _state_and_money(row, times)
    goods = _goods(row, money)
    return ImportedOrder(
        row_no=row_no,
        row_hash=layout.hash(cells),
        source=layout.profile.source,
        external_order_no=external_order_no,
        state=state,
        close_reason=_close_reason(row, money) if state == "closed" else "",
        currency=CNY,
        lines=(goods,),
        subtotal_fen=goods.unit_price_fen * goods.quantity,
        discount_fen=goods.discount_fen,
        total_fen=money.total_fen,
        shipping_fen=money.shipping_fen,
        paid_fen=money.paid_fen,
        refunded_fen=money.refunded_fen,
        shipments=_shipments(row, times),
        **times,
        **notes,
        **_people(row),
        raw=row.kept(),
        warnings=tuple(row.warnings),
    )


def _times(row: Row) -> dict[str, Any]:
    times: dict[str, datetime | None] = {name: row.moment(name) for name in row.layout.times}
    if times["placed_at"] is None:
        times["placed_at"] = times["paid_at"]
        row.warn("placed_at_assumed")
    if times["placed_at"] is None:
        raise BadCell("no_date", column=row.column("placed_at"))
    return times


def _state_and_money(row: Row, times: dict[str, Any]) -> tuple[str, Money]:
    figures = read_figures(row)
    state = _state(row) if row.layout.profile.state_rule is StateRule.COLUMN else ""
    if times["paid_at"] is None and _shows_payment(state, figures):
        times["paid_at"] = times["placed_at"]
        row.warn("paid_at_assumed")
    is_paid = times["paid_at"] is not None
    state = state or _state_by_money(figures, is_paid=is_paid)
    return state, settle(row, figures, is_paid=is_paid, is_closed=state == "closed")


def _shows_payment(state: str, figures: Figures) -> bool:
    return state in PAID_STATES or (state != "pending_payment" and bool(figures.paid_fen))


def _state_by_money(figures: Figures, *, is_paid: bool) -> str:
    """Never paid, or paid and given back: closed. Kept, in part or whole, or free of charge: completed."""
    gave_back = bool(figures.paid_fen) and figures.paid_fen == figures.refunded_fen
    return "completed" if is_paid and not gave_back else "closed"


def _state(row: Row) -> str:
    said = row.text("state")
    states = row.layout.profile.states
    state = states.get(said) or states.get(plain(said))
    if state is None:
        raise BadCell("unknown_state", value=clip(said)) if said else BadCell("no_state")
    return state


def _close_reason(row: Row, money: Money) -> str:
    if money.paid_fen:
        return "fully_refunded"
    said = row.text("close_reason")
    for piece, reason in row.layout.profile.close_reasons:
        if piece in said and reason != "fully_refunded":
            return reason
    if row.layout.profile.state_rule is StateRule.COLUMN:
        row.warn("close_reason_assumed")
    return "payment_timeout"


def _goods(row: Row, money: Money) -> ImportedLine:
    """One line: a list of orders names its goods together, if at all. What does not divide becomes a discount."""
    quantity = _quantity(row)
    goods_fen = money.total_fen - money.shipping_fen
    subtotal_fen = goods_fen + money.coupons_fen
    unit_price_fen = -(-subtotal_fen // quantity)
    if unit_price_fen * quantity != subtotal_fen:
        row.warn("rounded_line", goods=yuan(subtotal_fen), quantity=str(quantity))
    return ImportedLine(
        title=row.text("title") or row.layout.profile.assumed_title or "—",
        sku=row.text("sku"),
        quantity=quantity,
        unit_price_fen=unit_price_fen,
        discount_fen=unit_price_fen * quantity - goods_fen,
        total_fen=goods_fen,
    )


def _quantity(row: Row) -> int:
    said = row.text("quantity")
    if not said:
        return 1
    whole = plain(said).removesuffix(".0").removesuffix(".00")
    if not (whole.isascii() and whole.isdigit() and int(whole[:10]) > 0 and len(whole) < 10):
        raise BadCell("unreadable_number", column=row.column("quantity"), value=clip(said))
    return int(whole)


def _shipments(row: Row, times: dict[str, Any]) -> tuple[ImportedShipment, ...]:
    carrier, tracking_no = row.text("carrier"), row.number("tracking_no")
    if not carrier and not tracking_no:
        return ()
    return (ImportedShipment(carrier=carrier, tracking_no=tracking_no, shipped_at=times.get("shipped_at")),)


def _people(row: Row) -> dict[str, Any]:
    """Who bought and where it goes; nobody at all is an anonymous customer."""
    raw = row.text("address_raw")
    where = _where(row, raw)
    phone = _phone(row, where)
    account = row.text("customer_account")
    recipient = row.text("recipient_name") or where.recipient
    return {
        "customer_account": account,
        "customer_name": row.text("customer_name") or _unmasked(recipient) or account or recipient or None,
        "recipient_name": recipient,
        "phone": phone.number,
        "phone_masked": phone.masked,
        "province": where.province,
        "city": where.city,
        "district": where.district,
        "address_detail": where.detail,
        "postal_code": where.postal_code,
        "address_raw": raw,
    }


def _where(row: Row, raw: str) -> PlainAddress:
    where = split_address(raw)
    told: dict[str, Any] = {name: text for name in WHERE_FROM_COLUMNS if (text := row.text(name))}
    if told:
        return where._replace(**told)  # columns of their own know better than a cell taken apart
    if not where.is_split:
        row.warn("address_unsplit")
    return where


def _phone(row: Row, where: PlainAddress) -> Phone:
    phone = row.phone("phone")
    if not phone.number and where.phone:
        inside = read_phone(where.phone)
        phone = inside if inside.number or not phone.masked else phone
    if phone.unreadable:
        row.warn("phone_unreadable")
    if phone.masked:
        row.warn("phone_masked", value=phone.masked)
    return phone


def _unmasked(name: str) -> str:
    return "" if "*" in name else name
