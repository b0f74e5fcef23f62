from __future__ import annotations

import pytest

from sandbox.app import Sandbox

from .shop import Shop


@pytest.fixture
def shop(sandbox: Sandbox) -> Shop:
    return Shop(sandbox)


@pytest.fixture
def old_shop(shop: Shop) -> Shop:
    """The same merchant in the days of platform certificates."""
    shop.keys_do("mode", mode="certificate")
    return Shop(shop.sandbox)
