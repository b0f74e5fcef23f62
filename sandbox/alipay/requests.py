from __future__ import annotations

import json
import re
from codecs import lookup
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from sandbox import faults
from sandbox.alipay import certification
from sandbox.alipay.accounts import CERTIFICATE, PUBLIC_KEY, Account
from sandbox.alipay.authority import APP
from sandbox.alipay.refusals import Refused, bad_parameter, invalid, missing
from sandbox.alipay.signing import REQUEST, string_to_sign, verifies
from sandbox.box import Box
from sandbox.clock import from_beijing
from sandbox.money import fen
from sandbox.web import Request

CHARSETS = {"utf-8", "gbk", "gb2312"}
OUT_NO = re.compile(r"[A-Za-z0-9_]{1,64}", re.ASCII)
MAX_FEN = 10_000_000_000


@dataclass(frozen=True)
class Call:
    """A merchant's request whose signature has been verified."""

    account: Account
    method: str
    charset: str
    params: Mapping[str, str]
    content: Mapping[str, Any]

    @property
    def is_certified(self) -> bool:
        """Whether it was signed in certificate mode; it is answered in the same."""
        return bool(self.params.get("app_cert_sn"))

    @property
    def scope(self) -> str:
        """The order it is about; faults are switched on by it."""
        named = self.content.get("out_trade_no") or self.content.get("trade_no") or ""
        return str(named)

    def text(self, name: str, *, limit: int, required: bool = True) -> str:
        value = self.content.get(name, "")
        if not isinstance(value, str) or len(value) > limit:
            raise bad_parameter(f"{name} 须为不超过 {limit} 字的字符串")
        if required and not value:
            raise bad_parameter(f"{name} 不能为空")
        return value

    def number(self, name: str, *, required: bool = True) -> str:
        """A number of the merchant's own: letters, digits and `_`, at most 64."""
        value = self.text(name, limit=64, required=required)
        if value and not OUT_NO.fullmatch(value):
            raise bad_parameter(f"{name} 只能包含字母、数字、下划线")
        return value

    def amount(self, name: str) -> int:
        value = self.text(name, limit=12)
        try:
            amount = fen(value)
        except ValueError:
            raise bad_parameter(f"{name} 须以元为单位，两位小数：{value}") from None
        if not 1 <= amount <= MAX_FEN:
            raise bad_parameter(f"{name} 须在 0.01 与 100000000.00 之间")
        return amount

    def url(self, name: str) -> str:
        value = self.params.get(name, "")
        if len(value) > 256 or (value and not value.startswith(("http://", "https://"))):
            raise bad_parameter(f"{name} 须为 http 或 https 地址")
        return value


def authenticate(box: Box, request: Request, *, methods: Mapping[str, object]) -> Call:
    """
    Make sure that a known merchant signed this request just now.

    :raises Refused: if not
    """
    charset = _charset(request)
    params = _params(request, charset=charset)
    account = _account(box, params)
    method = _required(params, "method")
    if method not in methods:
        raise invalid("method", "不存在的方法名")
    _check_signature(params, key=_signing_key(box, params, account=account), charset=charset)
    _check_common(params)
    content = _content(params)
    call = Call(account=account, method=method, charset=charset, params=params, content=content)
    _check_timestamp(box, call)
    return call


def _charset(request: Request) -> str:
    named = dict(request.pairs(charset="latin-1")).get("charset", "")
    if not named:
        raise missing("charset")
    if named.lower() not in CHARSETS:
        raise invalid("charset", f"字符集错误：{named}")
    return lookup(named).name


def _params(request: Request, *, charset: str) -> dict[str, str]:
    try:
        pairs = request.pairs(charset=charset)
    except UnicodeDecodeError:
        raise invalid("charset", "参数与 charset 指示的字符集不符") from None
    params = dict(pairs)
    if len(params) != len(pairs):
        raise Refused("40002", "isv.suspected-attack", "参数重复，疑似攻击")
    return params


def _account(box: Box, params: Mapping[str, str]) -> Account:
    account = box.accounts.get(_required(params, "app_id"))
    if account is None:
        raise invalid("app_id", "无效的AppID参数")
    return account


def _required(params: Mapping[str, str], name: str) -> str:
    value = params.get(name, "")
    if not value:
        raise missing(name)
    return value


def _signing_key(box: Box, params: Mapping[str, str], *, account: Account) -> RSAPublicKey:
    """The app's key; in certificate mode, the one in the certificate that the request names."""
    named = [params.get(name, "") for name in ("app_cert_sn", "alipay_root_cert_sn")]
    if not any(named) and account.mode != CERTIFICATE:
        return account.app_key.public_key()
    if account.mode == PUBLIC_KEY:
        raise invalid("app_cert_sn", "应用未启用证书模式")
    certification.app_certificate(box, account)
    found = box.accounts.authority.get(_required(params, "app_cert_sn"), app_id=account.app_id, kind=APP)
    if found is None:
        raise invalid("app_cert_sn", "无效的应用公钥证书序列号")
    if _required(params, "alipay_root_cert_sn") != box.accounts.authority.root_sn:
        raise invalid("alipay_root_cert_sn", "无效的支付宝根证书序列号")
    return found.public_key


def _check_signature(params: Mapping[str, str], *, key: RSAPublicKey, charset: str) -> None:
    if not params.get("sign_type"):
        raise missing("signature_type")
    if params["sign_type"] != "RSA2":
        raise invalid("signature_type", "无效签名类型，只支持 RSA2")
    if not params.get("sign"):
        raise missing("signature")
    signed = string_to_sign(params, without=REQUEST)
    if not verifies(signed.encode(charset), params["sign"], key):
        raise invalid("signature", f"验签出错，网关生成的待签名字符串为：{signed}")


def _check_common(params: Mapping[str, str]) -> None:
    if _required(params, "version") != "1.0":
        raise invalid("version", "version 固定为 1.0")
    if params.get("format", "JSON").upper() != "JSON":
        raise invalid("format", "format 仅支持 JSON")


def _content(params: Mapping[str, str]) -> Mapping[str, Any]:
    try:
        content = json.loads(params.get("biz_content", "{}"))
        json.dumps(content, ensure_ascii=False).encode()  # half a surrogate pair is no character
    except ValueError:
        raise invalid("parameter", "biz_content 不是合法的 JSON") from None
    if not isinstance(content, dict):
        raise invalid("parameter", "biz_content 须为 JSON 对象")
    return content


def _check_timestamp(box: Box, call: Call) -> None:
    try:
        stamped = from_beijing(_required(call.params, "timestamp"))
    except ValueError:
        raise invalid("timestamp", "timestamp 格式须为 yyyy-MM-dd HH:mm:ss") from None
    off = abs(box.clock.now() + faults.skew(box, scope=call.scope) - stamped)
    if 0 < box.options.clock_window < off:
        raise invalid("timestamp", f"非法的时间戳参数，与网关时间（北京时间）相差 {off:.0f} 秒")
