from __future__ import annotations

import pytest

from sandbox.courier import Answer
from sandbox.faults import FORGERIES, UNIONPAY_FORGERIES

from ..merchant import Hands, Mailbox
from .shop import BACK_URL, Shop


class TestNotification:
    def test_is_a_form_signed_with_the_certificate_inside(self, shop: Shop, mailbox: Mailbox) -> None:
        query_id = shop.paid(fen=8880)
        letter, form = mailbox.letters[0], mailbox.forms[0]

        assert (letter.url, letter.content_type) == (BACK_URL, "application/x-www-form-urlencoded;charset=UTF-8")
        assert shop.trusts(form)
        assert shop.trusts(form, suffix="_sha1")
        assert (form["merId"], form["queryId"], form["respCode"]) == (shop.credentials["mer_id"], query_id, "00")
        assert (form["txnAmt"], form["settleAmt"], form["currencyCode"], form["txnType"]) == (
            "8880",
            "8880",
            "156",
            "01",
        )
        assert "\r\n" in form["signPubKeyCert"]

    def test_is_refused_once_its_line_ends_are_changed(self, shop: Shop, mailbox: Mailbox) -> None:
        shop.paid()
        form = mailbox.forms[0]

        assert not shop.trusts(form | {"signPubKeyCert": form["signPubKeyCert"].replace("\r\n", "\n")})

    @pytest.mark.parametrize("status", [200, 302])
    def test_is_content_with_a_status(self, shop: Shop, mailbox: Mailbox, status: int) -> None:
        mailbox.answer = Answer(status, "anything")
        shop.paid()

        assert [it["state"] for it in shop.ask("GET", "/sandbox/notifications.json")] == ["done"]

    @pytest.mark.parametrize("status", [201, 400, 403, 500, 0])
    def test_comes_five_times_otherwise(self, shop: Shop, mailbox: Mailbox, hands: Hands, status: int) -> None:
        mailbox.answer = Answer(status, "ok")
        shop.paid()
        sent = [len(mailbox.letters)]
        for gap in (0, 60, 120, 240, 3_600):
            hands.pass_by(gap - 1)
            shop.sandbox.courier.deliver_due()
            hands.pass_by(1)
            shop.sandbox.courier.deliver_due()
            sent.append(len(mailbox.letters))

        assert sent == [1, 2, 3, 4, 5, 5]
        assert [it["state"] for it in shop.ask("GET", "/sandbox/notifications.json")] == ["given_up"]

    @pytest.mark.parametrize("forge", [*FORGERIES])
    def test_can_be_forged_as_any_gateways_can(self, shop: Shop, mailbox: Mailbox, forge: str) -> None:
        shop.control("forge_notify", value=forge)
        shop.paid()

        assert len(mailbox.forms) == 1
        assert not shop.trusts(mailbox.forms[0])

    @pytest.mark.parametrize("forge", UNIONPAY_FORGERIES)
    def test_can_be_forged_with_certificates(self, shop: Shop, mailbox: Mailbox, forge: str) -> None:
        shop.control("forge_unionpay", value=forge)
        shop.paid()

        assert len(mailbox.forms) == 1
        assert not shop.trusts(mailbox.forms[0])

    @pytest.mark.parametrize(
        ("fault", "field", "value"),
        [
            ("wrong_amount", "txnAmt", "101"),
            ("wrong_amount", "settleAmt", "101"),
            ("wrong_app_id", "merId", "777299999999999"),
            ("wrong_currency_code", "currencyCode", "840"),
            ("unknown_order", "orderId", "UNKNOWNPAY00000001"),
        ],
    )
    def test_can_be_true_to_its_signature_and_wrong(
        self, shop: Shop, mailbox: Mailbox, fault: str, field: str, value: str
    ) -> None:
        shop.control(fault)
        shop.paid()

        assert shop.trusts(mailbox.forms[0])
        assert mailbox.forms[0][field] == value

    def test_can_be_of_an_odd_form(self, shop: Shop, mailbox: Mailbox) -> None:
        shop.control("wrong_content_type", count=1)
        shop.paid("PAY00000001")
        shop.control("wrong_charset", count=1)
        shop.paid("PAY00000002")

        assert [it.content_type.partition("=")[2] or it.content_type for it in mailbox.letters] == [
            "application/json",
            "GBK",
        ]

    def test_can_be_doubled_dropped_and_late(self, shop: Shop, mailbox: Mailbox, hands: Hands) -> None:
        shop.control("duplicate_notify", value=3, scope="PAY00000001")
        shop.control("drop_notify", scope="PAY00000002")
        shop.control("delay_notify", value=60, scope="PAY00000003")
        for number in (1, 2, 3):
            shop.paid(f"PAY0000000{number}")
        at_once = [it["orderId"] for it in mailbox.forms]
        hands.pass_by(60)
        shop.sandbox.courier.deliver_due()

        assert at_once == ["PAY00000001"] * 3
        assert [it["orderId"] for it in mailbox.forms[3:]] == ["PAY00000003"]

    def test_can_come_after_the_next_one(self, shop: Shop, mailbox: Mailbox) -> None:
        shop.control("reorder_notify", count=1)
        shop.paid("PAY00000001")
        shop.paid("PAY00000002")
        shop.sandbox.courier.deliver_due()

        assert [it["orderId"] for it in mailbox.forms] == ["PAY00000002", "PAY00000001"]

    def test_is_signed_with_the_key_of_the_day(self, shop: Shop, mailbox: Mailbox, hands: Hands) -> None:
        mailbox.answer = Answer(500, "")
        shop.paid()
        shop.ask("POST", "/sandbox/unionpay/rotate")
        shop.sandbox.courier.deliver_due()
        first, second = mailbox.forms

        assert first["signPubKeyCert"] != second["signPubKeyCert"]
        assert shop.trusts(first)
        assert shop.trusts(second)
