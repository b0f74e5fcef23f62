"""Who and what stands behind the work at hand: the trace id that people are shown, the client's address, the actor."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

TRACE_BYTES = 8  # 16 hex digits: short enough to be read out on the phone

_trace: ContextVar[str] = ContextVar("trace_id", default="")
_address: ContextVar[str | None] = ContextVar("client_address", default=None)
_actor: ContextVar[str] = ContextVar("actor", default="")


def current_trace_id() -> str:
    """The trace id of the work at hand; empty outside of any."""
    return _trace.get()


def current_address() -> str | None:
    """The network address of whoever asked for the work at hand, if it came over the network."""
    return _address.get()


def current_actor() -> str:
    """Who acts when no member of staff does: a command, a timer, a gateway. Empty if nobody said so."""
    return _actor.get()


def new_trace() -> str:
    """Give the work at hand a trace id of its own; 16 hex digits."""
    trace_id = secrets.token_hex(TRACE_BYTES)
    _trace.set(trace_id)
    return trace_id


@contextmanager
def tracing(trace_id: str = "", *, address: str | None = None) -> Iterator[str]:
    """Work under `trace_id`, or under a new one, until the block ends."""
    trace_id = trace_id or secrets.token_hex(TRACE_BYTES)
    traced, came_from = _trace.set(trace_id), _address.set(address)
    try:
        yield trace_id
    finally:
        _trace.reset(traced)
        _address.reset(came_from)


@contextmanager
def acting_as(actor: str) -> Iterator[None]:
    """Name who acts in the audit log until the block ends, such as “orders_import”."""
    token = _actor.set(actor)
    try:
        yield
    finally:
        _actor.reset(token)
