from __future__ import annotations

from base64 import b64decode
from typing import Any

import pytest

from .merchant import Merchant, Reply

DOWNLOAD = "alipay.open.app.alipaycert.download"


def files(merchant: Merchant) -> dict[str, str]:
    found: dict[str, str] = merchant.ask("GET", "/sandbox/alipay/certificates.json")
    return found


def ask(merchant: Merchant, content: dict[str, Any] | None = None, /, *, api: str = "query", **numbers: str) -> Reply:
    told = files(merchant)
    named = {name: told[name] for name in ("app_cert_sn", "alipay_root_cert_sn")} | numbers
    return merchant.call(api, content or {"out_trade_no": "P1"}, **named)


class TestCertificateMode:
    def test_answers_name_the_certificate_they_are_signed_with(self, merchant: Merchant) -> None:
        reply = ask(merchant)

        assert (reply.verdict, reply.whole["alipay_cert_sn"]) == (
            "ACQ.TRADE_NOT_EXIST",
            files(merchant)["alipay_cert_sn"],
        )
        assert merchant.trusts_answer(reply)
        assert "alipay_cert_sn" not in merchant.query().whole

    @pytest.mark.parametrize(
        ("numbers", "verdict"),
        [
            ({"app_cert_sn": "0" * 32}, "isv.invalid-app-cert-sn"),
            ({"alipay_root_cert_sn": "0" * 32}, "isv.invalid-alipay-root-cert-sn"),
            ({"app_cert_sn": ""}, "isv.missing-app-cert-sn"),
            ({"alipay_root_cert_sn": ""}, "isv.missing-alipay-root-cert-sn"),
        ],
    )
    def test_other_numbers_are_refused(self, merchant: Merchant, numbers: dict[str, str], verdict: str) -> None:
        assert ask(merchant, **numbers).verdict == verdict

    def test_alipays_certificate_is_given_by_its_number_after_a_rotation_too(self, merchant: Merchant) -> None:
        old = files(merchant)
        new = merchant.ask("POST", "/sandbox/alipay/rotate")["certificates"]

        assert old["alipay_cert_sn"] != new["alipay_cert_sn"]
        for told in (old, new):
            reply = ask(merchant, {"alipay_cert_sn": told["alipay_cert_sn"]}, api=DOWNLOAD)
            assert b64decode(reply.content["alipay_cert_content"]).decode() == told["alipay_cert"]
        assert ask(merchant, {"alipay_cert_sn": "0" * 32}, api=DOWNLOAD).verdict == "CERT_NOT_EXIST"

    def test_the_old_key_signs_nothing_after_a_rotation(self, merchant: Merchant) -> None:
        merchant.ask("POST", "/sandbox/alipay/rotate")

        assert not merchant.trusts_answer(merchant.query())
        assert Merchant(merchant.sandbox).trusts_answer(merchant.query())


class TestMode:
    """An app signs one way, unless it is just switching from one to the other."""

    @pytest.mark.parametrize(
        ("mode", "by_key", "by_certificate"),
        [
            ("public_key", "ACQ.TRADE_NOT_EXIST", "isv.invalid-app-cert-sn"),
            ("certificate", "isv.missing-app-cert-sn", "ACQ.TRADE_NOT_EXIST"),
            ("switching", "ACQ.TRADE_NOT_EXIST", "ACQ.TRADE_NOT_EXIST"),
        ],
    )
    def test_is_pinned(self, merchant: Merchant, mode: str, by_key: str, by_certificate: str) -> None:
        merchant.ask("POST", f"/sandbox/alipay/accounts/{merchant.credentials['app_id']}/mode", mode=mode)

        assert (merchant.query().verdict, ask(merchant).verdict) == (by_key, by_certificate)

    def test_is_chosen_when_an_app_is_made(self, merchant: Merchant) -> None:
        made = merchant.ask("POST", "/sandbox/accounts", mode="certificate")["alipay"]

        assert Merchant(merchant.sandbox, app_id=made["app_id"]).query().verdict == "isv.missing-app-cert-sn"

    def test_is_one_of_three(self, merchant: Merchant) -> None:
        app_id = merchant.credentials["app_id"]

        assert merchant.ask("POST", f"/sandbox/alipay/accounts/{app_id}/mode", mode="both")["status"] == 400
        assert merchant.ask("POST", "/sandbox/accounts", mode="both")["status"] == 400
        assert merchant.ask("POST", "/sandbox/alipay/accounts/9021/mode", mode="switching")["status"] == 404
