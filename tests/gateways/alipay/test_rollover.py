"""Keys that follow one another while payments run, against the sandbox in a process of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO

import pytest

from kernel.clock import local, now
from payments.gateways import (
    AccountConfig,
    Ack,
    Availability,
    Environment,
    ForgedNotification,
    Movement,
    Outcome,
    StatementRequest,
    UnknownKey,
)
from payments.gateways.alipay import AlipayGateway
from payments.gateways.statement import StatementFile
from sandbox.testing import RunningSandbox
from tests.gateways.alipay.test_contract import AlipayRig, CertificateRig
from tests.gateways.contract import PRICE_FEN, Attempt
from tests.gateways.letterbox import Letterbox


@pytest.fixture
def sandbox() -> Iterator[RunningSandbox]:
    with RunningSandbox() as running:
        yield running


@pytest.fixture
def letterbox() -> Iterator[Letterbox]:
    opened = Letterbox(ack=Ack(status=200, body=b"success", content_type="text/plain"))
    yield opened
    opened.close()


class Fixed(CertificateRig):
    """The console's files as they were downloaded once: Alipay's later keys are not in them."""

    def __init__(self, sandbox: RunningSandbox, letterbox: Letterbox) -> None:
        super().__init__(sandbox, letterbox)
        self.downloaded = AlipayRig.files(self)

    def files(self) -> dict[str, str]:
        return self.downloaded


def with_key(gateway: AlipayGateway, *, kind: str, value: str) -> AlipayGateway:
    """The account after a newer key came, the old one alive beside it."""
    old: AccountConfig = gateway.config
    return AlipayGateway(
        config=replace(
            old,
            credentials={**old.credentials, kind: value},
            others={**old.others, kind: old.all_of(kind)},
        )
    )


class TestAlipaysNextCertificate:
    def test_is_fetched_and_no_payment_is_lost(self, sandbox: RunningSandbox, letterbox: Letterbox) -> None:
        rig = Fixed(sandbox, letterbox)
        before = Attempt(rig).paid()
        (early,) = rig.notifications(payment_no=before.number)
        during = Attempt(rig).open()
        sandbox.post("/sandbox/alipay/rotate")
        rig.pay(payment_no=during.number)
        (late,) = rig.notifications(payment_no=during.number)
        old = rig.gateway
        assert isinstance(old, AlipayGateway)
        assert before.query().outcome is Outcome.UNKNOWN
        with pytest.raises(ForgedNotification):
            old.parse_notification(request=late)

        (fetched,) = old.fetch_keys()

        both = with_key(old, kind=fetched.kind, value=fetched.value)
        assert both.query(ref=before.ref).outcome is Outcome.SUCCEEDED
        assert [both.parse_notification(request=it).amount_fen for it in (early, late)] == [PRICE_FEN] * 2
        assert both.fetch_keys() == []

    def test_is_named_by_a_notification_that_carries_its_number(
        self, sandbox: RunningSandbox, letterbox: Letterbox
    ) -> None:
        rig = Fixed(sandbox, letterbox)
        attempt = Attempt(rig).open()
        serial = sandbox.post("/sandbox/alipay/rotate")["certificates"]["alipay_cert_sn"]
        sandbox.pay(attempt.number, faults={"notify_cert_sn": ""})
        (request,) = rig.notifications(payment_no=attempt.number)

        with pytest.raises(UnknownKey) as told:
            rig.gateway.parse_notification(request=request)

        assert told.value.serial == serial
        (fetched,) = rig.gateway.fetch_keys(serial=serial)
        renewed = rig._gateway(alipay_cert=fetched.value)
        assert renewed.parse_notification(request=request).amount_fen == PRICE_FEN


class TestOurNextCertificate:
    def test_takes_over_while_the_old_one_is_still_taken(self, sandbox: RunningSandbox, letterbox: Letterbox) -> None:
        old = Attempt(Fixed(sandbox, letterbox)).paid()
        sandbox.post("/sandbox/alipay/rotate", key="app")
        new = CertificateRig(sandbox, letterbox)

        assert old.query().outcome is Outcome.SUCCEEDED
        sandbox_has = sandbox.get("/sandbox/credentials.json")["alipay"]
        assert new._gateway(app_private_key=sandbox_has["app_private_key"]).query(ref=old.ref).outcome is (
            Outcome.SUCCEEDED
        )


@pytest.mark.parametrize("mode", [AlipayRig, CertificateRig])
def test_a_statement_is_fetched_and_read(sandbox: RunningSandbox, letterbox: Letterbox, mode: type[AlipayRig]) -> None:
    rig = mode(sandbox, letterbox)
    attempt = Attempt(rig).paid()
    attempt.refund(amount_fen=1_000, refund_no="R1")
    sandbox.control("bill_early")

    told: StatementFile = rig.gateway.statement(request=StatementRequest(day=local(now()).date()))

    assert told.availability is Availability.READY
    assert told.name.endswith(".csv.zip")
    from_file = list(rig.gateway.read_statement(file=BytesIO(told.content)))
    assert [(it.movement, it.payment_no, it.amount_fen, it.fee_fen, it.refund_no) for it in from_file] == [
        (Movement.PAYMENT, attempt.number, PRICE_FEN, 59, ""),
        (Movement.REFUND, attempt.number, 1_000, -6, "R1"),
    ]


def test_a_public_key_and_the_next_are_alive_together(sandbox: RunningSandbox, letterbox: Letterbox) -> None:
    rig = AlipayRig(sandbox, letterbox)
    attempt, old = Attempt(rig).paid(), rig.gateway
    assert isinstance(old, AlipayGateway)
    (early,) = rig.notifications(payment_no=attempt.number)
    new = sandbox.post("/sandbox/alipay/rotate")["alipay"]["alipay_public_key"]

    both = with_key(old, kind="alipay_public_key", value=new)

    assert old.query(ref=attempt.ref).outcome is Outcome.UNKNOWN
    assert both.query(ref=attempt.ref).outcome is Outcome.SUCCEEDED
    assert both.parse_notification(request=early).amount_fen == PRICE_FEN
    assert both.config.environment is Environment.SANDBOX
