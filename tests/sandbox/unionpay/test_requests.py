from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from hashlib import sha256
from urllib.parse import urlencode

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA1, SHA256

from sandbox.keys import new_key
from sandbox.web import FORM, Request

from ..merchant import Hands
from .shop import Reply, Shop, stamp, text_of

BACK = "/gateway/api/backTransReq.do"
Mutation = Callable[[Shop, dict[str, str]], dict[str, str]]


def single_hash(shop: Shop, fields: dict[str, str]) -> dict[str, str]:
    signature = shop.key.sign(text_of(fields).encode(), PKCS1v15(), SHA256())
    return fields | {"signature": b64encode(signature).decode()}


def sha1(shop: Shop, fields: dict[str, str]) -> dict[str, str]:
    signature = shop.key.sign(text_of(fields).encode(), PKCS1v15(), SHA1())
    return fields | {"signature": b64encode(signature).decode()}


def upper_case_digest(shop: Shop, fields: dict[str, str]) -> dict[str, str]:
    digest = sha256(text_of(fields).encode()).hexdigest().upper()
    return fields | {"signature": b64encode(shop.key.sign(digest.encode(), PKCS1v15(), SHA256())).decode()}


def hex_serial(shop: Shop, fields: dict[str, str]) -> dict[str, str]:
    return shop.signed(fields | {"certId": f"{int(shop.cert_id):x}"})


def no_serial(shop: Shop, fields: dict[str, str]) -> dict[str, str]:
    return shop.signed({name: value for name, value in fields.items() if name != "certId"})


def changed_afterwards(shop: Shop, fields: dict[str, str]) -> dict[str, str]:
    return shop.signed(fields) | {"txnAmt": "1"}


def added_afterwards(shop: Shop, fields: dict[str, str]) -> dict[str, str]:
    return shop.signed(fields) | {"reqReserved": "more"}


def other_merchant(shop: Shop, fields: dict[str, str]) -> dict[str, str]:
    return shop.signed(fields | {"merId": "777290000000000"})


def strangers_key(shop: Shop, fields: dict[str, str]) -> dict[str, str]:
    shop.key = new_key(seed=None)
    return shop.signed(fields)


def signed_url_encoded(shop: Shop, fields: dict[str, str]) -> dict[str, str]:
    encoded = {name: urlencode({"": value})[1:] for name, value in fields.items()}
    return fields | {"signature": shop.signature(encoded)}


def empty_values_signed(shop: Shop, fields: dict[str, str]) -> dict[str, str]:
    return shop.signed(fields | {"reqReserved": " "}) | {"reqReserved": ""}


MUTATIONS: list[Mutation] = [
    single_hash,
    sha1,
    upper_case_digest,
    hex_serial,
    no_serial,
    changed_afterwards,
    added_afterwards,
    other_merchant,
    strangers_key,
    signed_url_encoded,
    empty_values_signed,
]


class TestSignature:
    @pytest.mark.parametrize("mutation", MUTATIONS)
    def test_that_is_wrong_is_refused_without_one_in_answer(self, shop: Shop, mutation: Mutation) -> None:
        reply = Reply(shop.post(BACK, mutation(shop, shop.order())))

        assert reply.code == "11"
        assert "signature" not in reply.fields
        assert shop.ledger["trades"] == []

    def test_covers_the_body_alone(self, shop: Shop) -> None:
        body = urlencode(shop.signed(shop.order())).encode()

        in_query = shop.sandbox.respond(Request("POST", BACK, body.decode(), b"", FORM))
        beside = shop.sandbox.respond(Request("POST", BACK, "shop=1", body, FORM))

        assert Reply(in_query).code == "11"
        assert Reply(beside).code == "00"

    def test_counts_for_nothing_if_a_field_comes_twice(self, shop: Shop) -> None:
        body = urlencode(shop.signed(shop.order())) + "&txnAmt=100"

        assert Reply(shop.sandbox.respond(Request("POST", BACK, "", body.encode(), FORM))).code == "10"

    def test_of_a_page_is_checked_too(self, shop: Shop) -> None:
        refused = shop.post("/gateway/api/frontTransReq.do", single_hash(shop, shop.page()))

        assert "验证签名失败" in refused.body.decode()
        assert shop.ledger["trades"] == []


class TestFields:
    @pytest.mark.parametrize(
        ("field", "value", "code"),
        [
            ("version", "5.0.0", "10"),
            ("encoding", "GBK", "10"),
            ("signMethod", "02", "10"),
            ("accessType", "1", "10"),
            ("currencyCode", "840", "10"),
            ("currencyCode", "", "13"),
            ("txnAmt", "1.00", "10"),
            ("txnAmt", "0", "10"),
            ("txnAmt", "-1", "10"),
            ("txnAmt", "1e2", "10"),
            ("orderId", "P1", "10"),
            ("orderId", "PAY_00000001", "10"),
            ("orderId", "PAY-00000001", "10"),
            ("orderId", "P" * 41, "10"),
            ("backUrl", "", "13"),
            ("backUrl", "shop.example/webhooks", "10"),
            ("reqReserved", "a=1&b=2", "10"),
            ("reqReserved", "x" * 1025, "10"),
            ("payTimeout", "20200101000000", "10"),
            ("payTimeout", "2026-09-21 23:00:00", "10"),
            ("bizType", "000201", "10"),
            ("txnSubType", "99", "10"),
            ("txnTime", "today", "10"),
        ],
    )
    def test_that_are_wrong_are_refused(self, shop: Shop, field: str, value: str, code: str) -> None:
        assert shop.back(shop.order() | {field: value}).code == code
        assert shop.ledger["trades"] == []

    def test_go_to_their_own_addresses(self, shop: Shop) -> None:
        for path in ("/gateway/api/queryTrans.do", "/file/"):
            assert Reply(shop.post(path, shop.signed(shop.order()))).code == "10"

    def test_come_by_post(self, shop: Shop) -> None:
        assert shop.sandbox.respond(Request("GET", BACK, urlencode(shop.signed(shop.order())))).status == 404


class TestTime:
    @pytest.mark.parametrize(("seconds", "code"), [(0, "00"), (-590, "00"), (590, "00"), (-610, "39"), (610, "39")])
    def test_of_an_order_must_be_about_now(self, shop: Shop, hands: Hands, seconds: int, code: str) -> None:
        assert shop.back(shop.order(txnTime=stamp(hands.at + seconds))).code == code

    def test_is_beijings(self, shop: Shop, hands: Hands) -> None:
        assert shop.back(shop.order(txnTime=stamp(hands.at - 8 * 3_600))).code == "39"

    def test_of_a_gateway_whose_clock_is_off_is_its_own(self, shop: Shop) -> None:
        shop.control("clock_skew", value=900, count=1)

        assert shop.back(shop.order()).code == "39"
        assert shop.back(shop.order()).code == "00"
