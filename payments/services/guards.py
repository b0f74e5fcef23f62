"""What payments holds against an edit of an order; orders never learns of payments."""

from __future__ import annotations

from orders.services.guards import register_edit_guard

from .closing import refuse_edit_while_open

register_edit_guard(refuse_edit_while_open)
