"""Programs that run beside a test, each in a group of its own, to be stopped or killed as machines do it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import psutil

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 90.0  # seconds: two cores may be busy with other tests


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until(is_so: Callable[[], Any], *, what: str, patience: float = PATIENCE, pause: float = 0.1) -> Any:
    """
    The first answer that is true.

    :raises AssertionError: if it takes too long
    """
    deadline = time.monotonic() + patience
    while not (answer := is_so()):
        assert time.monotonic() < deadline, f"not within {patience:.0f} s: {what}"
        time.sleep(pause)
    return answer


class Program:
    """:param log: takes all it prints, from every start"""

    def __init__(self, argv: Sequence[str], *, environment: Mapping[str, str], log: Path) -> None:
        self.argv, self.environment, self.log = argv, dict(environment), log
        self.process: subprocess.Popen[bytes] | None = None
        self.starts = 0

    def start(self, **changes: str) -> None:
        self.starts += 1
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.argv,
                cwd=ROOT,
                env={**self.environment, **changes},
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def children(self) -> list[psutil.Process]:
        assert self.process is not None
        with suppress(psutil.NoSuchProcess):
            return psutil.Process(self.process.pid).children(recursive=True)
        return []

    def kill(self) -> None:
        """All of it at once, as `kill -9` of the group does."""
        if self.process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def kill_a_child(self, number: int = 0) -> bool:
        """One of its workers; whether there was one."""
        alive = self.children()
        if not alive:
            return False
        with suppress(psutil.NoSuchProcess):
            alive[number % len(alive)].kill()
        return True

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout=15)
        self.kill()

    def last_words(self) -> str:
        return self.log.read_text(errors="replace")[-4_000:] if self.log.exists() else ""


def answers(url: str) -> int:
    """The status of an address; 0 if nobody answers."""
    try:
        return httpx.get(url, trust_env=False, timeout=5).status_code
    except httpx.HTTPError:
        return 0
