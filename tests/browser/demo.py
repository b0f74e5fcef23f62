"""The demo as people start it: `manage.py demo` in a process of its own, with a folder and ports of its own."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.testing import RunningSandbox

ROOT = Path(__file__).resolve().parents[2]
HOST = "127.0.0.1"
ORDERS = 40
PATIENCE = 240  # seconds; the first start makes keys and fills a shop
PASSWORD = re.compile(r"(?:password|密码)\D*? (\S{12,})$", re.MULTILINE)
OURS = ("DATABASE_", "BACKOFFICE_", "DJANGO_", "PYTEST", "REDIS_", "SECRET_", "PUBLIC_URL", "DATA_DIR", "PORT")


def free_port() -> int:
    """The first of two that nobody listens on: the sandbox takes the next one."""
    for _attempt in range(50):
        with socket.socket() as first, socket.socket() as second:
            first.bind((HOST, 0))
            port = int(first.getsockname()[1])
            try:
                second.bind((HOST, port + 1))
            except OSError:
                continue
            return port
    raise AssertionError("no two free ports beside each other")


@dataclass
class Demo:
    """One shop. It is started and stopped as often as a test likes; what it printed last is `printed`."""

    folder: Path
    port: int = field(default_factory=free_port)
    password: str = ""
    process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def gateway(self) -> RunningSandbox:
        """The demo's own sandbox, to be talked to."""
        running = RunningSandbox()
        running.url = f"http://{HOST}:{self.port + 1}"
        return running

    @property
    def printed(self) -> str:
        return (self.folder / "demo.out").read_text(encoding="utf-8")

    def begin(self) -> subprocess.Popen[str]:
        """Start it, and wait for nothing."""
        self.folder.mkdir(parents=True, exist_ok=True)
        clean = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
        with (self.folder / "demo.out").open("w") as out:
            return subprocess.Popen(
                [sys.executable, "manage.py", "demo", "--orders", str(ORDERS), "--port", str(self.port)],
                cwd=ROOT,
                env={**clean, "DATA_DIR": str(self.folder / "data")},
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # so that a Ctrl-C of the tests is not also one of the demo
                text=True,
            )

    def start(self) -> float:
        """:return: how many seconds it took until it said that it is ready"""
        began = time.monotonic()
        self.process = self.begin()
        while "Ctrl-C" not in self.printed:
            assert self.process.poll() is None, self.printed
            assert time.monotonic() - began < PATIENCE, self.printed
            time.sleep(0.1)
        told = PASSWORD.search(self.printed)
        self.password = self.password or (told.group(1) if told else "")
        return time.monotonic() - began

    def stop(self) -> int:
        """Ctrl-C, as the terminal sends it. :return: the exit code"""
        assert self.process is not None
        self.process.send_signal(signal.SIGINT)
        code = self.process.wait(timeout=40)
        self.process = None
        return code
