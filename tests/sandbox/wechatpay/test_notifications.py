from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.exceptions import InvalidTag

from sandbox.app import Sandbox
from sandbox.courier import Answer

from ..merchant import NOON, Hands, Mailbox
from .shop import NOTIFY_URL, Shop

TABLE = [15, 15, 30, 180, 600, 1200, 1800, 1800, 1800, 3600, 10800, 10800, 10800, 21600, 21600]


class TestNotification:
    def test_is_signed_and_sealed(self, shop: Shop, mailbox: Mailbox) -> None:
        shop.paid()
        letter = mailbox.letters[0]
        notice = json.loads(letter.body)

        assert (letter.url, letter.content_type) == (NOTIFY_URL, "application/json")
        assert shop.trusts_letter(letter)
        assert letter.headers["Wechatpay-Serial"] == shop.credentials["public_key_id"]
        assert notice["resource_type"] == "encrypt-resource"
        assert notice["resource"]["original_type"] == "transaction"
        assert b"ORDER1" not in letter.body
        event, told = shop.read(letter)
        assert (event, told["trade_state"], told["mchid"], told["appid"]) == (
            "TRANSACTION.SUCCESS",
            "SUCCESS",
            shop.mchid,
            shop.appid,
        )
        assert told["amount"] == {"total": 100, "payer_total": 100, "currency": "CNY", "payer_currency": "CNY"}
        assert len(told["payer"]["openid"]) == 28

    def test_of_a_payment_stays_one_though_a_refund_was_asked_for(self, shop: Shop, mailbox: Mailbox) -> None:
        shop.paid()
        shop.refund()
        shop.console("notify")
        shop.sandbox.courier.deliver_due()

        assert shop.read(mailbox.letters[-1])[0] == "TRANSACTION.SUCCESS"
        assert shop.read(mailbox.letters[-1])[1]["trade_state"] == "SUCCESS"

    def test_is_tried_again_by_the_real_table(self, shop: Shop, hands: Hands, mailbox: Mailbox) -> None:
        mailbox.answer = Answer(500, '{"code":"FAIL"}')
        shop.paid()
        gaps = []
        for _ in range(20):
            waiting = shop.ask("GET", "/sandbox/notifications.json")[0]
            if waiting["state"] != "waiting":
                break
            due = shop.sandbox.box.store.all("SELECT due_at FROM notification")[0]["due_at"]
            gaps.append(round(due - hands.at))
            hands.at = due
            shop.sandbox.courier.deliver_due()

        assert gaps == TABLE
        assert len(mailbox.letters) == 16
        assert len({letter.headers["Wechatpay-Nonce"] for letter in mailbox.letters}) == 16
        assert len({json.loads(letter.body)["id"] for letter in mailbox.letters}) == 1
        assert shop.ask("GET", "/sandbox/notifications.json")[0]["state"] == "given_up"

    def test_runs_faster_when_told_to(self, start: Callable[..., Sandbox], mailbox: Mailbox) -> None:
        mailbox.answer = Answer(500)
        shop = Shop(start(speed=15))
        shop.paid()

        assert shop.sandbox.box.store.all("SELECT due_at FROM notification")[0]["due_at"] == NOON + 1

    @pytest.mark.parametrize(
        ("status", "state"), [(200, "done"), (204, "done"), (302, "waiting"), (400, "waiting"), (0, "waiting")]
    )
    def test_is_done_with_200_or_204(self, shop: Shop, mailbox: Mailbox, status: int, state: str) -> None:
        mailbox.answer = Answer(status)
        shop.paid()

        assert shop.ask("GET", "/sandbox/notifications.json")[0]["state"] == state

    def test_waits_five_seconds_for_an_answer(self, shop: Shop, mailbox: Mailbox) -> None:
        shop.paid()

        assert mailbox.letters[0].patience == 5


class TestFaults:
    @pytest.mark.parametrize("how", ["corrupt", "other_key", "app_key", "sha1", "keep_sign_type", "unsigned"])
    def test_forge_what_no_merchant_may_trust(self, shop: Shop, mailbox: Mailbox, how: str) -> None:
        shop.paid(faults={"forge_notify": how})

        assert not shop.trusts_letter(mailbox.letters[0])

    def test_probe_the_signature_check(self, shop: Shop, mailbox: Mailbox) -> None:
        shop.paid(faults={"signtest": ""})

        assert mailbox.letters[0].headers["Wechatpay-Signature"].startswith("WECHATPAY/SIGNTEST/")
        assert not shop.trusts_letter(mailbox.letters[0])

    def test_sign_with_a_certificate_that_nobody_knows(self, shop: Shop, mailbox: Mailbox) -> None:
        shop.paid(faults={"unknown_serial": ""})

        assert mailbox.letters[0].headers["Wechatpay-Serial"] not in shop.known_keys()

    def test_seal_with_another_key(self, shop: Shop, mailbox: Mailbox) -> None:
        shop.paid(faults={"wrong_api_v3_key": ""})

        assert shop.trusts_letter(mailbox.letters[0])
        with pytest.raises(InvalidTag):
            shop.read(mailbox.letters[0])

    def test_date_it_long_ago(self, shop: Shop, mailbox: Mailbox) -> None:
        shop.paid(faults={"stale_notify": 1})

        assert int(mailbox.letters[0].headers["Wechatpay-Timestamp"]) == int(NOON) - 86_400
        assert shop.trusts_letter(mailbox.letters[0])

    @pytest.mark.parametrize(
        ("fault", "value", "where", "said"),
        [
            ("wrong_amount", "-1", ("amount", "total"), 99),
            ("wrong_currency", "", ("amount", "currency"), "USD"),
            ("wrong_mchid", "", ("mchid",), "1999999999"),
            ("wrong_app_id", "", ("appid",), "wx9999999999999999"),
            ("unknown_order", "", ("out_trade_no",), "UNKNOWNORDER1"),
            ("unpaid_notify", "", ("trade_state",), "NOTPAY"),
        ],
    )
    def test_tell_something_else_well_signed(
        self, shop: Shop, mailbox: Mailbox, fault: str, value: str, where: tuple[str, ...], said: object
    ) -> None:
        shop.paid(faults={fault: value})
        told: Any = shop.read(mailbox.letters[0])[1]
        for name in where:
            told = told[name]

        assert told == said
        assert shop.trusts_letter(mailbox.letters[0])
        assert shop.query().content["amount"]["total"] == 100

    def test_name_another_event(self, shop: Shop, mailbox: Mailbox) -> None:
        shop.paid(faults={"wrong_event_type": ""})

        assert shop.read(mailbox.letters[0])[0] == "REFUND.SUCCESS"

    def test_drop_double_and_delay(self, shop: Shop, hands: Hands, mailbox: Mailbox) -> None:
        shop.paid("ORDER1", faults={"drop_notify": ""})
        shop.paid("ORDER2", faults={"duplicate_notify": 3})
        shop.paid("ORDER3", faults={"delay_notify": 5})
        at_once = len(mailbox.letters)
        hands.pass_by(5)
        shop.sandbox.courier.deliver_due()

        assert (at_once, len(mailbox.letters)) == (3, 4)

    def test_are_asked_for_in_the_description(self, shop: Shop, mailbox: Mailbox) -> None:
        shop.native(description="茶 [sim:duplicate-notify=2]")
        shop.console("pay")
        shop.sandbox.courier.deliver_due()

        assert len(mailbox.letters) == 2

    @pytest.mark.parametrize(
        ("fault", "value", "verdict"),
        [
            ("system_error", "", (500, "SYSTEM_ERROR")),
            ("refuse", "", (403, "NOT_ENOUGH")),
            ("refuse", "FREQUENCY_LIMITED", (429, "FREQUENCY_LIMITED")),
            ("refuse", "BANK_ERROR", (500, "BANK_ERROR")),
        ],
    )
    def test_refuse_signed_and_do_nothing(self, shop: Shop, fault: str, value: str, verdict: tuple[int, str]) -> None:
        shop.control(fault, value=value, count=1, api="native")
        refused = shop.native()

        assert refused.verdict == verdict
        assert shop.trusts_answer(refused)
        assert shop.query().verdict == (404, "ORDER_NOT_EXIST")

    @pytest.mark.parametrize(("fault", "value"), [("timeout", "0"), ("hang_up", "")])
    def test_do_it_and_say_nothing(self, shop: Shop, fault: str, value: str) -> None:
        shop.control(fault, value=value, count=1)

        assert shop.native().response.hang_up
        assert shop.query().content["trade_state"] == "NOTPAY"

    @pytest.mark.parametrize("fault", ["bad_signature", "unsigned_answer", "truncated_answer"])
    def test_spoil_the_answer(self, shop: Shop, fault: str) -> None:
        shop.native()
        shop.control(fault, count=1)

        assert not shop.trusts_answer(shop.query())
        assert shop.trusts_answer(shop.query())

    def test_break_the_front(self, shop: Shop) -> None:
        shop.control("http_error", value="503", count=1)
        broken = shop.native()

        assert (broken.status, broken.serial) == (503, "")

    def test_pay_before_the_answer(self, shop: Shop, mailbox: Mailbox) -> None:
        shop.sandbox.courier.start()
        shop.control("notify_before_answer", count=1)
        shop.native()

        assert len(mailbox.letters) == 1
        assert shop.query().content["trade_state"] == "SUCCESS"

    def test_of_alipay_alone_leave_wechat_pay_alone(self, shop: Shop, mailbox: Mailbox) -> None:
        for fault in ("acq_system_error", "wrong_seller", "wrong_charset"):
            shop.control(fault)
        shop.paid()

        assert shop.query().status == 200
        assert shop.trusts_letter(mailbox.letters[0])
