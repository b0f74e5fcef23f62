"""What each gateway keeps, as its statement tells it and the product reads it: the sandbox's books are the witness."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from io import BytesIO
from typing import Any

import pytest

from payments.gateways import Ack, Availability, StatementLine, StatementRequest
from sandbox.testing import RunningSandbox
from tests.gateways.alipay.test_contract import AlipayRig
from tests.gateways.contract import PRICE_FEN, Attempt
from tests.gateways.letterbox import Letterbox
from tests.gateways.unionpay.test_contract import UnionpayRig
from tests.gateways.wechatpay.rig import WechatpayRig

# By 0.60 % of 99.00, of 89.00 and of 64.00 that are left; UnionPay keeps 0.38 % and gives nothing back.
FEES = {"alipay": [59, -6, -15], "wechatpay": [59, -6, -15], "unionpay": [38, 0, 0]}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    with RunningSandbox() as running:
        running.control("refund_delay", value="0.1")
        yield running


@pytest.fixture(scope="module")
def letterbox() -> Iterator[Letterbox]:
    opened = Letterbox(ack=Ack(status=200, body=b"success", content_type="text/plain"))
    yield opened
    opened.close()


@pytest.fixture(params=FEES)
def rig(request: pytest.FixtureRequest, sandbox: RunningSandbox, letterbox: Letterbox) -> Any:
    if request.param == "alipay":
        return AlipayRig(sandbox, letterbox)
    if request.param == "wechatpay":
        return WechatpayRig(sandbox, letterbox, told=sandbox.credentials_of("wechatpay"))
    return UnionpayRig(sandbox, letterbox, kept="pfx")


def statement(rig: Any, attempt: Attempt, sandbox: RunningSandbox) -> list[StatementLine]:
    sandbox.control("bill_early", count=1)
    trade = sandbox.trade(attempt.number)
    day = trade.get("settle_day") or trade["paid_at"][:10].replace("-", "")  # UnionPay's day begins at 23:00
    file = rig.gateway.statement(request=StatementRequest(day=datetime.strptime(day, "%Y%m%d").date()))  # noqa: DTZ007
    assert file.availability is Availability.READY
    lines = rig.gateway.read_statement(file=BytesIO(file.content))
    return [line for line in lines if attempt.number[1:] in line.payment_no + line.refund_no]


def give_back(attempt: Attempt, *amounts_fen: int) -> None:
    for step, amount_fen in enumerate(amounts_fen):
        number = f"F{step}{attempt.number[1:]}"
        attempt.refund(amount_fen=amount_fen, refund_no=number)
        attempt.refund_ended(refund_no=number)


def test_fees_are_read_as_the_gateway_booked_them(rig: Any, sandbox: RunningSandbox) -> None:
    attempt = Attempt(rig).paid()
    give_back(attempt, 1_000, 2_500)

    lines = statement(rig, attempt, sandbox)

    assert [line.amount_fen for line in lines] == [PRICE_FEN, 1_000, 2_500]
    assert [line.fee_fen for line in lines] == FEES[rig.gateway.code]
    assert sum(line.fee_fen for line in lines) == sandbox.trade(attempt.number)["fee_fen"]


def test_all_refunds_together_bring_back_the_whole_fee(rig: Any, sandbox: RunningSandbox) -> None:
    if rig.gateway.code == "unionpay":
        return  # it keeps its fee
    attempt = Attempt(rig).paid()
    give_back(attempt, 3_333, 3_333, 3_234)

    lines = statement(rig, attempt, sandbox)

    assert len(lines) == 4
    assert sum(line.fee_fen for line in lines) == sandbox.trade(attempt.number)["fee_fen"] == 0
