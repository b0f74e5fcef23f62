"""What of an order can still be invoiced, line by line, and what taking an invoice back names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from django.db.models import QuerySet, Sum

from kernel.money import allocate
from orders.models import Order, OrderLine

from ..models import InvoiceLine, InvoiceRequest
from .tax import split_tax

SHIPPING = "运费"  # as it stands on an invoice, whatever language staff read
Status = InvoiceRequest.Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A line of an invoice that is not written yet. `rate_permille` is None while nobody has set it."""

    order_line_id: int | None
    title: str
    quantity: int
    amount_fen: int
    tax_code: str = ""
    rate_permille: int | None = None


def invoiced_fen(order: Order) -> int:
    """On invoices that are issued or asked for, less what red letters take back or will."""
    return _counted(order).aggregate(fen=Sum("amount_fen"))["fen"] or 0


def left_to_invoice(order: Order) -> list[Piece]:
    """No more than was paid and not refunded; nothing that stands on another invoice."""
    pieces = [it for it in _pieces(order) if it.amount_fen > 0]
    whole_fen = sum(it.amount_fen for it in pieces)
    limit_fen = max(min(order.paid_fen - order.refunded_fen - invoiced_fen(order), whole_fen), 0)
    return shared(pieces, total_fen=limit_fen)


def shared(pieces: Sequence[Piece], *, total_fen: int) -> list[Piece]:
    """The pieces in proportion, adding up to a total that is no more than theirs."""
    if not total_fen:
        return []
    parts = allocate(total_fen=total_fen, weights=[it.amount_fen for it in pieces])
    return [cut(piece, part) for piece, part in zip(pieces, parts, strict=True) if part]


def cut(piece: Piece, amount_fen: int) -> Piece:
    """A part of a piece; without a quantity where the part is no whole number of goods."""
    count, rest = divmod(piece.quantity * amount_fen, piece.amount_fen) if piece.amount_fen else (0, 0)
    return replace(piece, amount_fen=amount_fen, quantity=0 if rest else count)


def write_lines(row: InvoiceRequest, pieces: Iterable[Piece]) -> None:
    """The lines of a new invoice, and its sums from them; a red one's are negative. The caller saves the row."""
    sign = -1 if row.is_red else 1
    lines = [_line(row, number, piece, sign=sign) for number, piece in enumerate(pieces, start=1)]
    row.amount_fen = sum(it.amount_fen for it in lines)
    row.net_fen, row.tax_fen = sum(it.net_fen for it in lines), sum(it.tax_fen for it in lines)
    row.save()
    row.lines.all().delete()
    InvoiceLine.objects.bulk_create(lines)


def pieces_of(row: InvoiceRequest) -> list[Piece]:
    return [
        Piece(
            order_line_id=it.order_line_id,
            title=it.title,
            quantity=it.quantity,
            amount_fen=it.amount_fen,
            tax_code=it.tax_code,
            rate_permille=it.tax_rate_permille,
        )
        for it in row.lines.order_by("line_no")
    ]


def left_of(blue: InvoiceRequest) -> list[Piece]:
    """What of an invoice no red letter takes back yet."""
    taken = _by_line(InvoiceLine.objects.filter(request__blue=blue).exclude(request__status=Status.CANCELED))
    return [cut(it, it.amount_fen + taken.get(it.order_line_id, 0)) for it in pieces_of(blue)]


def too_much(blue: InvoiceRequest, *, total_fen: int) -> list[Piece]:
    """Of which lines an invoice names too much since a refund: those that were refunded first, then all of them."""
    left = [it for it in left_of(blue) if it.amount_fen > 0]
    still = {it.order_line_id: it.amount_fen for it in _paid_for(blue.order)}
    over = [cut(it, max(it.amount_fen - still.get(it.order_line_id, 0), 0)) for it in left]
    refunded = [it for it in over if it.amount_fen]
    fits = sum(it.amount_fen for it in refunded) >= total_fen
    return shared(refunded if fits else left, total_fen=total_fen)


def _line(row: InvoiceRequest, number: int, piece: Piece, *, sign: int) -> InvoiceLine:
    net_fen, tax_fen = split_tax(amount_fen=sign * piece.amount_fen, rate_permille=piece.rate_permille or 0)
    if row.blue is not None:
        net_fen, tax_fen = _taken_back(row.blue, piece, otherwise=(net_fen, tax_fen))
    return InvoiceLine(
        request=row,
        line_no=number,
        order_line_id=piece.order_line_id,
        title=piece.title,
        tax_code=piece.tax_code,
        tax_rate_permille=piece.rate_permille,
        quantity=sign * piece.quantity,
        amount_fen=sign * piece.amount_fen,
        net_fen=net_fen,
        tax_fen=tax_fen,
    )


def _taken_back(blue: InvoiceRequest, piece: Piece, *, otherwise: tuple[int, int]) -> tuple[int, int]:
    """The last red letter of a line takes its tax back to the fen, whatever earlier ones were rounded to."""
    lines = InvoiceLine.objects.filter(order_line=piece.order_line_id)
    kept = lines.filter(request=blue) | lines.filter(request__blue=blue).exclude(request__status=Status.CANCELED)
    sums = kept.aggregate(amount=Sum("amount_fen"), net=Sum("net_fen"), tax=Sum("tax_fen"))
    return (-sums["net"], -sums["tax"]) if sums["amount"] == piece.amount_fen else otherwise


def _pieces(order: Order) -> list[Piece]:
    taken = _by_line(InvoiceLine.objects.filter(request__order=order).exclude(request__status=Status.CANCELED))
    return [cut(it, it.amount_fen - taken.get(it.order_line_id, 0)) for it in _paid_for(order)]


def _paid_for(order: Order) -> list[Piece]:
    """What the customer keeps; the shipping fee is taxed as the dearest goods are."""
    lines = list(OrderLine.objects.filter(order=order).select_related("product").order_by("line_no"))
    pieces = [_piece(line) for line in lines]
    main = max(pieces, key=lambda it: it.amount_fen, default=None)
    shipping = Piece(
        order_line_id=None,
        title=SHIPPING,
        quantity=1,
        amount_fen=order.shipping_fen - order.shipping_refunded_fen,
        tax_code=main.tax_code if main else "",
        rate_permille=main.rate_permille if main else None,
    )
    return [*pieces, shipping]


def _piece(line: OrderLine) -> Piece:
    product = line.product
    whole = Piece(
        order_line_id=line.pk,
        title=line.title,
        quantity=line.quantity,
        amount_fen=line.total_fen,
        tax_code=product.tax_category_code if product else "",
        rate_permille=product.tax_rate_permille if product else None,
    )
    return cut(whole, line.total_fen - line.refunded_fen)


def _counted(order: Order) -> QuerySet[InvoiceRequest]:
    return InvoiceRequest.objects.filter(order=order).exclude(status=Status.CANCELED)


def _by_line(lines: QuerySet[InvoiceLine]) -> dict[int | None, int]:
    return dict(lines.order_by().values_list("order_line").annotate(fen=Sum("amount_fen")))
