from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sandbox.app import Sandbox
from sandbox.box import Options
from sandbox.credentials import ensure

from .merchant import Hands, Mailbox, Merchant


@pytest.fixture(scope="session")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The accounts of seed 1; made once, for making keys takes time."""
    folder = tmp_path_factory.mktemp("seeded")
    ensure(folder, seed=1)
    return folder


@pytest.fixture
def state_dir(tmp_path: Path, seeded: Path) -> Path:
    shutil.copytree(seeded, tmp_path, dirs_exist_ok=True)
    return tmp_path


@pytest.fixture
def hands() -> Hands:
    return Hands()


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
def start(state_dir: Path, hands: Hands, mailbox: Mailbox) -> Iterator[Callable[..., Sandbox]]:
    """Open the sandbox on the same state again and again; its courier sends when it is told to."""
    opened: list[Sandbox] = []

    def open_it(**options: float) -> Sandbox:
        chosen = Options(state_dir, public_url="http://sandbox.example", seed=1, **options)
        opened.append(Sandbox.open(chosen, clock=hands.clock(), post=mailbox))
        return opened[-1]

    yield open_it
    for sandbox in opened:
        sandbox.close()


@pytest.fixture
def sandbox(start: Callable[..., Sandbox]) -> Sandbox:
    return start()


@pytest.fixture
def merchant(sandbox: Sandbox) -> Merchant:
    return Merchant(sandbox)
