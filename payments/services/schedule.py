"""When to ask a gateway again. Pure: moments in, moments out."""

from __future__ import annotations

from datetime import datetime, timedelta

WHILE_ALIVE = tuple(timedelta(seconds=seconds) for seconds in (3, 10, 30, 60, 120))
STEADY = timedelta(minutes=5)  # of the later questions, until the attempt expires
GRACE = timedelta(minutes=2)  # after the gateway's own expiry, before its “no such payment” is believed
AFTERWARDS = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 6 * 60, 24 * 60))
DAILY = timedelta(days=1)
UNHEARD = timedelta(minutes=4)  # at most, once a gateway did not answer: when it is back, nothing waits for long

REFUND_STEPS = tuple(timedelta(seconds=seconds) for seconds in (10, 60, 300, 900, 3600, 6 * 3600))
PARKED_STEPS = tuple(timedelta(seconds=seconds) for seconds in (10, 60, 300, 900, 3600, 6 * 3600))
INVOICE_STEPS = tuple(timedelta(seconds=seconds) for seconds in (5, 30, 120, 600, 3600, 6 * 3600))


def next_query_at(*, created_at: datetime, expires_at: datetime, at: datetime) -> datetime:
    """The first moment after `at` when an attempt that is still open is asked about."""
    for pause in WHILE_ALIVE:
        if at < created_at + pause < expires_at:
            return created_at + pause
    over = expires_at + GRACE
    if at < over:
        return min(at + STEADY, over)
    return next((over + pause for pause in AFTERWARDS if over + pause > at), at + DAILY)


def is_unheard(*, code: str) -> bool:
    """Whether a gateway's outcome is unknown because it could not be reached, or did not work."""
    return code.startswith(("transport.", "http."))


def is_over(*, expires_at: datetime, at: datetime) -> bool:
    """Whether the gateway takes no more money for an attempt, by its own clock and some grace."""
    return at >= expires_at + GRACE


def step_after(steps: tuple[timedelta, ...], *, attempt: int, at: datetime) -> datetime:
    """When to try again after the given number of attempts; past the last step, once a day."""
    return at + (steps[attempt - 1] if 0 < attempt <= len(steps) else DAILY)
