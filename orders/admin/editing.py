"""Changing an unpaid order. Upper apps may have something to do first, such as closing an open payment attempt."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from kernel.admin import Deed, ObjectAction

from .. import services
from ..models import Order
from ..queries import edit_obstacle
from .drafts import OrderForm, lines_of, sums_of

BeforeEdit = Callable[..., object]
_before_edit: list[BeforeEdit] = []


def before_edit(step: BeforeEdit) -> BeforeEdit:
    """
    Have `step(order_id=, by=, at=)` run before an order is edited, outside of any transaction. A decorator.

    It may ask a gateway, and raises a DomainError if the order must stay as it is.
    """
    if step not in _before_edit:
        _before_edit.append(step)
    return step


class EditForm(forms.Form):
    """The version that was shown; the visible parts are in `draft`."""

    version = forms.IntegerField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, draft: OrderForm, **options: Any) -> None:
        super().__init__(*args, **options)
        self.draft = draft

    def is_valid(self) -> bool:
        return all([super().is_valid(), self.draft.is_valid()])


class EditOrder(ObjectAction[Order]):
    name = "edit"
    label = _("Edit")
    submit = _("Save")
    permission = "orders.change_order"
    listed = False  # the workflow's steps list it
    wide = True
    atomic = False  # the version decides: of two clicks the second finds that the first has changed the order
    template = "backoffice/orders/edit.html"
    done = _("Saved.")

    def refusal(self, row: Order) -> object:
        return edit_obstacle(row)

    def form(self, row: Order, request: HttpRequest, **given: Any) -> forms.Form:
        data = given.get("data")
        draft = OrderForm(data, initial=sums_of(row), lines=lines_of(row))
        return EditForm(data, initial={"version": row.version}, draft=draft)

    def run(self, deed: Deed[Order]) -> object:
        for step in _before_edit:
            step(order_id=deed.object.pk, by=deed.by, at=deed.at)
        services.edit_order(
            order_id=deed.object.pk,
            change=deed.form.draft.change(),
            expected_version=deed.form.cleaned_data["version"],
            by=deed.by,
            at=deed.at,
        )
        return None
