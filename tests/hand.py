"""
A hand: a process with Django set up that stands ready and does one scene after another, as other processes do theirs.

`python -m tests.hand tests.races.scenes` reads lines of {"scene": …, "facts": {…}, "at": epoch}, and writes one
answer for each.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
import traceback
from typing import Any, TextIO

import django
from django.db import close_old_connections


def main(scenes: str) -> None:
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what a scene prints must not pass for an answer
    django.setup()
    known = importlib.import_module(scenes)
    tell(answers, ready=True)
    for line in sys.stdin:
        wanted = json.loads(line)
        act = getattr(known, wanted["scene"])
        close_old_connections()  # as between two requests: one that was cut is not used again
        time.sleep(max(wanted["at"] - time.time(), 0))
        try:
            tell(answers, result=act(**wanted["facts"]))
        except Exception:  # noqa: BLE001 - the test is told, whatever it was
            tell(answers, error=traceback.format_exc())


def tell(answers: TextIO, **answer: Any) -> None:
    answers.write(json.dumps(answer, default=str) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
