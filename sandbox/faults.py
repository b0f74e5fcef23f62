from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from sandbox import dice
from sandbox.box import Box

EVERYWHERE = "all"
# A merchant may not write = in a subject, and puts a blank for it: the value may follow either.
TAG = re.compile(r"\[sim:([a-z0-9-]+)(?:@([a-z._]+))?(?:[= ]([^\]]*))?\]")
Kind = Literal["call", "place", "refund", "return", "notify", "bill", "day", "key", "world", "seal", "outcome"]


FORGERIES = ("corrupt", "other_key", "app_key", "sha1", "keep_sign_type", "unsigned")
UNIONPAY_FORGERIES = (
    *("corrupt", "other_key", "merchant_key", "sha1", "single_hash", "unsigned", "no_certificate", "lf_certificate"),
    *("attacker_chain", "self_signed", "expired_certificate", "other_company"),
)
SECONDS = r"-?[0-9]{1,9}(\.[0-9]{1,3})?"
COPIES = r"[1-9][0-9]{0,3}"
FEN = r"-?[0-9]{1,9}"
RESP_CODE = r"0[0-6]|A6|1[0-3]|3[3-69]"
STATUS = r"50[0-8]"
SUB_CODE = r"[A-Za-z][A-Za-z_.-]{2,60}"


class WrongFault(ValueError):
    """No fault has this name, or it takes no such value."""


@dataclass(frozen=True)
class Fault:
    name: str
    kind: Kind
    zh: str
    en: str
    value: str = ""  # used when none is given
    pattern: str = ""  # what a value looks like; none: it takes no value
    executed: bool = True  # for a call: does the gateway do what it was asked before it fails?
    only: str = ""  # the gateways that know it; none: all do

    def takes(self, value: str) -> bool:
        return not (self.pattern and value) or re.fullmatch(self.pattern, value, re.ASCII) is not None

    def is_known_to(self, gateway: str) -> bool:
        return not self.only or gateway in self.only.split()

    def checked(self, value: str) -> str:
        """:raises WrongFault: if the value makes no sense"""
        if not self.takes(value):
            raise WrongFault(f"{self.name} takes a value like {self.value!r}, not {value!r}.")
        return value or self.value


CATALOGUE = (
    Fault("delay_answer", "call", "延迟应答（秒）", "answer late (seconds)", "3", SECONDS),
    Fault("timeout", "call", "已执行，但超时不应答（秒）", "does it, then never answers (seconds)", "60", SECONDS),
    Fault("hang_up", "call", "已执行，随即断开连接", "does it, then closes the connection"),
    Fault("http_error", "call", "HTTP 5xx（状态码）", "HTTP 5xx (status)", "502", STATUS, executed=False),
    Fault("system_error", "call", "20000 服务不可用", "20000 service unavailable", executed=False),
    Fault(
        "acq_system_error", "call", "已执行，应答 ACQ.SYSTEM_ERROR", "does it, answers ACQ.SYSTEM_ERROR", only="alipay"
    ),
    Fault(
        "refuse",
        "call",
        "业务拒绝（错误码）",
        "refuses (sub code)",
        "ACQ.SELLER_BALANCE_NOT_ENOUGH",
        SUB_CODE,
        executed=False,
    ),
    Fault(
        "resp_code",
        "call",
        "已执行，应答码另给（03/04/05/A6…）",
        "does it, answers with another code (03, 04, 05, A6 …)",
        "05",
        RESP_CODE,
        only="unionpay",
    ),
    Fault(
        "orig_resp_code",
        "outcome",
        "查询结果另给（03/04/05/A6…）",
        "a query tells of another outcome",
        "05",
        RESP_CODE,
        only="unionpay",
    ),
    Fault(
        "forge_answer",
        "seal",
        "伪造应答的签名或证书（方式）",
        "forge the answer's signature or certificate (how)",
        "attacker_chain",
        "|".join(UNIONPAY_FORGERIES),
        only="unionpay",
    ),
    Fault("bad_signature", "call", "应答签名错误", "answer with a wrong signature"),
    Fault("unsigned_answer", "call", "应答没有签名", "answer without a signature"),
    Fault("truncated_answer", "call", "应答被截断", "answer cut short"),
    Fault(
        "notify_before_answer", "place", "下单应答之前就付款并通知", "paid and notified before the create is answered"
    ),
    Fault(
        "notify_during_refund",
        "return",
        "退款应答之前就完成并通知",
        "done and notified before the refund is answered",
    ),
    Fault("refund_stuck", "refund", "退款受理但资金未动", "refund accepted, no money moves"),
    Fault(
        "refund_delay",
        "refund",
        "退款到账时间（秒）",
        "a refund takes this long (seconds)",
        "60",
        SECONDS,
        only="unionpay wechatpay",
    ),
    Fault("refund_abnormal", "refund", "退款异常（ABNORMAL）", "the refund ends as ABNORMAL", only="wechatpay"),
    Fault("refund_closed", "refund", "退款关闭（CLOSED）", "the refund ends as CLOSED", only="wechatpay"),
    Fault("refund_fail", "refund", "退款受理后失败", "refund accepted, and fails later", only="unionpay"),
    Fault("drop_notify", "notify", "不发送通知", "never send the notification"),
    Fault("delay_notify", "notify", "延迟通知（秒）", "send the notification late (seconds)", "5", SECONDS),
    Fault("duplicate_notify", "notify", "重复通知（份数）", "send copies (how many in all)", "2", COPIES),
    Fault(
        "reorder_notify",
        "notify",
        "排到下一条通知之后（最多等待秒数）",
        "send after the next one (waits at most, s)",
        "30",
        SECONDS,
    ),
    Fault("forge_notify", "notify", "伪造签名（方式）", "forge the signature (how)", "corrupt", "|".join(FORGERIES)),
    Fault(
        "forge_unionpay",
        "notify",
        "伪造银联通知的签名或证书（方式）",
        "forge UnionPay's signature or certificate (how)",
        "attacker_chain",
        "|".join(UNIONPAY_FORGERIES),
        only="unionpay",
    ),
    Fault("wrong_amount", "notify", "通知金额不符（相差分）", "another amount (difference in fen)", "1", FEN),
    Fault("wrong_app_id", "notify", "通知中应用号不符", "another app id"),
    Fault("wrong_seller", "notify", "通知中卖家号不符", "another seller", only="alipay"),
    Fault("wrong_mchid", "notify", "通知中商户号不符", "another merchant", only="wechatpay"),
    Fault("wrong_currency", "notify", "通知中币种不符", "another currency", "USD", "[A-Z]{3}", only="wechatpay"),
    Fault("wrong_event_type", "notify", "通知类型与内容不符", "an event type that does not fit", only="wechatpay"),
    Fault("wrong_api_v3_key", "notify", "用别的 APIv3 密钥加密", "sealed with another APIv3 key", only="wechatpay"),
    Fault("unknown_serial", "notify", "用未知证书签名", "signed by a certificate nobody knows", only="wechatpay"),
    Fault("unpaid_notify", "notify", "通知中状态为未支付", "says that it is not paid", only="wechatpay"),
    Fault("signtest", "notify", "签名探测（WECHATPAY/SIGNTEST/）", "a signature probe", only="wechatpay"),
    Fault(
        "wrong_currency_code",
        "notify",
        "通知中币种代码不符",
        "another currency code",
        "840",
        "[0-9]{3}",
        only="unionpay",
    ),
    Fault("unknown_order", "notify", "通知中订单号未知", "an order nobody knows"),
    Fault("stale_notify", "notify", "很旧的通知（天）", "an old notification (days)", "30", SECONDS),
    Fault("wrong_charset", "notify", "声明的字符集与内容不符", "declares another charset", only="alipay unionpay"),
    Fault("wrong_content_type", "notify", "内容类型不是表单", "is no form by its content type"),
    Fault("notify_cert_sn", "notify", "通知中带支付宝证书序列号", "the notification names Alipay's certificate"),
    Fault("notify_close", "notify", "关闭时也通知", "closing is notified too", only="alipay"),
    Fault("bill_missing", "bill", "账单少一行", "a row missing in the statement"),
    Fault("bill_extra", "bill", "账单多一行", "an extra row in the statement"),
    Fault("bill_changed", "bill", "账单金额不符（相差分）", "a changed amount in the statement (fen)", "1", FEN),
    Fault("bill_fee", "bill", "账单中的服务费（分）", "the fee of a row in the statement (fen)", "6", FEN),
    Fault("bill_duplicate", "bill", "账单中同一行出现两次", "a row twice in the statement"),
    Fault("bill_early", "day", "当天即可下载账单", "the statement of today is ready"),
    Fault("rotate_key", "key", "立即换用新密钥签名", "another key signs from now on"),
    Fault(
        "expired_certificate",
        "key",
        "换用证书已过期的密钥签名",
        "another key signs, and its certificate has expired",
        only="alipay wechatpay",
    ),
    Fault(
        "attacker_certificate",
        "key",
        "换用伪造证书的密钥签名",
        "another key signs, and its certificate is an attacker's",
        only="alipay wechatpay",
    ),
    Fault("clock_skew", "world", "网关时钟偏差（秒）", "the gateway's clock is off (seconds)", "900", SECONDS),
)
FAULTS = {fault.name: fault for fault in CATALOGUE}


@dataclass(frozen=True)
class Control:
    """A fault that is switched on, for one order or all."""

    id: int
    scope: str
    fault: str
    api: str
    value: str
    percent: float
    executed: int
    remaining: int | None  # None: until it is cleared
    used: int
    seen: int
    source: str
    created_at: float

    @property
    def seconds(self) -> float:
        return float(self.value)

    def covers(self, *, scope: str, api: str) -> bool:
        """
        :param api: with the gateway's name before it; a control may name the whole of it, its head or its end
        """
        names = not self.api or (f".{self.api}." in f".{api}." and (api.startswith(self.api) or api.endswith(self.api)))
        return self.scope in {EVERYWHERE, scope} and names


@dataclass(frozen=True)
class Wish:
    """What somebody asks to go wrong."""

    fault: str
    scope: str = EVERYWHERE
    api: str = ""
    value: str = ""
    percent: float = 100.0
    executed: bool | None = None
    count: int | None = None


def switch_on(box: Box, wish: Wish, *, source: str = "api") -> Control:
    """
    Let something go wrong from now on.

    :raises WrongFault: if there is no such fault, or the value makes no sense
    """
    fault = _named(wish.fault)
    once = 1 if fault.kind == "key" else None  # a key is followed by the next once, unless it is said how often
    control_id = box.store.insert(
        "control",
        scope=wish.scope,
        fault=fault.name,
        api=wish.api,
        value=fault.checked(wish.value),
        percent=wish.percent,
        executed=int(fault.executed if wish.executed is None else wish.executed),
        remaining=once if wish.count is None else wish.count,
        source=source,
        created_at=box.clock.now(),
    )
    return next(control for control in switched_on(box) if control.id == control_id)


def switched_on(box: Box) -> list[Control]:
    return [Control(**row) for row in box.store.all("SELECT * FROM control ORDER BY id")]


def switch_off(box: Box, *, scope: str = "", control_id: int | None = None) -> int:
    """Switch off one control, those of one scope, or all. A tag's stay known, so that it is not read twice."""
    chosen = "(? = '' OR scope = ?) AND (? IS NULL OR id = ?)"
    values = scope, scope, control_id, control_id
    with box.store.transaction():
        tagged = box.store.run(f"UPDATE control SET remaining = 0 WHERE source = 'tag' AND {chosen}", *values)  # noqa: S608
        return tagged + box.store.run(f"DELETE FROM control WHERE source != 'tag' AND {chosen}", *values)  # noqa: S608


def take(box: Box, kind: Kind, *, scope: str, api: str = "", gateway: str = "alipay") -> list[Control]:
    """The faults of a kind that strike now at a gateway; each that has a count is counted down."""
    whole = api if not api or api.startswith(f"{gateway}.") else f"{gateway}.{api}"
    with box.store.transaction():
        return [
            control
            for control in _candidates(box, kind, gateway=gateway)
            if control.covers(scope=scope, api=whole or gateway) and _strikes(box, control)
        ]


def _candidates(box: Box, kind: Kind, *, gateway: str) -> Iterable[Control]:
    rows = box.store.all("SELECT * FROM control WHERE remaining IS NULL OR remaining > 0 ORDER BY id")
    known = {fault.name for fault in CATALOGUE if fault.kind == kind and fault.is_known_to(gateway)}
    return [control for control in (Control(**row) for row in rows) if control.fault in known]


def _strikes(box: Box, control: Control) -> bool:
    seen = control.seen + 1
    strikes = dice.happens(box.seed, "control", control.id, seen, percent=control.percent)
    remaining = control.remaining if control.remaining is None or not strikes else control.remaining - 1
    box.store.change("control", control.id, seen=seen, used=control.used + strikes, remaining=remaining)
    return strikes


def read_tags(box: Box, *, subject: str, scope: str) -> None:
    """Switch on what an order's subject asks for, once: `[sim:timeout@refund=30]`, `[sim:drop-notify]`."""
    for name, api, value in TAG.findall(subject):
        fault = FAULTS.get(name.replace("-", "_"))
        known = "SELECT 1 FROM control WHERE source = 'tag' AND scope = ? AND fault = ? AND api = ?"
        if fault and fault.takes(value) and not box.store.one(known, scope, fault.name, api):
            count = 1 if fault.kind in {"call", "refund", "return", "key"} else None
            switch_on(box, Wish(fault.name, scope=scope, api=api, value=value, count=count), source="tag")


def skew(box: Box, *, scope: str, gateway: str = "alipay") -> float:
    """Seconds by which the gateway's clock is off just now."""
    return sum(control.seconds for control in take(box, "world", scope=scope, gateway=gateway))


def just_now(values: Mapping[str, object], *, scope: str) -> list[Control]:
    """
    Faults for one act only, that are switched on nowhere: name and value.

    :raises WrongFault: if there is no such fault, or a value makes no sense
    """
    return [
        Control(0, scope, name, "", _named(name).checked(str(value)), 100.0, 1, None, 0, 0, "act", 0.0)
        for name, value in values.items()
    ]


def _named(name: str) -> Fault:
    fault = FAULTS.get(name)
    if fault is None:
        raise WrongFault(f"No fault is called {name!r}. Known: {', '.join(FAULTS)}.")
    return fault
