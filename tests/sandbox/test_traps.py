"""
The ten mistakes most often made with these gateways. Made by a merchant, the sandbox refuses them; made by the
sandbox, the product notices.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256

from payments.gateways import (
    AccountConfig,
    CreateRequest,
    Environment,
    EventKind,
    ForgedNotification,
    Gateway,
    GatewayEvent,
    InboundRequest,
    Outcome,
    PaymentRef,
    RefundRef,
    RefundRequest,
    UnknownKey,
    claim_problems,
)
from payments.gateways.alipay import AlipayGateway
from payments.gateways.transport import Response as Answer
from payments.gateways.transport import TransportError
from payments.gateways.unionpay import UnionpayGateway
from payments.gateways.wechatpay import WechatpayGateway
from sandbox.app import Sandbox
from sandbox.courier import Letter
from sandbox.web import Request

from .merchant import Hands, Mailbox, Merchant
from .unionpay.shop import Shop as UnionpayShop
from .unionpay.shop import stamp, text_of
from .wechatpay.shop import PAY
from .wechatpay.shop import Shop as WechatpayShop

# ------------------------------------------------------------------------- made by a merchant: refused


def unionpay_signs_once(sandbox: Sandbox) -> str:
    shop = UnionpayShop(sandbox)
    fields = shop.order()
    once = b64encode(shop.key.sign(text_of(fields).encode(), PKCS1v15(), SHA256())).decode()
    return said_by_unionpay(shop, fields | {"signature": once})


def unionpay_names_its_certificate_in_hex(sandbox: Sandbox) -> str:
    shop = UnionpayShop(sandbox)
    return shop.back(shop.order(certId=f"{int(shop.cert_id):X}")).code


def said_by_unionpay(shop: UnionpayShop, fields: dict[str, str]) -> str:
    return shop.post("/gateway/api/backTransReq.do", fields).body.decode().partition("respCode=")[2][:2]


def alipay_leaves_sign_type_out(sandbox: Sandbox) -> str:
    merchant = Merchant(sandbox)
    params = merchant.params("alipay.trade.query", {"out_trade_no": "P1"})
    text = "&".join(f"{name}={value}" for name, value in sorted(params.items()) if value and name != "sign_type")
    return merchant.send(params | {"sign": merchant.sign(text)}).verdict


def alipay_pays_anew_what_a_refund_closed(sandbox: Sandbox) -> str:
    """TRADE_CLOSED after a full refund, read as a payment that failed and can be had again."""
    merchant = Merchant(sandbox)
    merchant.paid()
    merchant.refund("R1", "1.00")
    return merchant.precreate("P1", "1.00").verdict


def wechat_signs(lines: Callable[..., str], sandbox: Sandbox) -> str:
    shop = WechatpayShop(sandbox)
    target = f"{PAY}/out-trade-no/ORDER1?mchid={shop.mchid}"
    parts = shop.parts("GET", target)
    text = lines("GET", target, parts["timestamp"], parts["nonce_str"], "")
    return str(shop.send("GET", target, b"", shop.headers({**parts, "signature": shop.sign(text.encode())})).verdict[1])


def wechat_counts_milliseconds(sandbox: Sandbox) -> str:
    shop = WechatpayShop(sandbox)
    now = str(int(sandbox.box.clock.now() * 1_000))
    return shop.call("GET", f"{PAY}/out-trade-no/ORDER1?mchid={shop.mchid}", timestamp=now).verdict[1]


def wechat_writes_the_body_anew(sandbox: Sandbox) -> str:
    shop = WechatpayShop(sandbox)
    target, body = f"{PAY}/native", json.dumps(shop.order()).encode()
    anew = json.dumps(shop.order(), indent=1, ensure_ascii=False).encode()
    return shop.send("POST", target, anew, shop.headers(shop.parts("POST", target, body))).verdict[1]


def alipay_sends_another_charset(sandbox: Sandbox) -> str:
    merchant = Merchant(sandbox)
    params = merchant.params("alipay.trade.query", {"out_trade_no": "P1", "trade_no": "茶"})
    text = "&".join(f"{name}={value}" for name, value in sorted(params.items()) if value)
    return merchant.send(params | {"sign": merchant.sign(text.encode("gbk"))}).verdict


def alipay_refunds_under_a_new_number(sandbox: Sandbox) -> str:
    merchant = Merchant(sandbox)
    merchant.paid()
    merchant.refund("R1", "0.80")
    return merchant.refund("R2", "0.80").verdict


def wechat_refunds_under_a_new_number(sandbox: Sandbox) -> str:
    shop = WechatpayShop(sandbox)
    shop.paid()
    shop.refund("REFUND1", 80)
    return shop.refund("REFUND2", 80).verdict[1]


def unionpay_refunds_under_a_new_number(sandbox: Sandbox) -> str:
    shop = UnionpayShop(sandbox)
    query_id = shop.paid()
    shop.give_back("REFUND000001", 80, of=query_id)
    return shop.give_back("REFUND000002", 80, of=query_id).code


def wechat_repeats_a_refund_with_another_amount(sandbox: Sandbox) -> str:
    shop = WechatpayShop(sandbox)
    shop.paid()
    shop.refund("REFUND1", 40)
    return shop.refund("REFUND1", 41).verdict[1]


def unionpay_queries_by_the_time_of_the_query(sandbox: Sandbox) -> str:
    shop = UnionpayShop(sandbox)
    shop.paid()
    return shop.query(txn_time=stamp(sandbox.box.clock.now() + 60)).code


def alipay_counts_in_fen(sandbox: Sandbox) -> str:
    return Merchant(sandbox).precreate(amount="100").verdict


def wechat_counts_in_yuan(sandbox: Sandbox) -> str:
    return WechatpayShop(sandbox).native(amount={"total": "1.00"}).verdict[1]


def unionpay_counts_in_yuan(sandbox: Sandbox) -> str:
    shop = UnionpayShop(sandbox)
    return shop.back(shop.order() | {"txnAmt": "1.00"}).code


def alipay_stamps_in_utc(sandbox: Sandbox) -> str:
    utc = datetime.fromtimestamp(sandbox.box.clock.now(), UTC).strftime("%Y-%m-%d %H:%M:%S")
    return Merchant(sandbox).call("query", {"out_trade_no": "P1"}, timestamp=utc).verdict


def unionpay_stamps_in_utc(sandbox: Sandbox) -> str:
    utc = datetime.fromtimestamp(sandbox.box.clock.now(), UTC).strftime("%Y%m%d%H%M%S")
    shop = UnionpayShop(sandbox)
    return shop.back(shop.order(txnTime=utc)).code


def wechat_uses_an_old_h5_link(sandbox: Sandbox) -> str:
    shop = WechatpayShop(sandbox)
    scene = {"payer_client_ip": "1.2.3.4", "h5_info": {"type": "Wap"}}
    url = urlsplit(shop.call("POST", f"{PAY}/h5", shop.order(scene_info=scene)).content["h5_url"])
    sandbox.box.put_clock(offset=sandbox.box.clock.offset + 301)
    return str(shop.send("GET", f"{url.path}?{url.query}", b"", {"referer": "https://shop.example/"}).status)


def wechat_asks_for_another_merchant(sandbox: Sandbox) -> str:
    shop = WechatpayShop(sandbox)
    return shop.call("GET", f"{PAY}/out-trade-no/ORDER1?mchid=1900000000").verdict[1]


TO_LINES: Mapping[str, Callable[..., str]] = {
    "without the last line feed": lambda *parts: "\n".join(parts),
    "without the empty line of the body": lambda *parts: "".join(f"{part}\n" for part in parts[:-1]),
    "without the query": lambda method, target, *rest: "".join(
        f"{part}\n" for part in (method, target.partition("?")[0], *rest)
    ),
}
REFUSED: dict[str, tuple[Callable[[Sandbox], str], str]] = {
    "1: UnionPay's string signed without the hex digest": (unionpay_signs_once, "11"),
    "1: certId in hex": (unionpay_names_its_certificate_in_hex, "11"),
    "2: sign_type left out of a request": (alipay_leaves_sign_type_out, "isv.invalid-signature"),
    "3: a trade that a refund closed paid once more": (alipay_pays_anew_what_a_refund_closed, "ACQ.TRADE_HAS_SUCCESS"),
    **{f"4: lines {name}": (partial(wechat_signs, lines), "SIGN_ERROR") for name, lines in TO_LINES.items()},
    "4: milliseconds": (wechat_counts_milliseconds, "SIGN_ERROR"),
    "5: a body written anew after it was signed": (wechat_writes_the_body_anew, "SIGN_ERROR"),
    "5: signed in another charset than declared": (alipay_sends_another_charset, "isv.invalid-signature"),
    "6: another amount under a refund that was only accepted": (
        wechat_repeats_a_refund_with_another_amount,
        "INVALID_REQUEST",
    ),
    "7: Alipay: a new number for the same refund": (
        alipay_refunds_under_a_new_number,
        "ACQ.REASON_TRADE_REFUND_FEE_ERR",
    ),
    "7: WeChat Pay: a new number for the same refund": (wechat_refunds_under_a_new_number, "INVALID_REQUEST"),
    "7: UnionPay: a new number for the same refund": (unionpay_refunds_under_a_new_number, "33"),
    "8: a query with its own time": (unionpay_queries_by_the_time_of_the_query, "34"),
    "9: Alipay: fen": (alipay_counts_in_fen, "ACQ.INVALID_PARAMETER"),
    "9: WeChat Pay: yuan": (wechat_counts_in_yuan, "PARAM_ERROR"),
    "9: UnionPay: yuan": (unionpay_counts_in_yuan, "10"),
    "9: Alipay: a time of another zone": (alipay_stamps_in_utc, "isv.invalid-timestamp"),
    "9: UnionPay: a time of another zone": (unionpay_stamps_in_utc, "39"),
    "10: a link that is too old": (wechat_uses_an_old_h5_link, "400"),
    "10: an order of another merchant": (wechat_asks_for_another_merchant, "SIGN_ERROR"),
}


@pytest.mark.parametrize("trap", REFUSED)
def test_the_sandbox_refuses_it(sandbox: Sandbox, trap: str) -> None:
    make, verdict = REFUSED[trap]

    assert make(sandbox) == verdict


def test_each_of_the_ten_is_refused() -> None:
    assert {int(trap.partition(":")[0]) for trap in REFUSED} == set(range(1, 11))


# -------------------------------------------------------------------------- made by the sandbox: noticed


class Door:
    """The product's way to a sandbox in the same process."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox

    def send(self, *, method: str, url: str, headers: Mapping[str, str], content: bytes) -> Answer:
        split = urlsplit(url)
        named = {name.lower(): value for name, value in headers.items()}
        target = split.path + (f"?{split.query}" if split.query else "")
        told = self.sandbox.respond(
            Request(
                method, split.path, split.query, content, named.get("content-type", ""),
                headers=named, sent_target=target,
            )
        )  # fmt: skip
        if told.hang_up:
            raise TransportError("transport.broken", "hung up")
        answered = {"content-type": told.content_type, **told.headers}
        return Answer(status=told.status, headers={k.lower(): v for k, v in answered.items()}, body=told.body)


PRODUCT: dict[str, tuple[type[Gateway], dict[str, str], dict[str, str]]] = {
    "alipay": (
        AlipayGateway,
        {"app_id": "app_id", "seller_id": "seller_id"},
        {"private_key": "app_private_key", "alipay_public_key": "alipay_public_key"},
    ),
    "wechatpay": (
        WechatpayGateway,
        {
            "mchid": "mchid",
            "appid": "appid",
            "serial_no": "merchant_serial",
            "platform_public_key_id": "public_key_id",
            "mode": "mode",
        },
        {"private_key": "merchant_private_key", "apiv3_key": "api_v3_key", "platform_public_key": "public_key"},
    ),
    "unionpay": (
        UnionpayGateway,
        {"mer_id": "mer_id"},
        {
            "signing_pfx": "merchant_pfx_old",
            "pfx_password": "merchant_pfx_password",
            "root_cert": "root_certificate",
            "middle_cert": "middle_certificate",
        },
    ),
}


class Pair:
    """A product's account and the sandbox's side of it."""

    def __init__(self, code: str, sandbox: Sandbox, mailbox: Mailbox) -> None:
        self.sandbox, self.mailbox = sandbox, mailbox
        self.merchant = Merchant(sandbox)
        made, settings, credentials = PRODUCT[code]
        told = self.merchant.ask("GET", f"/sandbox/credentials.json?gateway={code}")[code]
        self.gateway = made(
            config=AccountConfig(
                environment=Environment.SANDBOX,
                settings={ours: told[theirs] for ours, theirs in settings.items()},
                credentials={ours: told[theirs] for ours, theirs in credentials.items()},
                base_url=told["gateway_url"],
            ),
            transport=Door(sandbox),
            clock=self.now,
        )
        self.number, self.refund_no = "TRAP20261122000001", "BACK20261122000001"
        self.created_at = self.now()
        self.trade_no = ""

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.sandbox.box.clock.now(), UTC)

    def control(self, fault: str, **wishes: Any) -> None:
        assert "error" not in self.merchant.control(fault, **wishes)

    def place(self) -> GatewayEvent:
        event, _action = self.gateway.create(
            request=CreateRequest(
                payment_no=self.number,
                amount_fen=9_900,
                subject="保温杯 {白}",
                method="qr",
                notify_url="https://shop.example/webhooks/k/",
                return_url="https://shop.example/pay/",
                created_at=self.created_at,
                expires_at=self.created_at + timedelta(minutes=15),
            )
        )
        return event

    def paid(self, **wishes: Any) -> Pair:
        self.place()
        told = self.merchant.console("pay", self.number, **wishes)
        self.trade_no = str(told.get("trade_no") or "")
        return self

    def query(self) -> GatewayEvent:
        return self.gateway.query(ref=PaymentRef(payment_no=self.number, created_at=self.created_at))

    def give_back(self, fen: int = 1_000, *, refund_no: str = "") -> GatewayEvent:
        return self.gateway.refund(
            request=RefundRequest(
                refund_no=refund_no or self.refund_no,
                payment_no=self.number,
                amount_fen=fen,
                total_fen=9_900,
                reason="破损",
                created_at=self.created_at,
                requested_at=self.created_at,
                gateway_trade_no=self.trade_no,
                notify_url="https://shop.example/webhooks/k/",
            )
        )

    def query_refund(self) -> GatewayEvent:
        ref = RefundRef(
            refund_no=self.refund_no,
            payment_no=self.number,
            created_at=self.created_at,
            requested_at=self.created_at,
            gateway_trade_no=self.trade_no,
        )
        return self.gateway.query_refund(ref=ref)

    def news(self) -> list[GatewayEvent]:
        while self.sandbox.courier.deliver_due():
            pass
        return [self.read(letter) for letter in self.mailbox.letters]

    def read(self, letter: Letter) -> GatewayEvent:
        headers = {**letter.headers, "Content-Type": letter.content_type}
        request = InboundRequest(headers=headers, body=letter.body, received_at=self.now())
        return self.gateway.parse_notification(request=request)


def is_forged(pair: Pair) -> bool:
    try:
        pair.news()
    except ForgedNotification:
        return True
    return False


def forged_news(fault: str, way: str, pair: Pair) -> None:
    pair.control(fault, value=way)

    assert is_forged(pair.paid())


def forged_answer(way: str, pair: Pair) -> None:
    pair.paid()
    pair.control("forge_answer", value=way, count=1)

    assert [pair.query().outcome for _ in range(2)] == [Outcome.UNKNOWN, Outcome.SUCCEEDED]


def changed_answer(pair: Pair) -> None:
    pair.paid()
    pair.control("bad_signature", count=1)

    assert [pair.query().outcome for _ in range(2)] == [Outcome.UNKNOWN, Outcome.SUCCEEDED]


def refund_in_the_clothes_of_a_payment(pair: Pair) -> None:
    pair.paid()
    pair.give_back(1_000)
    pair.give_back(8_900, refund_no="BACK20261122000002")

    payment, *refunds = pair.news()

    assert [event.kind for event in (payment, *refunds)] == [EventKind.PAYMENT, EventKind.REFUND, EventKind.REFUND]
    assert [event.amount_fen for event in refunds] == [0, 0]  # the sum told is that of all so far, and no refund's
    assert payment.outcome is Outcome.SUCCEEDED


def probe(pair: Pair) -> None:
    pair.control("signtest")

    assert {event.kind for event in pair.paid().news()} == {EventKind.PROBE}


def unknown_serial(pair: Pair) -> None:
    pair.control("unknown_serial")
    pair.paid()

    with pytest.raises((UnknownKey, ForgedNotification)):
        pair.news()


def stale(pair: Pair) -> None:
    pair.control("stale_notify", value=1)

    assert is_forged(pair.paid())


def another_charset_declared(pair: Pair) -> None:
    """The raw bytes are what counts."""
    pair.control("wrong_charset")

    assert [event.outcome for event in pair.paid().news()] == [Outcome.SUCCEEDED]


def accepted_is_not_done(pair: Pair) -> None:
    pair.paid()
    pair.control("refund_stuck")

    told = {pair.give_back().outcome, pair.query_refund().outcome}

    assert told <= {Outcome.PENDING, Outcome.UNKNOWN, Outcome.NOT_FOUND}


def lost_answer(pair: Pair) -> None:
    pair.paid()
    pair.control("hang_up", count=1)

    assert pair.give_back().outcome is Outcome.UNKNOWN
    assert pair.give_back().outcome is not Outcome.FAILED  # under the same number
    books = pair.merchant.ask("GET", f"/sandbox/trades/{pair.number}")
    assert [refund["amount_fen"] for refund in books["refunds"]] == [1_000]


def inner_code(pair: Pair) -> None:
    pair.paid()
    for code, outcome in (("A6", Outcome.SUCCEEDED), ("03", Outcome.PENDING), ("05", Outcome.PENDING)):
        pair.control("orig_resp_code", value=code, count=1)
        assert pair.query().outcome is outcome


def another_amount(pair: Pair) -> None:
    pair.control("wrong_amount", value=1)

    assert [event.amount_fen for event in pair.paid().news()] == [9_901]


def another_account(fault: str, pair: Pair) -> None:
    pair.control(fault)

    (event,) = pair.paid().news()

    assert claim_problems(expected=pair.gateway.account_claims(), claims=event.claims)


def another_order(pair: Pair) -> None:
    pair.control("unknown_order")

    assert pair.number not in [event.payment_no for event in pair.paid().news()]


def not_found_is_not_closed(pair: Pair) -> None:
    pair.place()

    assert pair.query().outcome in {Outcome.NOT_FOUND, Outcome.PENDING}


EVERYWHERE = ("alipay", "wechatpay", "unionpay")
NOTICED: dict[str, tuple[Callable[[Pair], None], tuple[str, ...]]] = {
    **{
        f"1: {way}": (partial(forged_answer, way), ("unionpay",))
        for way in ("single_hash", "lf_certificate", "attacker_chain", "self_signed")
    },
    "1: a message of an attacker's chain": (partial(forged_news, "forge_unionpay", "attacker_chain"), ("unionpay",)),
    "2: sign_type signed in a notification": (partial(forged_news, "forge_notify", "keep_sign_type"), ("alipay",)),
    "2: an answer changed after it was signed": (changed_answer, EVERYWHERE),
    "3: refunds that look like payments": (refund_in_the_clothes_of_a_payment, ("alipay",)),
    "4: no last line feed": (partial(forged_news, "forge_notify", "keep_sign_type"), ("wechatpay",)),
    "4: a probe": (probe, ("wechatpay",)),
    "4: a serial nobody knows": (unknown_serial, ("wechatpay",)),
    "4: a message of yesterday": (stale, ("wechatpay",)),
    "5: another charset declared": (another_charset_declared, ("alipay", "unionpay")),
    "6: accepted, not done": (accepted_is_not_done, EVERYWHERE),
    "7: an answer that is lost": (lost_answer, EVERYWHERE),
    "8: the inner code": (inner_code, ("unionpay",)),
    "9: another amount": (another_amount, EVERYWHERE),
    "10: another app": (partial(another_account, "wrong_app_id"), EVERYWHERE),
    "10: another order": (another_order, EVERYWHERE),
    "10: not found": (not_found_is_not_closed, EVERYWHERE),
}
PAIRS = [(trap, code) for trap, (_, codes) in NOTICED.items() for code in codes]


@pytest.mark.parametrize(("trap", "code"), PAIRS)
def test_the_product_notices_it(sandbox: Sandbox, mailbox: Mailbox, hands: Hands, trap: str, code: str) -> None:
    notice, _codes = NOTICED[trap]

    notice(Pair(code, sandbox, mailbox))


def test_each_of_the_ten_is_noticed() -> None:
    assert {int(trap.partition(":")[0]) for trap in NOTICED} == set(range(1, 11))
