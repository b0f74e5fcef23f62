"""A meter that remembers what it was told."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal


@dataclass
class Meter:
    """What each key did."""

    acts: list[tuple[str, str, str]] = field(default_factory=list)
    heard: list[tuple[datetime, datetime]] = field(default_factory=list)

    def hear(self, *, told: datetime, at: datetime) -> None:
        self.heard.append((told, at))

    def __call__(self, *, kind: str, value: str, act: Literal["sign", "verify"]) -> None:
        self.acts.append((kind, value, act))

    @property
    def kinds(self) -> list[tuple[str, str]]:
        return [(kind, act) for kind, _value, act in self.acts]

    def of(self, act: str) -> list[tuple[str, str]]:
        return [(kind, value) for kind, value, done in self.acts if done == act]
