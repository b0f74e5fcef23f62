from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from sandbox import faults
from sandbox.box import Box
from sandbox.web import Request
from sandbox.wechatpay import shapes
from sandbox.wechatpay.accounts import Account
from sandbox.wechatpay.refusals import Refused, bad_field, bad_signature
from sandbox.wechatpay.shapes import Shape
from sandbox.wechatpay.signing import lines, read_authorization, verifies

WINDOW = 300.0
PARTS = {"mchid", "nonce_str", "signature", "timestamp", "serial_no"}
EPOCH_SECONDS = re.compile(r"[0-9]{10}", re.ASCII)
NONCE = re.compile(r"[0-9A-Za-z_-]{1,32}", re.ASCII)
ADDRESS = re.compile(r"https?://[^\s?#]{1,240}", re.ASCII)  # no query string
SHOWN = 1_024


@dataclass(frozen=True)
class Call:
    """A merchant's request whose signature has been verified."""

    account: Account
    api: str  # a short name, for faults
    request: Request
    parts: Mapping[str, str]  # of the path

    @cached_property
    def content(self) -> dict[str, Any]:
        """:raises Refused: if the body is no JSON object"""
        try:
            content = json.loads(self.request.body)
            json.dumps(content, ensure_ascii=False).encode()  # half a surrogate pair is no character
        except (ValueError, RecursionError):
            raise Refused("PARAM_ERROR", "请求体不是合法的 JSON") from None
        if not isinstance(content, dict):
            raise Refused("PARAM_ERROR", "请求体须为 JSON 对象")
        return content

    @cached_property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(self.request.query, keep_blank_values=True))

    @property
    def scope(self) -> str:
        """The order it is about; faults are switched on by it."""
        return self.parts.get("out_trade_no") or named(self.request.body)

    def body(self, shape: Shape) -> dict[str, Any]:
        """:raises Refused: if it does not have this shape"""
        if not self.request.content_type.lower().startswith("application/json"):
            raise Refused("PARAM_ERROR", "Http头Content-Type须为application/json")
        shapes.check(self.content, shape)
        return self.content

    def own(self, mchid: str, *, location: str = "body") -> None:
        """:raises Refused: if another merchant's number is given than that which signed"""
        if not mchid:
            raise bad_field("mchid", "必填性规则校验失败，此字段为必填项", location=location)
        if mchid != self.account.mchid:
            raise bad_signature("商户号与签名商户号不一致", mchid=mchid)


def named(body: bytes) -> str:
    """The order's number in a body that has not been checked."""
    try:
        content = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        return ""
    return str(content.get("out_trade_no") or "") if isinstance(content, dict) else ""


def address(content: Mapping[str, Any], name: str = "notify_url") -> str:
    value = str(content.get(name, ""))
    if value and not ADDRESS.fullmatch(value):
        raise bad_field(name, "须为完整的 http(s) 地址，且不能携带参数")
    return value


def signer(box: Box, request: Request) -> Account | None:
    """Who claims to have signed; nothing is proved by it."""
    try:
        parts = read_authorization(request.headers.get("authorization", ""))
    except ValueError:
        return None
    return box.wechatpay.get(parts.get("mchid", ""))


def authenticate(box: Box, request: Request, *, scope: str) -> Account:
    """
    Make sure that a known merchant signed this request just now, for the first time.

    :raises Refused: if not
    """
    parts = _parts(request)
    account = box.wechatpay.get(parts["mchid"])
    if account is None:
        raise bad_signature("商户号不存在，请检查Authorization中的mchid")
    key = account.merchant_key_of(parts["serial_no"])
    if key is None:
        raise bad_signature("商户证书序列号有误，请使用签名私钥匹配的证书序列号")
    now = box.clock.now() + faults.skew(box, scope=scope, gateway="wechatpay")
    _check_time(parts["timestamp"], now=now, window=min(WINDOW, box.options.clock_window))
    _check_signature(request, parts, key.public_key())
    _check_headers(request, account)
    _check_nonce(box, parts, now=now)
    return account


def _parts(request: Request) -> dict[str, str]:
    header = request.headers.get("authorization", "")
    if not header:
        raise bad_signature("Http头缺少Authorization")
    try:
        parts = read_authorization(header)
    except ValueError:
        raise bad_signature("Http头Authorization值格式错误，请参考《微信支付商户REST API签名规则》") from None
    if set(parts) != PARTS:
        raise bad_signature("Http头Authorization须恰有 mchid、nonce_str、signature、timestamp、serial_no")
    if not NONCE.fullmatch(parts["nonce_str"]):
        raise bad_signature("Http头Authorization中的nonce_str须为不超过 32 位的字母、数字")
    return parts


def _check_time(stamped: str, *, now: float, window: float) -> None:
    if not EPOCH_SECONDS.fullmatch(stamped):
        raise bad_signature("Http头Authorization中的timestamp须为秒级时间戳")
    if 0 < window < abs(now - int(stamped)):
        raise bad_signature("Http头Authorization中的timestamp与发起请求的时间不得超过5分钟")


def _check_signature(request: Request, parts: Mapping[str, str], key: RSAPublicKey) -> None:
    signed = lines(request.method, request.target, parts["timestamp"], parts["nonce_str"], request.body)
    if verifies(signed, parts["signature"], key):
        return
    shown = signed.decode("utf-8", "replace")[:SHOWN].replace(parts["nonce_str"], "***")
    information = {
        "method": request.method,
        "url": request.target,
        "truncated_sign_message": shown,
        "sign_message_length": len(signed),
    }
    raise bad_signature("签名错误，请检查后再试", location="authorization", sign_information=information)


def _check_headers(request: Request, account: Account) -> None:
    accepted = request.headers.get("accept", "")
    if not ("application/json" in accepted or "*/*" in accepted) or not request.headers.get("user-agent"):
        raise Refused("PARAM_ERROR", "Http头缺少Accept或User-Agent")
    serial = request.headers.get("wechatpay-serial", "")
    known = {it.serial for it in account.platform} if account.has_certificates else set()
    if serial and serial not in known | ({account.public_key_id} if account.has_public_key else set()):
        raise Refused("PARAM_ERROR", "Http头Wechatpay-Serial不是该商户可用的微信支付公钥ID或平台证书序列号")


def _check_nonce(box: Box, parts: Mapping[str, str], *, now: float) -> None:
    box.store.run("DELETE FROM wechatpay_nonce WHERE at < ?", now - 2 * WINDOW)
    sql = "INSERT OR IGNORE INTO wechatpay_nonce VALUES (?, ?, ?)"
    if not box.store.run(sql, parts["mchid"], parts["nonce_str"], now):
        raise bad_signature("Http头Authorization中的nonce_str已使用过，请求疑似重放")
