"""Guards of the product, switched off to show that a simulation would miss them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from unittest import mock

from kernel.numbers import gateway_number
from payments.gateways import Gateway, GatewayEvent
from payments.models import Refund
from payments.services import ledger, refund_calls


@contextmanager
def without(name: str) -> Iterator[None]:
    """:param name: of a guard; empty: all stand"""
    if not name:
        yield
        return
    with GUARDS[name]():
        yield


def _collected_once() -> mock._patch[Any]:
    """Money is booked each time a gateway tells of it."""
    return mock.patch.object(ledger, "has_collected", return_value=False)


def _same_refund_number() -> mock._patch[Any]:
    """A refund of which nobody knows what became of it is sent again, under a new number."""
    honest = refund_calls._send_or_ask

    def send_anew(gateway: Gateway, refund: Refund, *, at: datetime) -> GatewayEvent:
        if refund.sent_at is not None and refund.status == Refund.Status.UNKNOWN:
            refund.refund_no, refund.sent_at = gateway_number("R", at=at), None
            Refund.objects.filter(pk=refund.pk).update(refund_no=refund.refund_no, sent_at=None)
        return honest(gateway, refund, at=at)

    return mock.patch.object(refund_calls, "_send_or_ask", send_anew)


GUARDS: dict[str, Callable[[], mock._patch[Any]]] = {
    "collected_once": _collected_once,
    "same_refund_number": _same_refund_number,
}
