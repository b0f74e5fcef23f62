from __future__ import annotations

from collections.abc import Iterator

import pytest

from payments.gateways import Ack
from sandbox.testing import RunningSandbox
from tests.gateways.letterbox import Letterbox
from tests.gateways.wechatpay.desk import Desk

REFUND_SECONDS = "0.3"


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    with RunningSandbox() as running:
        running.control("refund_delay", value=REFUND_SECONDS)
        yield running


@pytest.fixture(scope="module")
def letterbox() -> Iterator[Letterbox]:
    opened = Letterbox(ack=Ack(status=200, body=b'{"code":"SUCCESS"}', content_type="application/json"))
    yield opened
    opened.close()
