"""What upper apps may hold against an edit. Orders never learns of payments; payments registers its guard here."""

from __future__ import annotations

from collections.abc import Callable

from ..models import Order

EditGuard = Callable[[Order], None]

_edit_guards: list[EditGuard] = []


def register_edit_guard(guard: EditGuard) -> EditGuard:
    """Have `guard` asked before a locked order is edited; it raises a DomainError to refuse. A decorator."""
    if guard not in _edit_guards:
        _edit_guards.append(guard)
    return guard


def check_edit_guards(order: Order) -> None:
    for guard in _edit_guards:
        guard(order)
