from __future__ import annotations

import html
import re

import pytest

from sandbox import notices
from sandbox.unionpay import gateway
from sandbox.web import FORM, Request, Response

from ..merchant import Hands, Mailbox
from .shop import BACK_URL, FRONT_URL, Shop, stamp

ORDER = "PAY00000001"


@pytest.fixture
def naps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long the gateway would have slept."""
    taken: list[float] = []
    monkeypatch.setattr(gateway, "nap", taken.append)
    return taken


def press(shop: Shop, path: str, action: str) -> Response:
    return shop.sandbox.respond(Request("POST", path, "lang=zh", f"action={action}".encode(), FORM))


def path_of(url: str) -> str:
    return url.removeprefix("http://sandbox.example")


def posted_back(page: Response) -> tuple[str, dict[str, str]]:
    """What the browser would post to the shop: its line ends become CR LF."""
    text = page.body.decode()
    address = re.search(r'<form method="post" action="([^"]*)"', text)
    assert address
    fields = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', text)
    values = {name: re.sub(r"\r?\n", "\r\n", html.unescape(value)) for name, value in fields}
    return html.unescape(address[1]), values


class TestQrCode:
    def test_leads_to_a_cashier_where_the_buyer_pays(self, shop: Shop, mailbox: Mailbox) -> None:
        reply = shop.back(shop.order(fen=8880, riskRateInfo="{commodityName=茶叶 100g}"))
        cashier = path_of(reply.fields["qrCode"])
        page = shop.sandbox.respond(Request("GET", cashier, "lang=zh")).body.decode()
        paid = press(shop, cashier, "pay")
        shop.sandbox.courier.deliver_due()

        assert shop.trusts(reply.fields)
        assert "茶叶 100g" in page
        assert "88.80" in page
        assert (paid.status, paid.headers["Location"]) == (303, f"{cashier}/pay?lang=zh")
        assert [(it["orderId"], it["txnAmt"]) for it in mailbox.forms] == [(ORDER, "8880")]
        assert shop.ledger["totals"] == {"trades": 1, "paid": 1, "paid_fen": 8880, "refunded_fen": 0, "net_fen": 8880}

    def test_is_given_for_a_number_once(self, shop: Shop) -> None:
        assert shop.back(shop.order()).code == "00"
        assert shop.back(shop.order()).code == "12"
        assert shop.back(shop.order(txnTime=stamp(shop.sandbox.box.clock.now() + 1))).code == "12"

    def test_echoes_what_was_asked_with_nothing_url_encoded(self, shop: Shop) -> None:
        reply = shop.back(shop.order(reqReserved="a b/+%中文"))

        assert reply.fields["reqReserved"] == "a b/+%中文"
        assert b"\r\n" in reply.response.body
        assert reply.fields["orderId"] == ORDER

    def test_does_not_work_after_the_time_to_pay(self, shop: Shop, hands: Hands, mailbox: Mailbox) -> None:
        order = shop.order(payTimeout=stamp(hands.at + 300))
        cashier = path_of(shop.back(order).fields["qrCode"])
        hands.pass_by(300)

        assert shop.console("pay") == {"respCode": "39", "respMsg": "交易不在受理时间范围内[payTimeout]", "status": 409}
        assert press(shop, cashier, "pay").headers["Location"] == f"{cashier}/closed?lang=zh"
        assert shop.query(txn_time=order["txnTime"]).fields["origRespCode"] == "39"
        assert mailbox.letters == []

    def test_does_not_work_twice(self, shop: Shop, mailbox: Mailbox) -> None:
        cashier = path_of(shop.back(shop.order()).fields["qrCode"])
        press(shop, cashier, "pay")

        assert press(shop, cashier, "pay").headers["Location"] == f"{cashier}/paid?lang=zh"
        assert shop.ledger["totals"]["paid_fen"] == 100

    def test_that_is_unknown_leads_nowhere(self, shop: Shop) -> None:
        assert shop.sandbox.respond(Request("GET", "/unionpay/cashier/nonsense")).status == 404
        assert press(shop, "/unionpay/cashier/nonsense", "pay").status == 404


class TestPage:
    def cashier(self, shop: Shop) -> str:
        led = shop.front(shop.page())
        assert led.status == 302
        return path_of(led.headers["Location"])

    def test_sends_the_buyer_back_with_a_signed_form(self, shop: Shop, mailbox: Mailbox) -> None:
        address, fields = posted_back(press(shop, self.cashier(shop), "pay"))
        shop.sandbox.courier.deliver_due()

        assert address == FRONT_URL
        assert (fields["respCode"], fields["orderId"], fields["txnAmt"]) == ("00", ORDER, "100")
        assert shop.trusts(fields)
        assert mailbox.letters[0].url == BACK_URL

    @pytest.mark.parametrize("action", ["fail", "cancel"])
    def test_sends_the_buyer_back_without_success_and_tells_nobody(
        self, shop: Shop, mailbox: Mailbox, action: str
    ) -> None:
        _, fields = posted_back(press(shop, self.cashier(shop), action))
        shop.sandbox.courier.deliver_due()

        assert fields["respCode"] == "01"
        assert "queryId" not in fields
        assert mailbox.letters == []

    def test_lets_its_script_run_and_no_other(self, shop: Shop) -> None:
        policy = press(shop, self.cashier(shop), "pay").headers["Content-Security-Policy"]

        assert "script-src 'sha256-" in policy
        assert "unsafe-inline" not in policy.partition("script-src")[2]

    def test_that_is_sent_again_leads_to_the_same_cashier_until_it_is_paid(self, shop: Shop) -> None:
        form = shop.page()
        first, again = (shop.front(form).headers["Location"] for _ in range(2))
        shop.console("pay")

        assert first == again
        assert "12" in shop.front(form).body.decode()

    def test_that_is_changed_under_the_same_number_is_refused(self, shop: Shop) -> None:
        shop.front(shop.page())

        assert "重复交易" in shop.front(shop.page(fen=101)).body.decode()

    def test_tells_the_buyer_what_is_wrong(self, shop: Shop) -> None:
        assert "frontUrl" in shop.front(shop.page(frontUrl="")).body.decode()


class TestQuery:
    def outcome(self, shop: Shop, *, txn_time: str) -> tuple[str, str | None]:
        fields = shop.query(txn_time=txn_time).fields
        assert shop.trusts(fields)
        return fields["respCode"], fields.get("origRespCode")

    def test_needs_the_time_the_order_was_sent_with(self, shop: Shop, hands: Hands) -> None:
        order = shop.order()
        shop.back(order)
        shop.console("pay")
        hands.pass_by(3_600)

        assert self.outcome(shop, txn_time=order["txnTime"]) == ("00", "00")
        assert self.outcome(shop, txn_time=shop.now) == ("34", None)

    def test_tells_all_of_a_paid_order(self, shop: Shop) -> None:
        order = shop.order(fen=250)
        shop.back(order)
        query_id = shop.console("pay")["trade_no"]
        told = shop.query(txn_time=order["txnTime"]).fields

        assert (told["queryId"], told["txnAmt"], told["settleAmt"]) == (query_id, "250", "250")
        assert (told["currencyCode"], told["txnType"], told["orderId"]) == ("156", "01", ORDER)
        assert len(told["settleDate"]) == 4
        assert len(query_id) == 21

    def test_of_a_page_finds_nothing_before_the_buyer_has_seen_the_cashier(self, shop: Shop) -> None:
        page = shop.page()
        shop.front(page)
        before = self.outcome(shop, txn_time=page["txnTime"])
        shop.console("scan")
        seen = self.outcome(shop, txn_time=page["txnTime"])
        shop.console("fail")
        failed = self.outcome(shop, txn_time=page["txnTime"])
        shop.console("pay")

        assert (before, seen, failed) == (("34", None), ("00", "05"), ("00", "01"))
        assert self.outcome(shop, txn_time=page["txnTime"]) == ("00", "00")  # a failed try is not the end

    def test_of_nothing_finds_nothing(self, shop: Shop) -> None:
        assert self.outcome(shop, txn_time=shop.now) == ("34", None)

    def test_keeps_to_ones_own_orders(self, shop: Shop) -> None:
        order = shop.order()
        shop.back(order)
        made = shop.ask("POST", "/sandbox/accounts", gateway="unionpay")["unionpay"]
        stranger = Shop(shop.sandbox, mer_id=made["mer_id"])

        assert stranger.query(txn_time=order["txnTime"]).code == "34"
        assert stranger.back(stranger.order()).code == "00"  # numbers are each merchant's own

    @pytest.mark.parametrize("code", ["03", "04", "05", "A6"])
    def test_can_tell_of_another_outcome(self, shop: Shop, code: str) -> None:
        order = shop.order()
        shop.back(order)
        shop.console("pay")
        shop.control("orig_resp_code", value=code, count=1)

        assert self.outcome(shop, txn_time=order["txnTime"]) == ("00", code)
        assert self.outcome(shop, txn_time=order["txnTime"]) == ("00", "00")


class TestFaults:
    @pytest.mark.parametrize(
        ("fault", "value", "done"),
        [
            ("timeout", "30", True),
            ("hang_up", "", True),
            ("http_error", "502", False),
            ("system_error", "", False),
            ("resp_code", "03", True),
            ("resp_code", "05", True),
            ("refuse", "", False),
            ("bad_signature", "", True),
            ("unsigned_answer", "", True),
            ("truncated_answer", "", True),
            ("delay_answer", "2", True),
        ],
    )
    @pytest.mark.usefixtures("naps")
    def test_strike_with_or_without_doing_what_was_asked(self, shop: Shop, fault: str, value: str, done: bool) -> None:
        shop.control(fault, value=value, count=1)
        shop.back(shop.order())

        assert shop.ledger["totals"]["trades"] == int(done)

    def test_that_time_out_say_nothing(self, shop: Shop, naps: list[float]) -> None:
        shop.control("timeout", value=30)

        assert shop.back(shop.order()).response.hang_up
        assert naps == [30.0]

    @pytest.mark.parametrize("code", ["03", "04", "05", "A6"])
    def test_answer_with_a_code(self, shop: Shop, code: str) -> None:
        shop.control("resp_code", value=code)
        reply = shop.back(shop.order())

        assert reply.code == code
        assert shop.trusts(reply.fields)

    @pytest.mark.parametrize("fault", ["bad_signature", "unsigned_answer"])
    def test_spoil_an_answer_so_that_it_is_refused(self, shop: Shop, fault: str) -> None:
        shop.control(fault)

        assert not shop.trusts(shop.back(shop.order()).fields)

    @pytest.mark.parametrize("forge", ["attacker_chain", "expired_certificate", "other_company", "single_hash"])
    def test_forge_an_answer(self, shop: Shop, forge: str) -> None:
        shop.control("forge_answer", value=forge, count=1)
        forged = shop.back(shop.order())

        assert forged.code == "00"
        assert not shop.trusts(forged.fields)
        assert shop.trusts(shop.back(shop.order("PAY00000002")).fields)

    def test_strike_one_service_or_one_order(self, shop: Shop) -> None:
        shop.control("http_error", api="query")
        shop.control("http_error", scope="PAY00000002")

        assert shop.back(shop.order()).response.status == 200
        assert shop.query(txn_time=shop.now).response.status == 502
        assert shop.back(shop.order("PAY00000002")).response.status == 502

    def test_pay_before_the_order_is_answered(
        self, shop: Shop, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        shop.sandbox.box.bell.clear()
        shop.control("notify_before_answer")
        monkeypatch.setattr(notices, "PATIENCE", 0.0)
        shop.back(shop.order())
        shop.sandbox.courier.deliver_due()

        assert [it["orderId"] for it in mailbox.forms] == [ORDER]

    def test_are_asked_for_in_the_goods_name(self, shop: Shop) -> None:
        shop.back(shop.order(riskRateInfo="{commodityName=茶叶 [sim:drop-notify]}"))
        shop.console("pay")

        assert [it["state"] for it in shop.ask("GET", "/sandbox/notifications.json")] == ["dropped"]

    def test_of_the_other_gateway_leave_it_alone(self, shop: Shop) -> None:
        shop.control("acq_system_error")
        shop.control("notify_close")

        assert shop.back(shop.order()).code == "00"
