"""The buttons of an order: what its workflow and its state let staff do, and what other apps contributed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from django.http import HttpRequest

from kernel.admin import BackofficeAdmin, action_address, actor
from kernel.admin.actions import BACK

from ..models import Order
from ..queries import Step, next_steps


@dataclass(frozen=True, slots=True, kw_only=True)
class Button:
    label: object
    link: str
    reason: str = ""  # why it cannot be pressed
    is_next: bool = False
    dangerous: bool = False
    dialog: bool = True
    beside: bool = False  # next to the next step on a wide screen


def buttons_of(admin: BackofficeAdmin[Order], request: HttpRequest, order: Order, *, back: str) -> list[Button]:
    """The next one first, then what else can be done, then what cannot and why. Asks the database nothing."""
    steps = [_of_step(order, step, back=back) for step in next_steps(order, user=actor(request))]
    others = [
        Button(
            label=action.label,
            link=action_address(order, action.name, back=back),
            reason=str(action.refusal(order)),
            is_next=action.is_next(order),
            dangerous=action.dangerous,
            dialog=not action.wide,
            beside=action.beside,
        )
        for action in admin.actions_for(request, order)
    ]
    return sorted([*steps, *others], key=lambda it: (not it.is_next, bool(it.reason)))


def next_of(buttons: Sequence[Button]) -> Button | None:
    return next((it for it in buttons if it.is_next and not it.reason), None)


def _of_step(order: Order, step: Step, *, back: str) -> Button:
    link = action_address(order, "move" if step.is_move else step.code)
    query = {BACK: back, **({"to": step.code} if step.is_move else {})}
    return Button(
        label=step.label,
        link=f"{link}?{urlencode(query)}",
        reason=step.reason,
        is_next=step.is_next,
        dangerous=step.code == "close",
        dialog=step.code != "edit",
        beside=step.code == "edit",
    )
