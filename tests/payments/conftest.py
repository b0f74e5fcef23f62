from __future__ import annotations

from collections.abc import Iterator

import pytest

from .fakes import FakeBank, open_bank


@pytest.fixture(autouse=True)
def bank() -> Iterator[FakeBank]:
    """Every test of payments talks to a gateway in memory."""
    with open_bank() as bank:
        yield bank
