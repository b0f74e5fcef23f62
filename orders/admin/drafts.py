"""The form of an order's goods, price and address: several small forms that stand on one page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import QueryDict

from ..models import Order, Product
from ..services import DraftLine, OrderChange, PostalDraft
from .forms import NotesForm, PostalForm, PriceForm, lines_formset, product_book


class OrderForm:
    """
    Lines, price, address and notes together.

    :param lines: rows that are there at first
    :param spare: empty rows below them
    """

    def __init__(
        self,
        data: QueryDict | None = None,
        *,
        initial: Mapping[str, Any] | None = None,
        lines: list[dict[str, Any]] | None = None,
        spare: int = 1,
    ) -> None:
        first = dict(initial or {})
        book: dict[str, Product] = product_book()
        formset = lines_formset(extra=spare)
        self.lines = formset(data, initial=lines or [], prefix="lines", form_kwargs={"book": book})
        self.price = PriceForm(data, initial=first)
        self.postal = PostalForm(data, initial=first)
        self.notes = NotesForm(data, initial=first)

    def is_valid(self) -> bool:
        parts = (self.lines, self.price, self.postal, self.notes)
        verdicts = [part.is_valid() for part in parts]  # of all of them, so that each says what is wrong with it
        return all(verdicts)

    def drafts(self) -> list[DraftLine]:
        drafts: list[DraftLine] = self.lines.drafts()
        return drafts

    def sums(self) -> dict[str, int]:
        given = self.price.cleaned_data
        return {f"{name}_fen": given[name] or 0 for name in ("shipping", "discount", "adjustment")}

    def postal_draft(self) -> PostalDraft:
        return self.postal.postal()

    def change(self) -> OrderChange:
        """An address left empty stays as it is: the form does not show it, for nobody asked to see it."""
        return OrderChange(
            lines=self.drafts(),
            postal=None if self.postal.is_empty() else self.postal_draft(),
            customer_note=self.notes.cleaned_data["customer_note"],
            **self.sums(),
        )


def lines_of(order: Order) -> list[dict[str, Any]]:
    return [
        {
            "product": str(line.product_id or ""),
            "title": line.title,
            "unit_price": line.unit_price_fen,
            "quantity": line.quantity,
        }
        for line in order.lines.order_by("line_no")
    ]


def sums_of(order: Order) -> dict[str, Any]:
    return {
        "shipping": order.shipping_fen,
        "discount": order.discount_fen,
        "adjustment": order.adjustment_fen,
        "customer_note": order.customer_note,
    }
