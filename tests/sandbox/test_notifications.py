from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from sandbox.alipay.notify import GAPS, sample_fields, signed_form
from sandbox.app import Sandbox
from sandbox.clock import beijing
from sandbox.courier import Answer, Courier, Letter
from sandbox.faults import FORGERIES

from .merchant import NOON, NOTIFY_URL, Hands, Mailbox, Merchant, read_form

REFUSED = Answer(500, "failure")


class TestPaymentMessage:
    def test_is_a_form_signed_without_sign_type(self, merchant: Merchant, mailbox: Mailbox) -> None:
        merchant.paid(subject='茶叶 "+" } 100%&')

        assert mailbox.letters[0].url == NOTIFY_URL
        assert mailbox.letters[0].content_type == "application/x-www-form-urlencoded; charset=utf-8"
        assert merchant.trusts_form(mailbox.forms[0])

    def test_says_who_paid_what_to_whom(self, merchant: Merchant, mailbox: Mailbox) -> None:
        merchant.paid(amount="88.80", passback_params="a%3Db", body="一袋")

        told = mailbox.forms[0]

        assert (told["app_id"], told["seller_id"]) == (
            merchant.credentials["app_id"],
            merchant.credentials["seller_id"],
        )
        assert (told["out_trade_no"], told["trade_no"]) == ("P1", merchant.query().content["trade_no"])
        assert (told["trade_status"], told["notify_type"]) == ("TRADE_SUCCESS", "trade_status_sync")
        assert [told[name] for name in ("total_amount", "receipt_amount", "buyer_pay_amount")] == ["88.80"] * 3
        assert [told[name] for name in ("gmt_create", "gmt_payment", "notify_time")] == [beijing(NOON)] * 3
        assert json.loads(told["fund_bill_list"]) == [{"amount": "88.80", "fundChannel": "ALIPAYACCOUNT"}]
        assert (told["passback_params"], told["body"]) == ("a%3Db", "一袋")
        assert "*" in told["buyer_logon_id"]
        assert not {"refund_fee", "gmt_refund", "gmt_close"} & told.keys()

    def test_is_not_sent_where_there_is_no_address(self, merchant: Merchant, mailbox: Mailbox) -> None:
        merchant.call("precreate", {"out_trade_no": "P1", "total_amount": "1.00", "subject": "茶叶"})
        merchant.console("pay")
        merchant.sandbox.courier.deliver_due()

        assert mailbox.letters == []

    @pytest.mark.parametrize("action", ["scan", "fail", "close"])
    def test_is_not_sent_for_what_is_not_paid(self, merchant: Merchant, mailbox: Mailbox, action: str) -> None:
        merchant.precreate()
        merchant.console(action)
        merchant.sandbox.courier.deliver_due()

        assert mailbox.letters == []


class TestRefundMessage:
    def test_looks_like_a_payment_but_for_its_refund_fields(
        self, merchant: Merchant, mailbox: Mailbox, hands: Hands
    ) -> None:
        merchant.paid()
        hands.pass_by(60.25)
        merchant.refund("R1", "0.40")
        merchant.refund("R2", "0.10")
        merchant.sandbox.courier.deliver_due()

        first, second = mailbox.forms[1:]

        assert mailbox.letters[1].url == NOTIFY_URL
        assert [it["trade_status"] for it in (first, second)] == ["TRADE_SUCCESS"] * 2
        assert [it["out_biz_no"] for it in (first, second)] == ["R1", "R2"]
        assert [it["refund_fee"] for it in (first, second)] == ["0.40", "0.50"]  # cumulative
        assert first["gmt_refund"] == f"{beijing(NOON + 60)}.250"
        assert (first["gmt_payment"], first["total_amount"]) == (beijing(NOON), "1.00")
        assert merchant.trusts_form(first)

    def test_closes_the_trade_when_all_is_refunded(self, merchant: Merchant, mailbox: Mailbox) -> None:
        merchant.paid()
        merchant.refund("R1", "1.00")
        merchant.sandbox.courier.deliver_due()

        assert (mailbox.forms[1]["trade_status"], mailbox.forms[1]["refund_fee"]) == ("TRADE_CLOSED", "1.00")
        assert "gmt_close" in mailbox.forms[1]

    def test_is_sent_once_for_a_refund_asked_for_twice(self, merchant: Merchant, mailbox: Mailbox) -> None:
        merchant.paid()
        merchant.refund()
        merchant.refund()
        merchant.sandbox.courier.deliver_due()

        assert len(mailbox.letters) == 2


class TestRetries:
    def test_follow_the_gateways_table_until_it_ends(self, merchant: Merchant, mailbox: Mailbox, hands: Hands) -> None:
        mailbox.answer = REFUSED
        merchant.paid()
        for gap in GAPS:
            hands.pass_by(gap - 1)
            early = merchant.sandbox.courier.deliver_due()
            hands.pass_by(1)
            assert (early, merchant.sandbox.courier.deliver_due()) == (0, 1)
        hands.pass_by(10**6)

        assert merchant.sandbox.courier.deliver_due() == 0
        assert [gap / 60 for gap in GAPS] == [4, 10, 10, 60, 120, 360, 900]
        assert len(mailbox.letters) == 8
        assert merchant.ask("GET", "/sandbox/notifications.json")[0]["state"] == "given_up"

    def test_run_faster_on_demand(self, start: Callable[..., Sandbox], mailbox: Mailbox, hands: Hands) -> None:
        mailbox.answer = REFUSED
        merchant = Merchant(start(speed=3_600))
        merchant.paid()
        hands.pass_by(0.06)
        early = merchant.sandbox.courier.deliver_due()
        hands.pass_by(0.01)

        assert (early, merchant.sandbox.courier.deliver_due()) == (0, 1)

    @pytest.mark.parametrize(
        "answer",
        [
            Answer(200, "Success"),
            Answer(200, "success\n"),
            Answer(200, "\ufeffsuccess"),
            Answer(200, "<html>success</html>"),
            Answer(302, "success"),
            Answer(201, "success"),
            Answer(error="timed out"),
        ],
    )
    def test_go_on_after_anything_but_the_word_itself(
        self, merchant: Merchant, mailbox: Mailbox, hands: Hands, answer: Answer
    ) -> None:
        mailbox.answer = answer
        merchant.paid()
        hands.pass_by(GAPS[0])

        assert merchant.sandbox.courier.deliver_due() == 1

    def test_stop_at_success(self, merchant: Merchant, hands: Hands) -> None:
        merchant.paid()
        hands.pass_by(10**6)

        assert merchant.sandbox.courier.deliver_due() == 0

    def test_keep_the_id_and_carry_their_own_time_and_signature(
        self, merchant: Merchant, mailbox: Mailbox, hands: Hands
    ) -> None:
        mailbox.answer = REFUSED
        merchant.paid()
        hands.pass_by(GAPS[0])
        merchant.sandbox.courier.deliver_due()
        first, second = mailbox.forms

        assert first["notify_id"] == second["notify_id"]
        assert first["notify_time"] != second["notify_time"]
        assert merchant.trusts_form(second)

    def test_go_on_after_a_restart(self, start: Callable[..., Sandbox], mailbox: Mailbox, hands: Hands) -> None:
        mailbox.answer = REFUSED
        before = Merchant(start())
        before.paid()
        before.sandbox.close()
        hands.pass_by(GAPS[0])

        assert start().courier.deliver_due() == 1

    def test_send_again_what_a_crash_interrupted(self, start: Callable[..., Sandbox], mailbox: Mailbox) -> None:
        def crash(letter: Letter) -> Answer:
            raise KeyboardInterrupt

        before = Merchant(start())
        before.precreate()
        before.console("pay")
        with pytest.raises(KeyboardInterrupt):
            Courier(before.sandbox.box, before.sandbox.courier.senders, post=crash).deliver_due()
        after = start()
        assert after.courier.deliver_due() == 0
        after.courier.start()
        after.courier.stop()
        after.courier.deliver_due()

        assert len(mailbox.letters) == 1

    def test_survive_a_merchant_whose_address_is_none(self, merchant: Merchant) -> None:
        def fail(letter: Letter) -> Answer:
            raise RuntimeError("no such thing")

        merchant.precreate()
        merchant.console("pay")
        Courier(merchant.sandbox.box, merchant.sandbox.courier.senders, post=fail).deliver_due()

        told = merchant.ask("GET", "/sandbox/notifications.json")[0]
        assert (told["state"], told["attempts"][0]["error"]) == ("waiting", "RuntimeError('no such thing')")


class TestFaults:
    def deliver(self, merchant: Merchant, fault: str, **wishes: object) -> None:
        merchant.control(fault, **wishes)
        merchant.paid()

    def test_a_dropped_one_never_comes_until_it_is_sent_by_hand(self, merchant: Merchant, mailbox: Mailbox) -> None:
        self.deliver(merchant, "drop_notify")
        assert mailbox.letters == []

        merchant.ask("POST", "/sandbox/notifications/1/resend")
        merchant.sandbox.courier.deliver_due()

        assert mailbox.forms[0]["trade_status"] == "TRADE_SUCCESS"

    def test_a_late_one_comes_late(self, merchant: Merchant, mailbox: Mailbox, hands: Hands) -> None:
        self.deliver(merchant, "delay_notify", value=30)
        assert mailbox.letters == []

        hands.pass_by(30)

        assert merchant.sandbox.courier.deliver_due() == 1

    def test_copies_have_one_id(self, merchant: Merchant, mailbox: Mailbox) -> None:
        self.deliver(merchant, "duplicate_notify", value=4)

        assert len(mailbox.letters) == 4
        assert len({form["notify_id"] for form in mailbox.forms}) == 1

    def test_a_reordered_one_waits_for_the_next(self, merchant: Merchant, mailbox: Mailbox) -> None:
        self.deliver(merchant, "reorder_notify", scope="P1", count=1)
        merchant.refund()
        merchant.sandbox.courier.deliver_due()
        merchant.sandbox.courier.deliver_due()

        assert ["refund_fee" in form for form in mailbox.forms] == [True, False]

    def test_a_reordered_one_waits_no_longer_than_it_may(
        self, merchant: Merchant, mailbox: Mailbox, hands: Hands
    ) -> None:
        self.deliver(merchant, "reorder_notify", value=9)
        hands.pass_by(9)

        assert merchant.sandbox.courier.deliver_due() == 1

    @pytest.mark.parametrize("how", FORGERIES)
    def test_a_forged_one_cannot_be_trusted(self, merchant: Merchant, mailbox: Mailbox, how: str) -> None:
        self.deliver(merchant, "forge_notify", value=how)

        assert not merchant.trusts_form(mailbox.forms[0])

    @pytest.mark.parametrize(
        ("fault", "field", "value"),
        [
            ("wrong_amount", "total_amount", "1.01"),
            ("wrong_app_id", "app_id", "9021999999999999"),
            ("wrong_seller", "seller_id", "2088999999999999"),
            ("unknown_order", "out_trade_no", "UNKNOWNP1"),
            ("stale_notify", "notify_time", beijing(NOON - 30 * 86_400)),
        ],
    )
    def test_a_lie_is_signed_by_alipay_itself(
        self, merchant: Merchant, mailbox: Mailbox, fault: str, field: str, value: str
    ) -> None:
        self.deliver(merchant, fault)

        assert mailbox.forms[0][field] == value
        assert merchant.trusts_form(mailbox.forms[0])

    def test_a_lie_changes_no_books(self, merchant: Merchant) -> None:
        self.deliver(merchant, "wrong_amount")

        assert merchant.query().content["total_amount"] == "1.00"
        assert merchant.ask("GET", "/sandbox/trades/P1")["paid_fen"] == 100

    @pytest.mark.parametrize(
        ("fault", "content_type"),
        [
            ("wrong_charset", "application/x-www-form-urlencoded; charset=gbk"),
            ("wrong_content_type", "application/json"),
        ],
    )
    def test_an_envelope_can_lie_too(self, merchant: Merchant, mailbox: Mailbox, fault: str, content_type: str) -> None:
        self.deliver(merchant, fault)

        assert mailbox.letters[0].content_type == content_type

    def test_closing_is_told_to_who_asked_for_it(self, merchant: Merchant, mailbox: Mailbox) -> None:
        merchant.precreate(subject="茶叶 [sim:notify-close]")
        merchant.console("scan")
        merchant.call("close", {"out_trade_no": "P1"})
        merchant.sandbox.courier.deliver_due()

        assert mailbox.forms[0]["trade_status"] == "TRADE_CLOSED"
        assert not {"gmt_payment", "refund_fee"} & mailbox.forms[0].keys()

    def test_it_can_come_before_the_order_is_answered(self, merchant: Merchant, mailbox: Mailbox) -> None:
        merchant.control("notify_before_answer")
        merchant.sandbox.courier.start()

        reply = merchant.precreate()

        assert reply.verdict == "10000"
        assert mailbox.forms[0]["trade_status"] == "TRADE_SUCCESS"


class TestSignedForm:
    def test_makes_a_message_without_a_server(self, merchant: Merchant) -> None:
        account = merchant.sandbox.box.accounts.first
        fields = sample_fields(account, out_trade_no="P7", total_amount="9.90", subject="茶", buyer_logon_id="")

        form = read_form(signed_form(fields, account=account))

        assert merchant.trusts_form(form)
        assert (form["out_trade_no"], form["total_amount"], form["subject"]) == ("P7", "9.90", "茶")
        assert "buyer_logon_id" not in form

    def test_writes_gbk_where_it_says_gbk(self, merchant: Merchant) -> None:
        account = merchant.sandbox.box.accounts.first
        body = signed_form(
            sample_fields(account, out_trade_no="P7", total_amount="9.90"), account=account, charset="gbk"
        )

        assert b"%B6%A9%B5%A5" in body
