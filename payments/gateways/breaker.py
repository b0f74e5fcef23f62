"""A gateway that does not answer is left alone for a while, and never takes all hands of a process."""

from __future__ import annotations

from collections.abc import Callable
from threading import BoundedSemaphore, Lock
from time import monotonic

ENOUGH = 3  # time-outs in a row
REST = 30.0  # seconds, after which one call may try again
AT_ONCE = 3  # calls; web has four threads, and one is left for the gateways' own messages
PATIENCE = 1.0  # seconds to wait for one of them to end
SLOW = 2.0  # seconds; nobody waits behind calls that all take longer


class Breaker:
    """
    Of one gateway, in one process. Whoever tries first after a rest finds out for all.

    :param clock: seconds that only go on
    """

    def __init__(self, *, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._lock = Lock()
        self._calls = BoundedSemaphore(AT_ONCE)
        self._unanswered = 0
        self._rests_until = 0.0
        self._entered_at = 0.0  # the youngest of the calls under way is as old

    def enter(self) -> bool:
        """Whether a call may be made now; then `leave` has to follow."""
        if not self._calls.acquire(timeout=self._patience()):
            return False
        self._entered_at = self._clock()
        if self._rests():
            self._calls.release()
            return False
        return True

    def _patience(self) -> float:
        return PATIENCE if self._clock() - self._entered_at < SLOW else 0.0

    def leave(self) -> None:
        self._calls.release()

    def answered(self) -> None:
        with self._lock:
            self._unanswered = 0

    def timed_out(self) -> None:
        with self._lock:
            self._unanswered += 1
            self._rests_until = self._clock() + REST

    def _rests(self) -> bool:
        with self._lock:
            if self._unanswered < ENOUGH:
                return False
            if self._clock() < self._rests_until:
                return True
            self._rests_until = self._clock() + REST
            return False
