"""Places where a test makes this process die as if the power had gone, to see that nothing is lost or doubled."""

from __future__ import annotations

import os
import signal
from collections import Counter
from pathlib import Path

_passed: Counter[str] = Counter()


def failpoint(name: str) -> None:
    """
    Die here if FAIL_AT says so: `name`, or `name:3` for the third time in this process.

    The file FAIL_MARK is written first, so that a test knows the place was reached.
    """
    wanted, _colon, count = os.environ.get("FAIL_AT", "").partition(":")
    if wanted != name:
        return
    _passed[name] += 1
    if _passed[name] == int(count or 1):
        if mark := os.environ.get("FAIL_MARK"):
            Path(mark).write_text(name)
        die(name)


def die(name: str) -> None:
    """Nothing is tidied up, nobody is told. A simulation has an exception raised here in place of its own death."""
    os.kill(os.getpid(), signal.SIGKILL)
