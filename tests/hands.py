"""Processes that act at the same moment, told by a test what to do: see tests/hand.py."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from signal import SIGKILL
from tempfile import TemporaryFile
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
HEAD_START = 0.01  # seconds, for all to have read what they are to do


class SceneFailed(AssertionError):
    """A scene raised something; the text is its traceback."""


class HandDied(Exception):
    """The process ended in the middle of a scene."""


class Scene(NamedTuple):
    name: str
    facts: dict[str, Any]


def scene(name: str, **facts: Any) -> Scene:
    return Scene(name, facts)


class Hand:
    """
    :param scenes: the module whose functions it can be asked for
    :param environment: settings of the process
    """

    def __init__(self, scenes: str, environment: Mapping[str, str]) -> None:
        self.errors = TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115 - closed in `leave`
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.hand", scenes],
            cwd=ROOT,
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
        )

    def ready(self) -> Hand:
        assert self._answer()["ready"]
        return self

    def begin(self, wanted: Scene, *, at: float = 0, doom: Mapping[str, str] | None = None) -> None:
        assert self.process.stdin is not None
        told = {"scene": wanted.name, "facts": wanted.facts, "at": at, "doom": dict(doom or {})}
        self.process.stdin.write(json.dumps(told) + "\n")
        self.process.stdin.flush()

    def end(self) -> Any:
        """
        :raises SceneFailed: if the scene raised
        :raises HandDied: if the process is gone
        """
        answer = self._answer()
        if "error" in answer:
            raise SceneFailed(answer["error"])
        return answer["result"]

    def do(self, name: str, **facts: Any) -> Any:
        self.begin(Scene(name, facts))
        return self.end()

    def dies_at(self, failpoint: str, wanted: Scene, *, mark: Path) -> None:
        """A child of the hand does a scene and is killed at a failpoint; one that it never reaches fails the test."""
        self.begin(wanted, doom={"FAIL_AT": failpoint, "FAIL_MARK": str(mark)})
        ended = self.end()
        assert mark.exists(), f"{failpoint} was not reached\n{self.last_words()}"
        assert ended == -SIGKILL, f"it ended with {ended}\n{self.last_words()}"

    def leave(self) -> None:
        if self.process.poll() is None:
            assert self.process.stdin is not None
            self.process.stdin.close()
            try:
                self.process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()
        self.errors.close()

    def last_words(self) -> str:
        self.errors.seek(0)
        return self.errors.read()[-4_000:]

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise HandDied(f"exit code {self.process.wait()}\n{self.last_words()}")
        answer: dict[str, Any] = json.loads(line)
        return answer


class Team:
    """Several hands on one database."""

    def __init__(self, hands: Sequence[Hand]) -> None:
        self.hands = hands

    @property
    def lead(self) -> Hand:
        """Who sets the scene before a race, and looks at what came of it."""
        return self.hands[0]

    def at_once(self, *scenes: Scene) -> list[Any]:
        """Each hand does one of the scenes, all from the same moment; what they answer."""
        at = time.time() + HEAD_START
        racing = self.hands[: len(scenes)]
        assert len(racing) == len(scenes), "there are not so many hands"
        for hand, wanted in zip(racing, scenes, strict=True):
            hand.begin(wanted, at=at)
        return [hand.end() for hand in racing]

    def all_do(self, name: str, **facts: Any) -> list[Any]:
        return self.at_once(*(Scene(name, facts) for _ in self.hands))


@contextmanager
def hands(scenes: str, environment: Mapping[str, str], *, count: int) -> Iterator[Team]:
    """Start hands, which takes seconds, and have them leave at the end."""
    team = [Hand(scenes, environment) for _ in range(count)]
    try:
        yield Team([hand.ready() for hand in team])
    finally:
        for hand in team:
            hand.leave()
