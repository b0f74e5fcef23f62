from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.testing import RunningSandbox
from tests.hands import Team, hands
from tests.processes import Processes, processes

__all__ = ["processes"]

SCENES = "tests.races.scenes"
HANDS = 4


@pytest.fixture(scope="session")
def bank() -> Iterator[RunningSandbox]:
    """The sandbox, in a process of its own: it knows what was truly paid and refunded."""
    with RunningSandbox(seed=1) as bank:
        yield bank


@pytest.fixture(scope="session")
def team(processes: Processes, bank: RunningSandbox) -> Iterator[Team]:
    """Four processes on one database, with a shop and its account at the sandbox."""
    with hands(SCENES, processes.environment, count=HANDS) as team:
        team.lead.do("prepare", **where(bank))
        yield team


@pytest.fixture(autouse=True)
def _sound_books(team: Team) -> Iterator[None]:
    """After every race and every death, the books are in order."""
    yield
    assert team.lead.do("check_books") == []


def where(bank: RunningSandbox) -> dict[str, Any]:
    return {"state_dir": str(bank.state_dir), "url": bank.url}
