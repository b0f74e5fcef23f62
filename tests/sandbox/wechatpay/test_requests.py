from __future__ import annotations

from collections.abc import Callable

import pytest

from ..merchant import Hands
from .shop import PAY, Reply, Shop

Mutation = Callable[[Shop], Reply]


def posted(shop: Shop, text: Callable[[str, str, str, str, str], str]) -> Reply:
    """An order whose string to sign is put together in another way."""
    body = b'{"mchid":"x"}'
    parts = shop.parts("POST", f"{PAY}/native", body)
    signed = text("POST", f"{PAY}/native", parts["timestamp"], parts["nonce_str"], body.decode())
    headers = shop.headers(parts | {"signature": shop.sign(signed.encode())})
    return shop.send("POST", f"{PAY}/native", body, headers)


def queried(shop: Shop, signed_target: str, sent_target: str) -> Reply:
    return shop.send("GET", sent_target, b"", shop.headers(shop.parts("GET", signed_target)))


def milliseconds(shop: Shop) -> Reply:
    stamp = str(int(shop.sandbox.box.clock.now() * 1000))
    return shop.call("GET", f"{PAY}/out-trade-no/ORDER1?mchid={shop.mchid}", timestamp=stamp)


def queried_without_body_line(shop: Shop) -> Reply:
    target = f"{PAY}/out-trade-no/ORDER1?mchid={shop.mchid}"
    parts = shop.parts("GET", target)
    text = f"GET\n{target}\n{parts['timestamp']}\n{parts['nonce_str']}\n"
    return shop.send("GET", target, b"", shop.headers(parts | {"signature": shop.sign(text.encode())}))


MUTATIONS: dict[str, Mutation] = {
    "no last line feed": lambda shop: posted(shop, lambda *parts: "\n".join(parts)),
    "no line for the body": queried_without_body_line,
    "CRLF": lambda shop: posted(shop, lambda *parts: "".join(f"{part}\r\n" for part in parts)),
    "lower-case method": lambda shop: posted(
        shop, lambda method, *rest: "".join(f"{it}\n" for it in (method.lower(), *rest))
    ),
    "no query in the string": lambda shop: queried(
        shop, f"{PAY}/out-trade-no/ORDER1", f"{PAY}/out-trade-no/ORDER1?mchid={shop.mchid}"
    ),
    "a path unlike that on the wire": lambda shop: queried(
        shop, f"{PAY}/out-trade-no/A|B123?mchid={shop.mchid}", f"{PAY}/out-trade-no/A%7CB123?mchid={shop.mchid}"
    ),
    "the host in the string": lambda shop: queried(
        shop, f"http://sandbox.example{PAY}/id/1?mchid={shop.mchid}", f"{PAY}/id/1?mchid={shop.mchid}"
    ),
    "milliseconds": milliseconds,
    "another serial": lambda shop: shop.call("GET", f"{PAY}/id/1?mchid=1", serial_no="5" * 40),
    "the public key id as serial": lambda shop: shop.call("GET", f"{PAY}/id/1?mchid=1", serial_no=shop.wants),
    "an unknown merchant": lambda shop: shop.call("GET", f"{PAY}/id/1?mchid=1", mchid="1900000000"),
    "another parameter": lambda shop: shop.call("GET", f"{PAY}/id/1?mchid=1", colour="red"),
    "a long nonce": lambda shop: shop.call("GET", f"{PAY}/id/1?mchid=1", nonce_str="n" * 33),
    "no signature": lambda shop: shop.call("GET", f"{PAY}/id/1?mchid=1", signature="AAAA"),
    "no authorization": lambda shop: shop.send("GET", f"{PAY}/id/1?mchid=1", b"", {"accept": "*/*", "user-agent": "x"}),
}


class TestAuthorization:
    @pytest.mark.parametrize("mutation", MUTATIONS.values(), ids=MUTATIONS.keys())
    def test_is_refused_when_it_is_made_wrongly(self, shop: Shop, mutation: Mutation) -> None:
        refused = mutation(shop)

        assert refused.verdict == (401, "SIGN_ERROR")
        assert refused.response.headers["Request-ID"].endswith("-268443699")

    def test_is_refused_signed_if_the_merchant_is_known(self, shop: Shop) -> None:
        assert shop.trusts_answer(MUTATIONS["no last line feed"](shop))
        assert MUTATIONS["an unknown merchant"](shop).serial == ""

    @pytest.mark.parametrize(("off", "status"), [(299, 404), (-299, 404), (301, 401), (-301, 401)])
    def test_is_good_for_five_minutes(self, shop: Shop, off: int, status: int) -> None:
        stamp = str(int(shop.sandbox.box.clock.now()) + off)

        assert shop.call("GET", f"{PAY}/id/1?mchid={shop.mchid}", timestamp=stamp).status == status

    def test_is_good_once(self, shop: Shop) -> None:
        shop.native()
        target = f"{PAY}/out-trade-no/ORDER1?mchid={shop.mchid}"
        headers = shop.headers(shop.parts("GET", target))

        assert shop.send("GET", target, b"", headers).status == 200
        assert shop.send("GET", target, b"", headers).verdict == (401, "SIGN_ERROR")

    def test_covers_the_body(self, shop: Shop) -> None:
        headers = shop.headers(shop.parts("POST", f"{PAY}/native", b'{"a":1}'))

        assert shop.send("POST", f"{PAY}/native", b'{"a": 1}', headers).verdict == (401, "SIGN_ERROR")

    def test_may_have_its_parts_in_any_order(self, shop: Shop) -> None:
        target = f"{PAY}/id/1?mchid={shop.mchid}"
        parts = dict(reversed(shop.parts("GET", target).items()))

        assert shop.send("GET", target, b"", shop.headers(parts)).verdict == (404, "ORDER_NOT_EXIST")

    def test_is_for_one_merchant_only(self, shop: Shop) -> None:
        assert shop.call("GET", f"{PAY}/id/1?mchid=1900000000").verdict == (401, "SIGN_ERROR")
        assert shop.call("GET", f"{PAY}/id/1").verdict == (400, "PARAM_ERROR")

    def test_needs_the_usual_headers_beside_it(self, shop: Shop) -> None:
        target = f"{PAY}/id/1?mchid={shop.mchid}"
        for lacking in ("accept", "user-agent"):
            headers = shop.headers(shop.parts("GET", target))
            del headers[lacking]
            assert shop.send("GET", target, b"", headers).verdict == (400, "PARAM_ERROR")

    def test_names_no_key_that_the_merchant_lacks(self, shop: Shop) -> None:
        shop.wants = "PUB_KEY_ID_0000000000"

        assert shop.query().verdict == (400, "PARAM_ERROR")

    def test_fails_when_the_gateways_clock_is_off(self, shop: Shop) -> None:
        shop.control("clock_skew", value="900")

        assert shop.query().verdict == (401, "SIGN_ERROR")

    def test_is_kept_for_who_wants_to_see(self, shop: Shop, hands: Hands) -> None:
        shop.query()
        kept = shop.ask("GET", "/sandbox/requests.json")[-1]

        assert (kept["gateway"], kept["api"], kept["sub_code"]) == (
            "wechatpay",
            "transactions.query",
            "ORDER_NOT_EXIST",
        )
