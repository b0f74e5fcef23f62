from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization.pkcs12 import load_pkcs12

from sandbox.app import Sandbox
from sandbox.clock import DAY
from sandbox.unionpay.accounts import FILE
from sandbox.unionpay.broken import BROKEN
from sandbox.unionpay.refusals import Refused
from sandbox.unionpay.seeding import Past
from sandbox.web import Request

from ..merchant import NOON, Mailbox
from .shop import Shop

LAST_WEEK = NOON - 7 * DAY


class TestTrades:
    def test_are_paid_by_a_script(self, shop: Shop, mailbox: Mailbox) -> None:
        shop.back(shop.order())
        paid = shop.console("pay", amount="1.50", copies=2)
        shop.sandbox.courier.deliver_due()

        assert (paid["paid_fen"], len(paid["notifications"])) == (150, 2)
        assert [it["txnAmt"] for it in mailbox.forms] == ["150", "150"]

    def test_are_refunded_past_the_shop(self, shop: Shop, mailbox: Mailbox) -> None:
        shop.paid()
        done = shop.console("refund", amount_fen=40)
        shop.sandbox.courier.deliver_due()

        assert (done["refunded_fen"], mailbox.forms[-1]["txnType"], mailbox.forms[-1]["txnAmt"]) == (40, "04", "40")
        assert shop.console("refund", amount_fen=61)["status"] == 409
        assert shop.console("refund")["refunded_fen"] == 100
        assert shop.console("refund")["status"] == 409  # nothing is left

    def test_are_told_of_again(self, shop: Shop, mailbox: Mailbox) -> None:
        shop.paid()
        shop.console("notify", faults={"forge_unionpay": "attacker_chain"})
        shop.sandbox.courier.deliver_due()

        assert [shop.trusts(form) for form in mailbox.forms] == [True, False]

    def test_are_made_and_paid_in_bulk(self, shop: Shop, mailbox: Mailbox) -> None:
        orders = [{"out_trade_no": f"PAY000001{n:02d}", "total_fen": 100 + n} for n in range(20)]
        made = shop.ask(
            "POST", "/sandbox/trades/bulk_create", gateway="unionpay", orders=orders, notify_url="https://shop.example/"
        )
        done = shop.ask("POST", "/sandbox/trades/bulk_pay", gateway="unionpay", shuffle=True, forged_percent=50)
        shop.sandbox.courier.deliver_due()
        honest = [form for form in mailbox.forms if shop.trusts(form)]

        assert (made["placed"], done["paid"], len(honest)) == (20, 20, 20)
        assert done["forged"] == len(mailbox.forms) - 20 > 0
        assert shop.ledger["totals"]["paid_fen"] == sum(100 + n for n in range(20))

    @pytest.mark.parametrize("order", [{}, {"out_trade_no": "PAY00000101"}, {"total_fen": 100}])
    def test_are_not_made_from_half_an_order(self, shop: Shop, order: dict[str, Any]) -> None:
        made = shop.ask("POST", "/sandbox/trades/bulk_create", gateway="unionpay", orders=[order])

        assert made["status"] == 400
        assert shop.ledger["trades"] == []

    def test_that_nobody_knows_are_said_to_be_so(self, shop: Shop) -> None:
        assert shop.ask("GET", "/sandbox/trades/PAY00000009")["status"] == 404
        assert shop.console("pay", "PAY00000009")["status"] == 404

    def test_are_on_the_control_page(self, shop: Shop) -> None:
        shop.paid()
        page = shop.sandbox.respond(Request("GET", "/", "lang=zh")).body.decode()

        assert "PAY00000001" in page
        assert "/unionpay/cashier/" in page

    def test_survive_a_restart(self, shop: Shop, start: Callable[..., Sandbox]) -> None:
        query_id = shop.paid()
        again = Shop(start())

        assert again.credentials == shop.credentials
        assert again.give_back("REFUND000001", 10, of=query_id).code == "00"

    def test_leave_a_log_of_what_was_asked(self, shop: Shop) -> None:
        shop.back(shop.order())
        shop.query(txn_time=shop.now)

        assert [(it["gateway"], it["api"], it["out_trade_no"]) for it in shop.ask("GET", "/sandbox/requests.json")] == [
            ("unionpay", "unionpay.qr", "PAY00000001"),
            ("unionpay", "unionpay.query", "PAY00000001"),
        ]


class TestPast:
    def test_is_what_the_server_knows_when_it_starts(
        self, state_dir: Path, start: Callable[..., Sandbox], mailbox: Mailbox
    ) -> None:
        past = Past(state_dir)
        paid = past.pay(order_id="PAY00000001", subject="茶叶", total_fen=8880, at=LAST_WEEK, notify_url="https://s/")
        refund = past.refund(order_id="PAY00000001", refund_order_id="REFUND000001", amount_fen=880, at=LAST_WEEK + DAY)
        past.close()
        shop = Shop(start())
        shop.sandbox.courier.deliver_due()

        assert shop.query(txn_time=paid.txn_time).fields["queryId"] == paid.query_id
        assert shop.query("REFUND000001", txn_time=refund.txn_time).fields["origRespCode"] == "00"
        assert shop.ledger["totals"]["net_fen"] == 8000
        assert shop.statement(paid.settle_day[4:]).code == "00"
        assert mailbox.letters == []

    def test_keeps_to_the_rules(self, state_dir: Path) -> None:
        past = Past(state_dir)
        order: dict[str, Any] = {"subject": "茶叶", "total_fen": 100, "at": LAST_WEEK, "notify_url": ""}
        past.pay(order_id="PAY00000001", **order)

        with pytest.raises(Refused, match="12"):
            past.pay(order_id="PAY00000001", **order)
        with pytest.raises(Refused, match="33"):
            past.refund(order_id="PAY00000001", refund_order_id="REFUND000001", amount_fen=101, at=LAST_WEEK)
        past.close()


def opened(credentials: dict[str, str], *, name: str = "merchant_pfx") -> x509.Certificate:
    found = load_pkcs12(b64decode(credentials[name]), credentials["merchant_pfx_password"].encode())
    assert found.key
    assert found.cert
    return found.cert.certificate


class TestCredentials:
    def test_open_in_the_new_and_the_old_shape(self, shop: Shop) -> None:
        serials = {opened(shop.credentials, name=name).serial_number for name in ("merchant_pfx", "merchant_pfx_old")}

        assert serials == {int(shop.credentials["cert_id"])}
        assert len(shop.credentials["mer_id"]) == 15

    def test_name_the_addresses(self, shop: Shop) -> None:
        assert shop.credentials["gateway_url"] == "http://sandbox.example/gateway/api/"
        assert shop.credentials["file_url"] == "http://sandbox.example/file/"

    def test_are_kept_where_nobody_else_reads_them(self, shop: Shop, state_dir: Path) -> None:
        assert (state_dir / FILE).stat().st_mode & 0o077 == 0

    def test_are_named_leaf_by_leaf_as_unionpays(self, shop: Shop) -> None:
        name = shop.sandbox.box.unionpay.authority.leaf.subject.rfc4514_string()

        assert "@中国银联股份有限公司@" in name

    @pytest.mark.parametrize("name", [name for name in BROKEN if name != "sha1_chain"])
    def test_come_spoiled_on_request(self, shop: Shop, name: str) -> None:
        spoiled = shop.ask("GET", f"/sandbox/credentials/broken.json?gateway=unionpay&set={name}")["unionpay"]
        differing = {key for key in spoiled if spoiled[key] != shop.credentials[key]}

        assert differing
        assert spoiled.keys() == shop.credentials.keys()
        assert self.is_found(shop, spoiled, name)

    def is_found(self, shop: Shop, spoiled: dict[str, str], name: str) -> bool:
        """Whether a shop with these credentials gets into trouble that it can see."""
        if name in {"hex_serial", "wrong_mer_id"}:
            fields = shop.order() | {"certId": spoiled["cert_id"], "merId": spoiled["mer_id"]}
            return shop.back(fields).code == "11"
        honest = shop.back(shop.order()).fields
        shop.credentials = spoiled
        try:
            certificate = opened(spoiled)
        except (ValueError, AssertionError):
            return True
        expired = certificate.not_valid_after_utc.timestamp() < NOON
        return expired or str(certificate.serial_number) != spoiled["cert_id"] or not shop.trusts(honest)

    def test_with_the_older_chain_work(self, shop: Shop) -> None:
        spoiled = shop.ask("GET", "/sandbox/credentials/broken.json?gateway=unionpay&set=sha1_chain")["unionpay"]
        shop.credentials = spoiled

        assert shop.trusts(shop.back(shop.order()).fields)
