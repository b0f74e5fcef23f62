from __future__ import annotations

import pytest

from sandbox.app import Sandbox

from .shop import Shop


@pytest.fixture
def shop(sandbox: Sandbox) -> Shop:
    return Shop(sandbox)
