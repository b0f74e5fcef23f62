from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytest_django import DjangoDbBlocker

from tests.live.shop import LiveShop, live_shop


@pytest.fixture(scope="session")
def open_shop(tmp_path_factory: pytest.TempPathFactory, django_db_blocker: DjangoDbBlocker) -> Iterator[LiveShop]:
    """Web, worker with scheduler, Redis, sandbox: each in a process of its own."""
    with django_db_blocker.unblock(), live_shop(tmp_path_factory.mktemp("shop")) as shop:
        yield shop


@pytest.fixture(scope="session")
def embedded_shop(tmp_path_factory: pytest.TempPathFactory, django_db_blocker: DjangoDbBlocker) -> Iterator[LiveShop]:
    """The same without Redis."""
    with django_db_blocker.unblock(), live_shop(tmp_path_factory.mktemp("embedded"), with_redis=False) as shop:
        yield shop


@pytest.fixture
def shop(open_shop: LiveShop) -> Iterator[LiveShop]:
    """The shop, all of it running, with sound books afterwards."""
    yield open_shop
    if open_shop.redis is not None and not open_shop.redis.is_running:
        open_shop.start_redis()
    open_shop.bank.clear()
    if not open_shop.worker.is_running:
        open_shop.worker.start()
    assert open_shop.hand.do("check_books") == []
