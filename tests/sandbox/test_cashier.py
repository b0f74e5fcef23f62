from __future__ import annotations

import re
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from sandbox.texts import TEXTS
from sandbox.web import FORM, Request, Response

from .merchant import NOTIFY_URL, Hands, Mailbox, Merchant

RETURN_URL = "https://shop.example/back/?from=pay"
ORDER = {"out_trade_no": "P1", "total_amount": "88.80", "subject": "茶叶", "product_code": "FAST_INSTANT_TRADE_PAY"}


def open_page(merchant: Merchant, api: str = "page.pay", *, return_url: str = RETURN_URL, **changed: str) -> Response:
    """What the buyer's browser gets that was sent to the gateway."""
    params = merchant.params(f"alipay.trade.{api}", ORDER | changed, return_url=return_url, notify_url=NOTIFY_URL)
    return merchant.sandbox.respond(Request("GET", "/gateway.do", urlencode(merchant.signed(params))))


def path_of(url: str) -> str:
    return url.removeprefix("http://sandbox.example")


def look(merchant: Merchant, path: str, *, languages: str = "zh-CN,zh;q=0.9") -> Response:
    path, _, query = path.partition("?")
    return merchant.sandbox.respond(Request("GET", path, query, languages=languages))


def press(merchant: Merchant, path: str, action: str) -> Response:
    return merchant.sandbox.respond(Request("POST", path, "", urlencode({"action": action}).encode(), FORM))


@pytest.fixture
def cashier(merchant: Merchant) -> str:
    return path_of(merchant.precreate(amount="88.80").content["qr_code"])


class TestPagePay:
    @pytest.mark.parametrize(
        ("api", "product_code"),
        [("page.pay", "FAST_INSTANT_TRADE_PAY"), ("wap.pay", "QUICK_WAP_WAY"), ("wap.pay", "QUICK_WAP_PAY")],
    )
    def test_leads_the_browser_to_the_cashier(self, merchant: Merchant, api: str, product_code: str) -> None:
        response = open_page(merchant, api, product_code=product_code)
        page = look(merchant, path_of(response.headers["Location"]))

        assert (response.status, page.status) == (302, 200)
        assert "88.80" in page.body.decode()
        assert merchant.query().content["trade_status"] == "WAIT_BUYER_PAY"

    def test_takes_a_form_that_posts_itself(self, merchant: Merchant) -> None:
        body = urlencode(merchant.signed(merchant.params("alipay.trade.page.pay", ORDER))).encode()

        assert merchant.sandbox.respond(Request("POST", "/gateway.do", "", body, FORM)).status == 302

    def test_shows_a_person_why_it_refuses(self, merchant: Merchant) -> None:
        query = urlencode(merchant.signed(merchant.params("alipay.trade.page.pay", ORDER)) | {"sign": "AAAA"})
        unsigned = merchant.sandbox.respond(Request("GET", "/gateway.do", query)).body.decode()
        wrong = open_page(merchant, product_code="QUICK_WAP_WAY").body.decode()

        assert "isv.invalid-signature" in unsigned
        assert "ACQ.INVALID_PARAMETER" in wrong

    def test_refuses_another_amount_under_the_same_number(self, merchant: Merchant) -> None:
        open_page(merchant)

        assert "ACQ.CONTEXT_INCONSISTENT" in open_page(merchant, total_amount="0.01").body.decode()


class TestCashier:
    def test_shows_what_is_to_be_paid_to_whom(self, merchant: Merchant, cashier: str) -> None:
        page = look(merchant, cashier).body.decode()

        for shown in ("￥88.80", "茶叶 100g", "P1", 'id="pay"', 'id="fail"', 'id="cancel"'):
            assert shown in page

    def test_escapes_what_the_merchant_wrote(self, merchant: Merchant) -> None:
        path = path_of(merchant.precreate(subject="<script>alert(1)</script>$x").content["qr_code"])

        page = look(merchant, path).body.decode()

        assert "<script" not in page
        assert "&lt;script&gt;alert(1)&lt;/script&gt;$x" in page

    def test_is_paid_by_a_click_and_notifies(self, merchant: Merchant, mailbox: Mailbox, cashier: str) -> None:
        response = press(merchant, cashier, "pay")
        merchant.sandbox.courier.deliver_due()

        assert "支付成功" in look(merchant, response.headers["Location"]).body.decode()
        assert merchant.query().content["trade_status"] == "TRADE_SUCCESS"
        assert len(mailbox.letters) == 1

    @pytest.mark.parametrize(("action", "words"), [("fail", "支付失败"), ("cancel", "已取消")])
    def test_can_fail_and_be_left_and_paid_after_all(
        self, merchant: Merchant, mailbox: Mailbox, cashier: str, action: str, words: str
    ) -> None:
        look(merchant, cashier)
        response = press(merchant, cashier, action)
        merchant.sandbox.courier.deliver_due()

        assert words in look(merchant, response.headers["Location"]).body.decode()
        assert merchant.query().content["trade_status"] == "WAIT_BUYER_PAY"
        assert mailbox.letters == []
        press(merchant, cashier, "pay")
        assert merchant.query().content["trade_status"] == "TRADE_SUCCESS"

    def test_takes_money_once_however_often_pay_is_clicked(
        self, merchant: Merchant, mailbox: Mailbox, cashier: str
    ) -> None:
        responses = [press(merchant, cashier, "pay") for _ in range(2)]
        merchant.sandbox.courier.deliver_due()

        assert responses[1].headers["Location"].split("?")[0].endswith("/paid")
        assert (merchant.ask("GET", "/sandbox/trades/P1")["paid_fen"], len(mailbox.letters)) == (8880, 1)
        assert "此前已支付" in look(merchant, cashier).body.decode()

    def test_offers_no_buttons_once_the_time_is_up(self, merchant: Merchant, hands: Hands, cashier: str) -> None:
        hands.pass_by(7_200)

        page = look(merchant, cashier).body.decode()
        response = press(merchant, cashier, "pay")

        assert "交易已关闭" in page
        assert 'id="pay"' not in page
        assert response.headers["Location"].split("?")[0].endswith("/closed")

    def test_speaks_the_buyers_language(self, merchant: Merchant, cashier: str) -> None:
        english = look(merchant, cashier, languages="en-GB,en").body.decode()

        assert '<html lang="en">' in english
        assert "Amount due" in english
        assert "应付金额" in look(merchant, f"{cashier}?lang=zh", languages="en").body.decode()
        assert "应付金额" in look(merchant, cashier, languages="fr").body.decode()

    def test_loads_nothing_from_elsewhere_and_runs_no_script(self, merchant: Merchant, cashier: str) -> None:
        pages = [look(merchant, path).body.decode() for path in (cashier, "/", "/nowhere")]

        assert not any(re.search(r"<script|<link|src=|url\(|https?://(?!sandbox\.example)", page) for page in pages)

    @pytest.mark.parametrize("path", ["/alipay/cashier/unknown", "/nowhere", "/alipay/bill/unknown"])
    def test_says_so_when_there_is_nothing(self, merchant: Merchant, path: str) -> None:
        response = look(merchant, path)

        assert response.status == 404
        assert "没有这个页面" in response.body.decode()

    def test_knows_its_own_buttons_and_results_only(self, merchant: Merchant, cashier: str) -> None:
        assert press(merchant, cashier, "steal").status == 404
        assert look(merchant, f"{cashier}/fine").status == 404


class TestReturn:
    @pytest.mark.parametrize("action", ["pay", "fail", "cancel"])
    def test_goes_back_signed_and_without_a_word_about_the_state(self, merchant: Merchant, action: str) -> None:
        cashier = path_of(open_page(merchant).headers["Location"])
        look(merchant, cashier)

        response = press(merchant, cashier, action)
        parts = urlsplit(response.headers["Location"])
        told = dict(parse_qsl(parts.query))

        assert (response.status, f"{parts.scheme}://{parts.netloc}{parts.path}") == (303, "https://shop.example/back/")
        assert told.pop("from") == "pay"
        assert merchant.trusts_form(told)
        assert (told["out_trade_no"], told["total_amount"]) == ("P1", "88.80")
        assert told["method"] == "alipay.trade.page.pay.return"
        assert "trade_status" not in told


class TestTexts:
    def test_are_complete_in_both_languages(self) -> None:
        assert all(TEXTS["zh"].values())
        assert all(TEXTS["en"].values())
        assert not any(re.search("[一-鿿]", words) for words in TEXTS["en"].values())


class TestControlPage:
    def test_switches_faults_on_and_off(self, merchant: Merchant) -> None:
        def push(**fields: str) -> int:
            return merchant.sandbox.respond(Request("POST", "/control", "", urlencode(fields).encode(), FORM)).status

        assert push(do="on", fault="drop_notify", scope="P1", value="", count="2") == 303
        listed = merchant.ask("GET", "/sandbox/controls")
        assert push(do="off", id=str(listed[0]["id"])) == 303
        assert push(do="on", fault="http_error") == 303
        assert push(do="clear") == 303

        assert [(it["fault"], it["scope"], it["remaining"]) for it in listed] == [("drop_notify", "P1", 2)]
        assert merchant.ask("GET", "/sandbox/controls") == []

    def test_shows_trades_notifications_and_faults(self, merchant: Merchant) -> None:
        merchant.paid(subject="茶 [sim:duplicate-notify]")

        page = look(merchant, "/?lang=en").body.decode()

        for shown in ("P1", "TRADE_SUCCESS", "success", merchant.credentials["app_id"], "send copies", "Send again"):
            assert shown in page

    def test_sends_a_notification_again(self, merchant: Merchant, mailbox: Mailbox) -> None:
        merchant.paid()
        body = urlencode({"do": "resend", "id": "1"}).encode()
        merchant.sandbox.respond(Request("POST", "/control", "", body, FORM))
        merchant.sandbox.courier.deliver_due()

        assert len(mailbox.letters) == 2
