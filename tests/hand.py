"""
A hand: a process with Django set up that stands ready and does one scene after another, as other processes do theirs.

`python -m tests.hand tests.races.scenes` reads lines of {"scene": …, "facts": {…}, "at": epoch}, and writes one
answer for each. With "doom", environment variables, a child of the hand does the scene, and the answer is how it ended.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any, TextIO

import django
from django.db import close_old_connections, connection


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
            doom = wanted["doom"]
            tell(answers, result=in_a_child(act, wanted["facts"], doom) if doom else act(**wanted["facts"]))
        except Exception:  # noqa: BLE001 - the test is told, whatever it was
            tell(answers, error=traceback.format_exc())


def in_a_child(act: Callable[..., Any], facts: dict[str, Any], doom: dict[str, str]) -> int:
    """Do a scene in a process that may die of it. :return: as subprocess tells it; -9 is SIGKILL"""
    connection.close()
    if hasattr(connection, "close_pool"):
        connection.close_pool()  # its threads would not be there in the child
    child = os.fork()
    if not child:
        os.environ |= doom
        try:
            act(**facts)
        except BaseException:  # noqa: BLE001 - nothing of this process's may run twice
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def tell(answers: TextIO, **answer: Any) -> None:
    answers.write(json.dumps(answer, default=str) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
