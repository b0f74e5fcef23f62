"""Run the demo's processes side by side, and stop them together."""

from __future__ import annotations

import errno
import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from urllib.error import URLError
from urllib.request import urlopen

from django.utils.translation import gettext_lazy as _

from kernel.errors import DomainError

STOP_SECONDS = 10
START_SECONDS = 60
PEEK_SECONDS = 0.3
LAST_LINES = 15


class PortInUse(DomainError):
    text = _(
        "Port %(port)d is in use by another program, so the %(name)s cannot start. "
        "Stop that program, or choose other ports: make demo PORT=%(other)d"
    )


class ProcessDied(DomainError):
    text = _("The %(name)s stopped by itself (exit code %(code)s). Its last lines, from %(log)s:\n%(lines)s")


class StartTooSlow(DomainError):
    text = _("The %(name)s did not answer at %(url)s within %(seconds)d seconds; see %(log)s")


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A process to run: `name` is for people, `log` takes all it prints."""

    name: str
    argv: Sequence[str]
    log: Path
    ready_url: str = ""


def ensure_free(*, host: str, port: int, name: str) -> None:
    """
    Find out before anything is started.

    :raises PortInUse: if somebody listens there
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno not in {errno.EADDRINUSE, errno.EACCES}:
                raise
            raise PortInUse(port=port, name=name, other=port + 100) from error


class Troupe:
    """Started together, watched together, stopped together; each in a group of its own, so that Ctrl-C is ours."""

    def __init__(self, programs: Sequence[Program], *, environment: Mapping[str, str]) -> None:
        self.programs = programs
        self.environment = {**os.environ, **environment}
        self.running: list[tuple[Program, subprocess.Popen[bytes]]] = []
        self.stopping = False

    def start(self) -> None:
        """
        Start all and wait until each that can be asked answers.

        :raises ProcessDied: if one ends at once
        :raises StartTooSlow: if one does not answer
        """
        for program in self.programs:
            program.log.parent.mkdir(parents=True, exist_ok=True)
            with program.log.open("ab") as log:
                process = subprocess.Popen(  # noqa: S603 - our own programs
                    program.argv, env=self.environment, stdout=log, stderr=log, start_new_session=True
                )
            self.running.append((program, process))
        for program, process in self.running:
            _wait_until_ready(program, process)

    def watch(self) -> None:
        """
        Return when somebody asks us to stop.

        :raises ProcessDied: if a program ends before
        """
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # a closed window stops it, too
            signal.signal(number, self._ask_to_stop)
        while not self.stopping:
            for program, process in self.running:
                if process.poll() is not None and not self.stopping:
                    raise _death(program, process)
            time.sleep(PEEK_SECONDS)

    def stop(self) -> None:
        for _program, process in reversed(self.running):
            _signal(process, signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        for _program, process in self.running:
            try:
                process.wait(timeout=max(deadline - time.monotonic(), 0.1))
            except subprocess.TimeoutExpired:
                _signal(process, signal.SIGKILL)
                process.wait()
        self.running.clear()

    def _ask_to_stop(self, _number: int, _frame: FrameType | None) -> None:
        self.stopping = True


def _wait_until_ready(program: Program, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while program.ready_url and not _answers(program.ready_url):
        if process.poll() is not None:
            raise _death(program, process)
        if time.monotonic() > deadline:
            raise StartTooSlow(name=program.name, url=program.ready_url, seconds=START_SECONDS, log=program.log)
        time.sleep(PEEK_SECONDS)


def _answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=2) as answer:  # noqa: S310 - our own address
            return int(answer.status) < 500
    except (URLError, OSError):
        return False


def _death(program: Program, process: subprocess.Popen[bytes]) -> ProcessDied:
    lines = program.log.read_text(errors="replace").splitlines()[-LAST_LINES:]
    return ProcessDied(name=program.name, code=process.poll(), log=program.log, lines="\n".join(lines))


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    if process.poll() is None:
        os.killpg(process.pid, number)
