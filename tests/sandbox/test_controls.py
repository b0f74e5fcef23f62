"""Every control of the sandbox at every gateway where it makes sense; where it makes none, the table says why."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from sandbox import faults, gateways, notices
from sandbox.app import Sandbox
from sandbox.courier import Answer, Letter
from sandbox.faults import CATALOGUE, FAULTS
from sandbox.gateways import KNOWN
from sandbox.web import FORM, Request

from .merchant import Hands, Mailbox
from .players import PLAYERS, PRICE, Player, Said

FIRST, SECOND, REFUND = "ORDER000001", "ORDER000002", "REFUND00001"
FAULT_NAMES = list(FAULTS)


class Stage:
    """One gateway, its merchant, and what both can see."""

    def __init__(self, player: Player, hands: Hands, mailbox: Mailbox, naps: list[float]) -> None:
        self.player, self.hands, self.mailbox, self.naps = player, hands, mailbox, naps
        self.sandbox = player.sandbox

    def control(self, fault: str, **wishes: Any) -> None:
        told = self.ask("POST", "/sandbox/controls", fault=fault, **wishes)
        assert "error" not in told, told

    def ask(self, method: str, path: str, /, **content: Any) -> Any:
        return self.player.hand.ask(method, path, **content)  # type: ignore[attr-defined]

    def buy(self, number: str = FIRST) -> None:
        self.ask("POST", f"/sandbox/trades/{number}/pay")

    def paid(self, number: str = FIRST, tag: str = "") -> None:
        self.player.place(number, tag)
        self.buy(number)

    def letters(self) -> list[Letter]:
        while self.sandbox.courier.deliver_due():
            pass
        return self.mailbox.letters

    def said(self) -> Said:
        (letter,) = self.letters()
        return self.player.said(letter)

    def ledger(self) -> dict[str, int]:
        totals: dict[str, int] = self.ask("GET", "/sandbox/ledger.json")[self.player.code]["totals"]
        return totals


def delay(stage: Stage) -> None:
    stage.control("delay_answer", value=1.5)
    stage.control("delay_notify", value=5)
    stage.paid()

    assert stage.naps == [1.5]
    assert stage.letters() == []
    stage.hands.pass_by(6)
    assert len(stage.letters()) == 1


def drop(stage: Stage) -> None:
    stage.control("drop_notify")
    stage.paid()

    assert stage.letters() == []


def duplicate(stage: Stage) -> None:
    stage.control("duplicate_notify", value=3)
    stage.paid()

    assert [stage.player.said(letter).order for letter in stage.letters()] == [FIRST] * 3


def reorder(stage: Stage) -> None:
    stage.control("reorder_notify", count=1)
    stage.paid(FIRST)
    stage.paid(SECOND)

    assert [stage.player.said(letter).order for letter in stage.letters()] == [SECOND, FIRST]


def corrupt_signature(stage: Stage) -> None:
    stage.control("forge_notify", value="corrupt")
    stage.paid()
    stage.control("bad_signature", count=1)

    assert not stage.player.trusts(stage.player.query(FIRST))
    assert stage.player.trusts(stage.player.query(FIRST))
    assert not stage.player.trusts_letter(stage.letters()[0])


def stale_timestamp(stage: Stage) -> None:
    stage.control("stale_notify", value=30)
    stage.paid()

    assert stage.said().is_old
    assert stage.player.trusts_letter(stage.letters()[0])


def wrong_amount(stage: Stage) -> None:
    stage.control("wrong_amount", value=-7)
    stage.paid()

    assert stage.said().fen == PRICE - 7


def wrong_app(stage: Stage) -> None:
    stage.paid(FIRST)
    stage.control("wrong_app_id")
    stage.paid(SECOND)

    assert len({stage.player.said(letter).app for letter in stage.letters()}) == 2


def wrong_merchant(stage: Stage) -> None:
    stage.paid(FIRST)
    stage.control(stage.player.merchant_fault)
    stage.paid(SECOND)

    assert len({stage.player.said(letter).merchant for letter in stage.letters()}) == 2


def wrong_currency(stage: Stage) -> None:
    stage.paid(FIRST)
    stage.control(stage.player.currency_fault)
    stage.paid(SECOND)

    assert len({stage.player.said(letter).currency for letter in stage.letters()}) == 2


def wrong_content_type(stage: Stage) -> None:
    stage.control("wrong_content_type")
    stage.paid()

    assert stage.letters()[0].content_type == stage.player.wrong_type


def wrong_charset(stage: Stage) -> None:
    stage.control("wrong_charset")
    stage.paid()

    assert "gbk" in stage.letters()[0].content_type.lower()


def notify_before_the_answer(stage: Stage) -> None:
    stage.control("notify_before_answer")
    stage.sandbox.courier.start()

    stage.player.place(FIRST)

    assert len(stage.mailbox.letters) == 1


def notify_during_the_refund(stage: Stage) -> None:
    stage.paid()
    stage.letters()
    stage.control("notify_during_refund")
    stage.sandbox.courier.start()

    stage.player.give_back(FIRST, REFUND, 880)

    assert len(stage.mailbox.letters) == 2
    assert stage.ledger()["refunded_fen"] == 880


def timed_out_but_executed(stage: Stage) -> None:
    stage.control("timeout", value=30, count=1)

    silent = stage.player.place(FIRST)
    stage.buy()

    assert (silent.hang_up, stage.naps) == (True, [30.0])
    assert stage.ledger()["paid"] == 1


def server_error(stage: Stage) -> None:
    for status in (500, 502):
        stage.control("http_error", value=status, count=1)

        assert stage.player.query(FIRST).status == status


def unclear_code(stage: Stage) -> None:
    stage.control("system_error", count=1)

    assert stage.player.verdict(stage.player.query(FIRST)) in stage.player.unclear


def in_progress_code(stage: Stage) -> None:
    for code in ("03", "04", "05"):
        stage.control("resp_code", value=code, count=1)
        assert stage.player.verdict(stage.player.query(FIRST)) == code


def outage_by_percentage(stage: Stage) -> None:
    stage.control("http_error", percent=50)

    struck = sum(stage.player.query(FIRST).status == 502 for _ in range(40))

    assert 8 <= struck <= 32


def outage_by_api(stage: Stage) -> None:
    stage.control("http_error", api=stage.player.query_api)

    assert [stage.player.place(FIRST).status, stage.player.query(FIRST).status] == [200, 502]


def outage_of_the_gateway(stage: Stage) -> None:
    for other in PLAYERS.keys() - {stage.player.code}:
        stage.control("http_error", api=other)
    assert stage.player.place(FIRST).status == 200

    stage.control("http_error", api=stage.player.code)

    assert [stage.player.place(FIRST).status, stage.player.query(FIRST).status] == [502, 502]


def key_rotation(stage: Stage) -> None:
    before = stage.player.signer(stage.player.query(FIRST))
    stage.control("rotate_key")

    after = [stage.player.signer(stage.player.query(FIRST)) for _ in range(2)]

    assert before not in after
    assert after[0] == after[1]  # once


def expired_certificate(stage: Stage) -> None:
    found = stage.player.next_certificate("expired_certificate")

    assert found.not_valid_after_utc < datetime.now(UTC)
    assert is_issued(found, by=stage.player.authority().public_key())


def attackers_certificate(stage: Stage) -> None:
    found = stage.player.next_certificate("attacker_certificate")

    assert found.not_valid_after_utc > datetime.now(UTC)
    assert not is_issued(found, by=stage.player.authority().public_key())


def is_issued(found: Any, *, by: object) -> bool:
    assert isinstance(by, RSAPublicKey)
    try:
        by.verify(found.signature, found.tbs_certificate_bytes, PKCS1v15(), found.signature_hash_algorithm)
    except InvalidSignature:
        return False
    return True


def clock_jump(stage: Stage) -> None:
    stage.control("clock_skew", value=-2 * 86_400, count=1)
    refused = stage.player.place(FIRST)
    taken = stage.player.place(FIRST)
    before = stage.ask("GET", "/sandbox/clock")["beijing"]
    stage.ask("POST", "/sandbox/clock", advance_seconds=86_400)

    assert stage.player.verdict(refused) != stage.player.verdict(taken)
    assert stage.ask("GET", "/sandbox/clock")["beijing"] > before


def refund_accepted_and_not_done(stage: Stage) -> None:
    stage.paid()
    stage.control("refund_stuck")
    stage.player.give_back(FIRST, REFUND, 880)
    stage.hands.pass_by(3_600)

    assert stage.ledger()["refunded_fen"] == 0


def refund_ends_otherwise(*, fault: str, state: str) -> Callable[[Stage], None]:
    def probe(stage: Stage) -> None:
        stage.paid()
        stage.control(fault)
        stage.player.give_back(FIRST, REFUND, 880)
        stage.hands.pass_by(3_600)

        (refund,) = stage.ask("GET", f"/sandbox/trades/{FIRST}")["refunds"]
        assert (refund["state"], stage.ledger()["refunded_fen"]) == (state, 0)

    return probe


def trade_closed(stage: Stage) -> None:
    """As Alipay tells of a full refund, and of a closing where the merchant asked for that."""
    stage.paid(FIRST)
    stage.player.give_back(FIRST, REFUND, PRICE)
    assert b"trade_status=TRADE_CLOSED" in stage.letters()[-1].body
    stage.control("notify_close")
    stage.player.place(SECOND)
    stage.ask("POST", f"/sandbox/trades/{SECOND}/scan")
    stage.ask("POST", f"/sandbox/trades/{SECOND}/close", notify=True)

    assert b"trade_status=TRADE_CLOSED" in stage.letters()[-1].body


def sold(stage: Stage) -> None:
    stage.control("bill_early")
    stage.paid(FIRST)
    stage.paid(SECOND)


def statement_missing(stage: Stage) -> None:
    sold(stage)
    stage.control("bill_missing", scope=FIRST)

    assert [number for number, *_ in stage.player.bill()] == [SECOND]


def statement_extra(stage: Stage) -> None:
    sold(stage)
    stage.control("bill_extra", scope=FIRST)

    assert len(stage.player.bill()) == 3


def statement_changed(stage: Stage) -> None:
    sold(stage)
    stage.control("bill_changed", scope=FIRST, value=7)

    assert [fen for _, fen, _ in stage.player.bill()] == [PRICE + 7, PRICE]


def statement_twice(stage: Stage) -> None:
    sold(stage)
    stage.control("bill_duplicate", scope=FIRST)

    assert [number for number, *_ in stage.player.bill()] == [FIRST, FIRST, SECOND]


def statement_fee(stage: Stage) -> None:
    sold(stage)
    stage.control("bill_fee", scope=FIRST, value=99)

    (_, _, first), (_, _, second) = stage.player.bill()
    assert (abs(first), abs(second) in {34, 53}) == (99, True)


def retries(stage: Stage) -> None:
    """As the real one's table has them."""
    assert wait_before_the_second_try(stage, speed=1.0) == first_gap(stage)


def retries_compressed(stage: Stage) -> None:
    assert wait_before_the_second_try(stage, speed=3_600.0) == pytest.approx(first_gap(stage) / 3_600, abs=0.001)


def first_gap(stage: Stage) -> float:
    return next((gap for gap in KNOWN[stage.player.code].sender.gaps if gap), 0.0)


def wait_before_the_second_try(stage: Stage, *, speed: float) -> float:
    object.__setattr__(stage.sandbox.box.options, "speed", speed)
    stage.mailbox.answer = Answer(500, "no")
    stage.paid()
    stage.letters()
    return (notices.next_due(stage.sandbox.box) or 0) - stage.hands.at


def ledger_export(stage: Stage) -> None:
    stage.paid(FIRST)
    stage.player.place(SECOND)
    stage.player.give_back(FIRST, REFUND, 880)
    stage.hands.pass_by(3_600)

    told = stage.ledger()
    assert (told["paid"], told["paid_fen"], told["refunded_fen"], told["net_fen"]) == (1, PRICE, 880, PRICE - 880)


Probe = Callable[[Stage], None]
CONTROLS: dict[str, Probe] = {
    "delay": delay,
    "drop": drop,
    "duplicate": duplicate,
    "reorder": reorder,
    "corrupt signature": corrupt_signature,
    "stale timestamp": stale_timestamp,
    "wrong amount": wrong_amount,
    "wrong app": wrong_app,
    "wrong merchant": wrong_merchant,
    "wrong currency": wrong_currency,
    "wrong content type": wrong_content_type,
    "wrong charset": wrong_charset,
    "notify before the create is answered": notify_before_the_answer,
    "notify during the refund": notify_during_the_refund,
    "timed out, but executed": timed_out_but_executed,
    "500 and 502": server_error,
    "20000, SYSTEM_ERROR, 06": unclear_code,
    "03, 04, 05": in_progress_code,
    "outage by percentage": outage_by_percentage,
    "outage by API": outage_by_api,
    "outage of one gateway": outage_of_the_gateway,
    "key rotation": key_rotation,
    "expired certificate": expired_certificate,
    "attacker's certificate": attackers_certificate,
    "clock jump": clock_jump,
    "refund accepted, not done": refund_accepted_and_not_done,
    "refund ABNORMAL": refund_ends_otherwise(fault="refund_abnormal", state="ABNORMAL"),
    "refund CLOSED": refund_ends_otherwise(fault="refund_closed", state="CLOSED"),
    "refund fails later": refund_ends_otherwise(fault="refund_fail", state="FAILED"),
    "TRADE_CLOSED": trade_closed,
    "statement lacks a row": statement_missing,
    "statement has one more": statement_extra,
    "statement has another amount": statement_changed,
    "statement says it twice": statement_twice,
    "statement has another fee": statement_fee,
    "retries as in reality": retries,
    "retries compressed": retries_compressed,
    "ledger export": ledger_export,
}
NO_REFUND_STATES = "a refund is done, or it is not"
SENSELESS = {
    ("wrong currency", "alipay"): "no message names a currency",
    ("wrong charset", "wechatpay"): "JSON is UTF-8",
    ("03, 04, 05", "alipay"): "these are UnionPay's codes",
    ("03, 04, 05", "wechatpay"): "these are UnionPay's codes",
    ("refund ABNORMAL", "alipay"): NO_REFUND_STATES,
    ("refund ABNORMAL", "unionpay"): "it fails",
    ("refund CLOSED", "alipay"): NO_REFUND_STATES,
    ("refund CLOSED", "unionpay"): "it fails",
    ("refund fails later", "alipay"): NO_REFUND_STATES,
    ("refund fails later", "wechatpay"): "it ends as ABNORMAL or CLOSED",
    ("TRADE_CLOSED", "wechatpay"): "it is a state of Alipay's",
    ("TRADE_CLOSED", "unionpay"): "it is a state of Alipay's",
}
TABLE = [(control, gateway) for control in CONTROLS for gateway in PLAYERS if (control, gateway) not in SENSELESS]


@pytest.fixture
def naps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long a gateway would have slept."""
    taken: list[float] = []
    for code in PLAYERS:
        monkeypatch.setattr(f"sandbox.{code}.gateway.nap", taken.append)
    return taken


@pytest.mark.parametrize(("control", "gateway"), TABLE)
def test_a_control_does_what_it_says(
    control: str, gateway: str, sandbox: Sandbox, hands: Hands, mailbox: Mailbox, naps: list[float]
) -> None:
    CONTROLS[control](Stage(PLAYERS[gateway](sandbox), hands, mailbox, naps))


def test_the_table_is_about_every_gateway_and_nothing_else() -> None:
    assert PLAYERS.keys() == gateways.KNOWN.keys()
    assert {control for control, _ in SENSELESS} <= CONTROLS.keys()
    assert all(why for why in SENSELESS.values())


class TestWaysToSwitchOn:
    """Each fault by JSON, by the page and by a word in an order's subject."""

    def switched_on(self, sandbox: Sandbox) -> list[tuple[str, str]]:
        return [(control.fault, control.value) for control in faults.switched_on(sandbox.box)]

    @pytest.fixture
    def wanted(self) -> list[tuple[str, str]]:
        return [(fault.name, fault.value) for fault in CATALOGUE]

    def test_by_json(self, sandbox: Sandbox, wanted: list[tuple[str, str]]) -> None:
        player = PLAYERS["alipay"](sandbox)
        for name in FAULTS:
            player.hand.control(name)

        assert self.switched_on(sandbox) == wanted

    def test_by_the_page(self, sandbox: Sandbox, wanted: list[tuple[str, str]]) -> None:
        for name in FAULTS:
            form = {"do": "on", "fault": name, "scope": FIRST, "api": "trade.query", "percent": "30", "executed": "no"}
            answer = sandbox.respond(Request("POST", "/control", "lang=en", urlencode(form).encode(), FORM))
            assert answer.status == 303

        assert self.switched_on(sandbox) == wanted
        assert {(it.scope, it.api, it.percent, it.executed) for it in faults.switched_on(sandbox.box)} == {
            (FIRST, "trade.query", 30.0, 0)
        }

    @pytest.mark.parametrize("gateway", PLAYERS)
    def test_by_a_word_in_the_subject(self, sandbox: Sandbox, gateway: str, wanted: list[tuple[str, str]]) -> None:
        player = PLAYERS[gateway](sandbox)
        for fault in CATALOGUE:
            if fault.kind not in {"call", "place", "key"}:  # those would strike this very call
                player.place(f"TAG{FAULT_NAMES.index(fault.name):07d}", f"[sim:{fault.name.replace('_', '-')}]")

        assert set(wanted) - set(self.switched_on(sandbox)) == {
            (fault.name, fault.value) for fault in CATALOGUE if fault.kind in {"call", "place", "key"}
        }

    @pytest.mark.parametrize("gateway", PLAYERS)
    def test_by_a_word_that_strikes_a_later_call(self, sandbox: Sandbox, gateway: str) -> None:
        player = PLAYERS[gateway](sandbox)

        player.place(FIRST, f"[sim:http-error@{player.query_api} 503]")

        assert [player.query(FIRST).status for _ in range(2)] == [503, 200]

    def test_the_page_tells_what_was_filled_in_wrongly(self, sandbox: Sandbox) -> None:
        form = {"do": "on", "fault": "timeout", "value": "long"}
        answer = sandbox.respond(Request("POST", "/control", "lang=en", urlencode(form).encode(), FORM))

        assert answer.status == 400
        assert 'role="alert"' in answer.body.decode()
        assert "timeout takes a value like" in answer.body.decode()

    def test_the_page_moves_the_clock(self, sandbox: Sandbox, hands: Hands) -> None:
        form = {"do": "clock", "advance_seconds": "3600"}
        sandbox.respond(Request("POST", "/control", "lang=en", urlencode(form).encode(), FORM))
        wrong = {"do": "clock", "advance_seconds": "nan"}
        refused = sandbox.respond(Request("POST", "/control", "lang=en", urlencode(wrong).encode(), FORM))

        assert sandbox.box.clock.now() == hands.at + 3_600
        assert refused.status == 400


def test_every_fault_is_explained_once() -> None:
    assert len({fault.name for fault in CATALOGUE}) == len(CATALOGUE)
