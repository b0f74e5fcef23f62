from __future__ import annotations

import pytest

from .merchant import NOTIFY_URL, Mailbox, Merchant


def create(merchant: Merchant, *numbers: str, total_fen: int = 100) -> None:
    orders = [{"out_trade_no": number, "total_fen": total_fen} for number in numbers]
    merchant.ask("POST", "/sandbox/trades/bulk_create", orders=orders, notify_url=NOTIFY_URL)


class TestPay:
    def test_pays_without_a_browser_and_notifies(self, merchant: Merchant, mailbox: Mailbox) -> None:
        merchant.precreate()

        paid = merchant.console("pay")
        merchant.sandbox.courier.deliver_due()

        assert (paid["state"], paid["paid_fen"], len(paid["notifications"])) == ("TRADE_SUCCESS", 100, 1)
        assert len(mailbox.letters) == 1

    def test_can_keep_silent_or_send_copies(self, merchant: Merchant) -> None:
        create(merchant, "P1", "P2")

        assert merchant.console("pay", "P1", notify=False)["notifications"] == []
        assert len(merchant.console("pay", "P2", copies=3)["notifications"]) == 3

    def test_can_pay_another_amount_and_stands_by_it(self, merchant: Merchant, mailbox: Mailbox) -> None:
        merchant.precreate()
        merchant.console("pay", amount="0.99")
        merchant.sandbox.courier.deliver_due()

        assert mailbox.forms[0]["total_amount"] == "0.99"
        assert merchant.query().content["total_amount"] == "0.99"
        assert merchant.ask("GET", "/sandbox/trades/P1")["paid_fen"] == 99

    def test_takes_faults_for_this_once(self, merchant: Merchant, mailbox: Mailbox) -> None:
        merchant.precreate()
        merchant.console("pay", faults={"wrong_amount": -1})
        merchant.refund()
        merchant.sandbox.courier.deliver_due()

        assert [form["total_amount"] for form in mailbox.forms] == ["0.99", "1.00"]

    def test_refuses_a_second_time(self, merchant: Merchant) -> None:
        merchant.paid()

        refused = merchant.console("pay")

        assert (refused["status"], refused["sub_code"]) == (409, "ACQ.TRADE_STATUS_ERROR")

    @pytest.mark.parametrize(
        ("wishes", "status"),
        [
            ({"amount": "1"}, 400),
            ({"amount_fen": 0}, 400),
            ({"amount_fen": "much"}, 400),
            ({"faults": {"explode": 1}}, 400),
            ({"app_id": "2021"}, 404),
        ],
    )
    def test_says_what_is_wrong(self, merchant: Merchant, wishes: dict[str, object], status: int) -> None:
        merchant.precreate()

        assert merchant.console("pay", **wishes)["status"] == status
        assert merchant.ask("GET", "/sandbox/trades/P1")["paid_fen"] == 0

    def test_knows_no_other_orders_and_no_other_actions(self, merchant: Merchant) -> None:
        merchant.precreate()

        assert merchant.console("pay", "P9")["status"] == 404
        assert merchant.console("steal")["status"] == 404


class TestOtherActs:
    def test_refunds_past_the_product(self, merchant: Merchant, mailbox: Mailbox) -> None:
        merchant.paid()

        refunded = merchant.console("refund", amount_fen=30)
        merchant.sandbox.courier.deliver_due()

        assert (refunded["refunded_fen"], refunded["refunds"][0]["state"]) == (30, "DONE")
        assert mailbox.forms[1]["refund_fee"] == "0.30"

    def test_lets_a_stuck_refund_go(self, merchant: Merchant) -> None:
        merchant.paid()
        merchant.control("refund_stuck")
        merchant.refund("R1", "0.40")

        merchant.console("refund", amount_fen=40, out_request_no="R1")

        assert merchant.refund_query("R1").content["refund_status"] == "REFUND_SUCCESS"

    def test_finishes_a_trade_and_says_so(self, merchant: Merchant, mailbox: Mailbox) -> None:
        merchant.paid()
        merchant.console("finish")
        merchant.sandbox.courier.deliver_due()

        assert mailbox.forms[1]["trade_status"] == "TRADE_FINISHED"

    def test_repeats_an_old_message_once(self, merchant: Merchant, mailbox: Mailbox) -> None:
        merchant.paid()
        merchant.refund("R1", "0.40")
        merchant.sandbox.courier.deliver_due()

        merchant.console("notify", out_request_no="R1", faults={"forge_notify": "sha1"})
        merchant.sandbox.courier.deliver_due()

        assert mailbox.forms[2]["out_biz_no"] == "R1"
        assert not merchant.trusts_form(mailbox.forms[2])


class TestBulkPay:
    def test_pays_all_that_can_be_paid(self, merchant: Merchant) -> None:
        create(merchant, "P1", "P2", "P3")
        merchant.console("pay", "P1")

        assert merchant.ask("POST", "/sandbox/trades/bulk_pay")["paid"] == 2

    def test_mixes_faults_in_by_percentage(self, merchant: Merchant, mailbox: Mailbox) -> None:
        create(merchant, *(f"P{n}" for n in range(60)))
        wishes = dict.fromkeys(("duplicated_percent", "forged_percent", "other_amount_percent", "dropped_percent"), 25)

        done = merchant.ask("POST", "/sandbox/trades/bulk_pay", shuffle=True, **wishes)
        merchant.sandbox.courier.deliver_due()

        assert done["paid"] == 60
        assert all(0 < done[name] < 40 for name in ("duplicated", "forged", "other_amount", "dropped"))
        assert done["notifications"] == 60 + done["duplicated"] + done["forged"]
        assert sum(not merchant.trusts_form(form) for form in mailbox.forms) == done["forged"]
        books = merchant.ask("GET", "/sandbox/ledger.json")["alipay"]["totals"]
        assert books["paid_fen"] == 60 * 100 + done["other_amount"]

    def test_sends_a_forgery_once_and_besides_the_true_one(self, merchant: Merchant, mailbox: Mailbox) -> None:
        create(merchant, "P1")
        merchant.ask("POST", "/sandbox/trades/bulk_pay", out_trade_nos=["P1"], forged_percent=100)
        merchant.sandbox.courier.deliver_due()

        assert sorted(merchant.trusts_form(form) for form in mailbox.forms) == [False, True]

    def test_refuses_orders_that_lack_something(self, merchant: Merchant) -> None:
        refused = merchant.ask("POST", "/sandbox/trades/bulk_create", orders=[{"out_trade_no": "P1"}])

        assert refused["status"] == 400


class TestLedger:
    def test_tells_every_trade_and_refund_in_fen(self, merchant: Merchant) -> None:
        merchant.paid("P1", "88.80")
        merchant.refund("R1", "8.80")
        merchant.precreate("P2", "5.00")

        books = merchant.ask("GET", "/sandbox/ledger.json")["alipay"]

        assert books["totals"] == {"trades": 2, "paid": 1, "paid_fen": 8880, "refunded_fen": 880, "net_fen": 8000}
        assert [(it["out_trade_no"], it["state"], it["paid_fen"]) for it in books["trades"]] == [
            ("P1", "TRADE_SUCCESS", 8880),
            ("P2", "NOT_SCANNED", 0),
        ]
        assert [(it["out_request_no"], it["amount_fen"]) for it in books["trades"][0]["refunds"]] == [("R1", 880)]

    def test_tells_one_accounts_alone(self, merchant: Merchant) -> None:
        other = merchant.ask("POST", "/sandbox/accounts")["alipay"]["app_id"]
        merchant.paid()

        assert merchant.ask("GET", f"/sandbox/ledger.json?app_id={other}")["alipay"]["totals"]["paid_fen"] == 0


class TestNotificationList:
    def test_tells_every_sending_and_its_answer(self, merchant: Merchant) -> None:
        merchant.paid("P1")
        merchant.paid("P2")

        told = merchant.ask("GET", "/sandbox/notifications.json?out_trade_no=P2")

        assert [(it["out_trade_no"], it["state"]) for it in told] == [("P2", "done")]
        sent = told[0]["attempts"][0]
        assert (sent["number"], sent["status"], sent["answer"], sent["accepted"]) == (1, 200, "success", True)
        assert "out_trade_no=P2" in sent["body"]

    def test_knows_no_other(self, merchant: Merchant) -> None:
        assert merchant.ask("POST", "/sandbox/notifications/9/resend")["status"] == 404


@pytest.mark.parametrize("query", ["after=x", "out_trade_no=%ff", "after=-1"])
def test_a_parameter_that_is_none_is_refused_with_words(merchant: Merchant, query: str) -> None:
    assert merchant.ask("GET", f"/sandbox/notifications.json?{query}")["status"] == 400


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff"])
def test_a_body_that_is_no_json_object_is_refused_with_words(merchant: Merchant, body: bytes) -> None:
    from sandbox.web import Request

    response = merchant.sandbox.respond(Request("POST", "/sandbox/controls", body=body))

    assert response.status == 400
    assert b"JSON" in response.body
