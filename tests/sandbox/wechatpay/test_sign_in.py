from __future__ import annotations

import json
from base64 import b64encode
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import pytest

from ..merchant import Hands
from .shop import PAY, Shop

BACK = "https://shop.example/pay/?order=1"


def authorize(shop: Shop, **changed: str) -> Any:
    asked = {"appid": shop.appid, "redirect_uri": BACK, "response_type": "code", "scope": "snsapi_base", "state": "s 1"}
    return shop.send("GET", f"/connect/oauth2/authorize?{urlencode(asked | changed)}", b"", {})


def code_of(shop: Shop, **changed: str) -> str:
    target: str = authorize(shop, **changed).response.headers["Location"]
    return parse_qs(urlsplit(target).query)["code"][0]


def token(shop: Shop, code: str, /, **changed: str) -> dict[str, Any]:
    secret = shop.credentials["app_secret"]
    asked = {"appid": shop.appid, "secret": secret, "code": code, "grant_type": "authorization_code"} | changed
    answered: dict[str, Any] = json.loads(
        shop.send("GET", f"/sns/oauth2/access_token?{urlencode(asked)}", b"", {}).response.body
    )
    return answered


class TestSignIn:
    def test_leads_back_with_a_code_that_gives_an_openid_once(self, shop: Shop) -> None:
        target = urlsplit(authorize(shop).response.headers["Location"])
        code = code_of(shop)

        assert parse_qs(target.query)["state"] == ["s 1"]
        assert target.netloc == "shop.example"
        assert len(token(shop, code)["openid"]) == 28
        assert token(shop, code)["errcode"] == 40163

    def test_gives_each_person_one_openid_for_each_app(self, shop: Shop) -> None:
        made = shop.ask("POST", "/sandbox/accounts", gateway="wechatpay")["wechatpay"]
        other = Shop(shop.sandbox, mchid=made["mchid"])
        first, again = (token(shop, code_of(shop))["openid"] for _ in range(2))

        assert first == again
        assert token(shop, code_of(shop, sandbox_person="li"))["openid"] != first
        assert token(other, code_of(other))["openid"] != first

    def test_code_is_good_for_five_minutes(self, shop: Shop, hands: Hands) -> None:
        code = code_of(shop)
        hands.pass_by(301)

        assert token(shop, code)["errcode"] == 40029

    @pytest.mark.parametrize(
        ("changed", "errcode"),
        [
            ({"secret": "wrong"}, 40125),
            ({"appid": "wx0"}, 40013),
            ({"code": "made up"}, 40029),
            ({"grant_type": ""}, 40002),
        ],
    )
    def test_tells_nothing_to_others(self, shop: Shop, changed: dict[str, str], errcode: int) -> None:
        assert token(shop, code_of(shop), **changed)["errcode"] == errcode

    @pytest.mark.parametrize("changed", [{"appid": "wx0"}, {"scope": "all"}, {"redirect_uri": "javascript:1"}])
    def test_refuses_what_is_asked_wrongly(self, shop: Shop, changed: dict[str, str]) -> None:
        assert authorize(shop, **changed).status == 400


class TestJsapi:
    def place(self, shop: Shop, openid: str) -> Any:
        return shop.call("POST", f"{PAY}/jsapi", shop.order(payer={"openid": openid}))

    def page(self, shop: Shop, prepay_id: str, **changed: str) -> int:
        told = {"appId": shop.appid, "timeStamp": "1790000400", "nonceStr": "n", "package": f"prepay_id={prepay_id}"}
        signed = "".join(f"{value}\n" for value in told.values()).encode()
        told |= {"signType": "RSA", "paySign": shop.sign(signed)} | changed
        return shop.send("GET", f"/wechatpay/jsapi?{urlencode(told, quote_via=quote)}", b"", {}).status

    def test_is_paid_by_who_signed_in(self, shop: Shop) -> None:
        openid = token(shop, code_of(shop))["openid"]
        prepay_id = self.place(shop, openid).content["prepay_id"]

        assert self.page(shop, prepay_id) == 200
        shop.console("pay")
        assert shop.query().content["payer"]["openid"] == openid
        assert shop.query().content["trade_type"] == "JSAPI"

    @pytest.mark.parametrize(
        "changed", [{"paySign": b64encode(b"x").decode()}, {"appId": "wx0"}, {"signType": "MD5"}, {"nonceStr": "m"}]
    )
    def test_needs_an_honest_signature_in_the_page(self, shop: Shop, changed: dict[str, str]) -> None:
        prepay_id = self.place(shop, token(shop, code_of(shop))["openid"]).content["prepay_id"]

        assert self.page(shop, prepay_id, **changed) == 400

    def test_is_for_openids_of_the_app(self, shop: Shop) -> None:
        made = shop.ask("POST", "/sandbox/accounts", gateway="wechatpay")["wechatpay"]
        other = Shop(shop.sandbox, mchid=made["mchid"])
        strangers = token(other, code_of(other))["openid"]

        assert self.place(shop, strangers).verdict == (400, "PARAM_ERROR")
        assert shop.call("POST", f"{PAY}/jsapi", shop.order()).verdict == (400, "PARAM_ERROR")
