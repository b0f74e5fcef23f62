from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA1

from sandbox.app import Sandbox
from sandbox.clock import beijing
from sandbox.keys import new_key
from sandbox.web import FORM, Request

from .merchant import NOON, Hands, Merchant, Mutation, Reply

ORDER = {"out_trade_no": "P1", "total_amount": "1.00", "subject": "茶叶"}


def joined(params: dict[str, str], *, encode: Callable[[str], str] = str, keep_empty: bool = False) -> str:
    kept = {name: value for name, value in params.items() if value or keep_empty}
    return "&".join(f"{name}={encode(value)}" for name, value in sorted(kept.items()))


def signed_over(text: Callable[[dict[str, str]], str | bytes]) -> Mutation:
    return lambda merchant, params: params | {"sign": merchant.sign(text(params))}


def sha1(merchant: Merchant, params: dict[str, str]) -> dict[str, str]:
    return params | {"sign": b64encode(merchant.key.sign(joined(params).encode(), PKCS1v15(), SHA1())).decode()}


def other_key(merchant: Merchant, params: dict[str, str]) -> dict[str, str]:
    merchant.key = new_key(seed=None)
    return merchant.signed(params)


WRONGLY_SIGNED: dict[str, Mutation] = {
    "sign_type left out, as in a notification": signed_over(
        lambda params: joined({name: value for name, value in params.items() if name != "sign_type"})
    ),
    "values URL-encoded before signing": signed_over(lambda params: joined(params, encode=quote)),
    "not sorted": signed_over(lambda params: "&".join(f"{name}={value}" for name, value in params.items())),
    "empty values kept": signed_over(lambda params: joined(params, keep_empty=True)),
    "signed in another charset": signed_over(lambda params: joined(params).encode("gbk")),
    "the hex digest of the biz_content signed": signed_over(lambda params: params["biz_content"].encode().hex()),
    "SHA-1": sha1,
    "another merchant's key": other_key,
    "the amount changed afterwards": lambda merchant, params: (
        merchant.signed(params) | {"biz_content": params["biz_content"].replace("1.00", "0.01")}
    ),
    "a parameter added afterwards": lambda merchant, params: (
        merchant.signed(params) | {"notify_url": "https://x.example"}
    ),
    "no base64": lambda merchant, params: params | {"sign": "signature"},
}

COMMON: list[tuple[dict[str, str], str]] = [
    ({"app_id": ""}, "isv.missing-app-id"),
    ({"app_id": "2021000000000000"}, "isv.invalid-app-id"),
    ({"method": ""}, "isv.missing-method"),
    ({"method": "alipay.trade.gift"}, "isv.invalid-method"),
    ({"sign_type": ""}, "isv.missing-signature-type"),
    ({"sign_type": "RSA"}, "isv.invalid-signature-type"),
    ({"charset": ""}, "isv.missing-charset"),
    ({"charset": "latin-1"}, "isv.invalid-charset"),
    ({"version": ""}, "isv.missing-version"),
    ({"version": "2.0"}, "isv.invalid-version"),
    ({"format": "XML"}, "isv.invalid-format"),
    ({"timestamp": ""}, "isv.missing-timestamp"),
    ({"timestamp": "1790000400"}, "isv.invalid-timestamp"),
    ({"timestamp": beijing(NOON - 8 * 3600)}, "isv.invalid-timestamp"),  # UTC instead of Beijing time
    ({"timestamp": beijing(NOON + 601)}, "isv.invalid-timestamp"),
    ({"biz_content": "{"}, "isv.invalid-parameter"),
    ({"biz_content": "[]"}, "isv.invalid-parameter"),
    ({"biz_content": '{"subject": "\\ud83d"}'}, "isv.invalid-parameter"),
    ({"notify_url": "shop.example/x"}, "ACQ.INVALID_PARAMETER"),
]

BUSINESS: list[dict[str, Any]] = [
    {"out_trade_no": ""},
    {"out_trade_no": "2026-0001"},
    {"out_trade_no": "P" * 65},
    {"out_trade_no": "订单1"},
    {"out_trade_no": 17},
    {"subject": ""},
    {"subject": "茶" * 257},
    {"total_amount": "0.00"},
    {"total_amount": "100000000.01"},
    {"total_amount": "100"},  # fen, as the other gateways take it
    {"total_amount": "1.0"},
    {"total_amount": "1.001"},
    {"total_amount": "-1.00"},
    {"total_amount": "１.00"},
    {"total_amount": 1.0},
    {"product_code": "FAST_INSTANT_TRADE_PAY"},
    {"time_expire": beijing(NOON)},
    {"time_expire": beijing(NOON + 600)[:16]},
    {"timeout_express": "10"},
]


class TestGateway:
    def test_accepts_what_is_signed_by_the_book(self, merchant: Merchant) -> None:
        reply = merchant.call(
            "precreate", ORDER | {"subject": "A+B & 茶叶=100%"}, notify_url="https://shop.example/?a=b c"
        )

        assert reply.content["code"] == "10000"

    @pytest.mark.parametrize("as_body", [True, False])
    def test_takes_all_parameters_in_the_body_or_all_in_the_address(self, merchant: Merchant, as_body: bool) -> None:
        sent = urlencode(merchant.signed(merchant.params("alipay.trade.precreate", ORDER)))
        request = (
            Request("POST", "/gateway.do", "", sent.encode(), FORM) if as_body else Request("GET", "/gateway.do", sent)
        )

        reply = Reply(merchant.sandbox.respond(request), "alipay.trade.precreate")

        assert reply.content["code"] == "10000"

    def test_takes_gbk_where_gbk_is_declared_and_signed(self, merchant: Merchant) -> None:
        params = merchant.params("alipay.trade.precreate", ORDER, charset="GBK")
        params["sign"] = merchant.sign(joined(params).encode("gbk"))
        request = Request("GET", "/gateway.do", urlencode(params, encoding="gbk"))

        merchant.sandbox.respond(request)

        assert merchant.ask("GET", "/sandbox/trades/P1")["subject"] == "茶叶"

    @pytest.mark.parametrize("mutation", WRONGLY_SIGNED.values(), ids=WRONGLY_SIGNED.keys())
    def test_refuses_what_is_signed_wrongly(self, merchant: Merchant, mutation: Mutation) -> None:
        params = merchant.params("alipay.trade.precreate", ORDER, app_auth_token="")

        reply = merchant.send(mutation(merchant, params))

        assert reply.verdict == "isv.invalid-signature"
        assert merchant.query().verdict != "10000"

    @pytest.mark.parametrize(("common", "sub_code"), COMMON)
    def test_refuses_common_parameters(self, merchant: Merchant, common: dict[str, str], sub_code: str) -> None:
        assert merchant.call("precreate", ORDER, **common).verdict == sub_code

    def test_refuses_an_unsigned_request(self, merchant: Merchant) -> None:
        reply = merchant.send(merchant.params("alipay.trade.precreate", ORDER))

        assert (reply.content["code"], reply.verdict) == ("40001", "isv.missing-signature")

    def test_refuses_a_parameter_given_twice(self, merchant: Merchant) -> None:
        params = merchant.signed(merchant.params("alipay.trade.precreate", ORDER))
        request = Request("GET", "/gateway.do", f"{urlencode(params)}&app_id=2021")

        assert b"isv.suspected-attack" in merchant.sandbox.respond(request).body

    def test_refuses_a_body_of_raw_bytes(self, merchant: Merchant) -> None:
        query = urlencode(merchant.params("alipay.trade.precreate", {}))
        request = Request("POST", "/gateway.do", query, b"sign=\xff\xfe", FORM)

        assert b"isv.invalid-signature" in merchant.sandbox.respond(request).body

    def test_refuses_bytes_of_another_charset(self, merchant: Merchant) -> None:
        params = merchant.signed(merchant.params("alipay.trade.precreate", ORDER))
        request = Request("GET", "/gateway.do", urlencode(params, encoding="gbk"))

        assert b"isv.invalid-charset" in merchant.sandbox.respond(request).body

    @pytest.mark.parametrize("wrong", BUSINESS, ids=lambda wrong: json.dumps(wrong, ensure_ascii=False)[:40])
    def test_refuses_orders(self, merchant: Merchant, wrong: dict[str, Any]) -> None:
        reply = merchant.call("precreate", ORDER | wrong)

        assert (reply.content["code"], reply.verdict) == ("40004", "ACQ.INVALID_PARAMETER")

    @pytest.mark.parametrize("amount", ["0.01", "100000000.00"])
    def test_takes_the_smallest_and_the_largest_amount(self, merchant: Merchant, amount: str) -> None:
        assert merchant.precreate(amount=amount).verdict == "10000"

    def test_signs_no_refusal_to_somebody_unknown(self, merchant: Merchant) -> None:
        assert list(merchant.call("query", app_id="2021000000000000").whole) == ["error_response"]

    def test_takes_any_timestamp_if_it_runs_without_a_window(self, start: Callable[..., Sandbox], hands: Hands) -> None:
        merchant = Merchant(start(clock_window=0))
        params = merchant.signed(merchant.params("alipay.trade.precreate", ORDER))
        hands.pass_by(10**7)

        assert merchant.send(params).verdict == "10000"

    def test_keeps_a_list_of_what_was_asked_and_refused(self, merchant: Merchant) -> None:
        merchant.query()
        merchant.call("query", version="2.0")

        asked = merchant.ask("GET", "/sandbox/requests.json")

        assert [(it["api"], it["sub_code"]) for it in asked] == [
            ("alipay.trade.query", ""),
            ("alipay.trade.query", "isv.invalid-version"),
        ]
