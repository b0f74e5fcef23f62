from __future__ import annotations

import gzip
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha1
from secrets import token_urlsafe
from typing import Any

from sandbox import faults
from sandbox.box import Box
from sandbox.clock import BEIJING, DAY, beijing
from sandbox.fees import fee_fen, percent, returned_fen
from sandbox.money import yuan
from sandbox.web import Response
from sandbox.wechatpay import refunds, trades
from sandbox.wechatpay.accounts import Account
from sandbox.wechatpay.refunds import Refund
from sandbox.wechatpay.refusals import Refused, bad_field
from sandbox.wechatpay.requests import Call
from sandbox.wechatpay.trades import Trade

GATEWAY = "wechatpay"
READY_AT = 10 * 3_600  # of the next day
KEPT = 92 * DAY
LINK_LIFE = 300.0
RATE = 60  # 0.60 %
COLUMNS = (
    "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,应结订单金额,代金券金额,"
    "微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,手续费,费率,订单金额,申请退款金额,费率备注"
)
SUMMARY = "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额"
FLOW_COLUMNS = (
    "记账时间,微信支付业务单号,资金流水单号,业务名称,业务类型,收支类型,"
    "收支金额(元),账户结余(元),资金变更提交申请人,备注,业务凭证号"
)
FLOW_SUMMARY = "资金流水总笔数,收入笔数,收入金额,支出笔数,支出金额"
BILL_TYPES = {"ALL", "SUCCESS", "REFUND"}
ACCOUNT_TYPES = {"BASIC", "OPERATION", "FEES"}


@dataclass(frozen=True)
class Fact:
    """Something that moved money: a payment, or a refund of it."""

    at: float
    trade: Trade
    refund: Refund | None
    fen: int
    fee_fen: int  # below zero where a refund brings it back
    suffix: str = ""


def trade_bill(box: Box, call: Call) -> dict[str, Any]:
    """:raises Refused: if there is none, or it is not ready"""
    kind = _one_of(call, "bill_type", BILL_TYPES)
    facts = [fact for fact in _day(box, call) if kind == "ALL" or (kind == "REFUND") == (fact.refund is not None)]
    faulty = [fact for each in facts for fact in _faulty(box, each)]
    if not facts:
        raise Refused("NO_STATEMENT_EXIST", "账单文件不存在")
    return _offer(box, call, _trade_text(call.account, faulty))


def flow_bill(box: Box, call: Call) -> dict[str, Any]:
    """:raises Refused: if there is none, or it is not ready"""
    facts = _day(box, call)
    if _one_of(call, "account_type", ACCOUNT_TYPES) != "BASIC" or not facts:
        raise Refused("NO_STATEMENT_EXIST", "账单文件不存在")
    earlier = [fact for fact in _facts(box, call.account.mchid) if fact.at < facts[0].at]
    before = sum(flow.fen for flow in _flows(earlier))
    return _offer(box, call, _flow_text(facts, before=before))


def download(box: Box, call: Call) -> Response:
    """
    The file behind a link; nobody signs it.

    :raises Refused: if the link is another merchant's, or too old
    """
    row = box.store.one("SELECT * FROM wechatpay_bill WHERE token = ?", call.query.get("token", ""))
    if row is None or row["mchid"] != call.account.mchid or box.clock.now() > row["expires_at"]:
        raise Refused("RESOURCE_NOT_EXISTS", "下载地址不存在或已过期")
    content = str(row["content"]).encode()
    return Response(gzip.compress(content) if row["gzip"] else content, 200, "application/octet-stream")


def _one_of(call: Call, name: str, known: set[str]) -> str:
    default = "ALL" if name == "bill_type" else "BASIC"
    value = call.query.get(name, default)
    if value not in known:
        raise bad_field(name, f"须为 {'、'.join(sorted(known))} 之一", location="query")
    return value


def _day(box: Box, call: Call) -> list[Fact]:
    start = _start(call.query.get("bill_date", ""))
    now = box.clock.now()
    early = faults.take(box, "day", scope=faults.EVERYWHERE, gateway=GATEWAY)
    if start > now:
        raise bad_field("bill_date", "不能晚于今天", location="query")
    if start < now - KEPT:
        raise bad_field("bill_date", "仅支持三个月内的账单下载申请", location="query")
    if now < start + DAY + READY_AT and not early:
        raise Refused("STATEMENT_CREATING", "账单生成中，请于次日 10 点后再试")
    return [fact for fact in _facts(box, call.account.mchid) if start <= fact.at < start + DAY]


def _start(day: str) -> float:
    try:
        return datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=BEIJING).timestamp()
    except ValueError:
        raise bad_field("bill_date", "格式须为 yyyy-MM-DD", location="query") from None


def _facts(box: Box, mchid: str) -> list[Fact]:
    facts = []
    for trade in trades.of_all(box, mchid=mchid):
        if trade.is_paid:
            fee = fee_fen(trade.paid_fen, rate=RATE)
            facts += [Fact(trade.paid_at or 0, trade, None, trade.paid_fen, fee), *_refunds(box, trade)]
    return sorted(facts, key=lambda fact: fact.at)


def _refunds(box: Box, trade: Trade) -> Iterator[Fact]:
    left = trade.paid_fen
    ended = (it for it in refunds.of_trade(box, trade.id) if it.state == refunds.SUCCESS)
    for refund in sorted(ended, key=lambda it: it.done_at or 0):
        returned = returned_fen(refund.amount_fen, left_fen=left, rate=RATE)
        left -= refund.amount_fen
        yield Fact(refund.done_at or 0, trade, refund, -refund.amount_fen, -returned)


def _faulty(box: Box, fact: Fact) -> Iterator[Fact]:
    struck = faults.take(box, "bill", scope=fact.trade.out_trade_no, gateway=GATEWAY)
    values = {control.fault: control.value for control in struck}
    if "bill_missing" not in values:
        fee = int(values["bill_fee"]) if "bill_fee" in values else abs(fact.fee_fen)
        told = replace(
            fact, fen=fact.fen + int(values.get("bill_changed", 0)), fee_fen=fee if fact.refund is None else -fee
        )
        yield from [told] * (2 if "bill_duplicate" in values else 1)
    if "bill_extra" in values:
        yield replace(fact, suffix="X")


def _offer(box: Box, call: Call, text: str) -> dict[str, Any]:
    packing = call.query.get("tar_type", "")
    if packing not in {"", "GZIP"}:
        raise bad_field("tar_type", "须为 GZIP", location="query")
    token = token_urlsafe(24)
    box.store.insert(
        "wechatpay_bill",
        token=token,
        mchid=call.account.mchid,
        content=text,
        gzip=int(packing == "GZIP"),
        expires_at=box.clock.now() + LINK_LIFE,
    )
    digest = sha1(text.encode(), usedforsecurity=False).hexdigest()  # of what is in it, not of the packed file
    url = box.url(f"/v3/billdownload/file?token={token}")
    return {"hash_type": "SHA1", "hash_value": digest, "download_url": url}


def _cells(values: list[str]) -> str:
    """Every cell begins with a backtick; what the merchant wrote is not quoted."""
    return ",".join(f"`{value}" for value in values)


def _text(*lines: str) -> str:
    return "\ufeff" + "".join(f"{line}\r\n" for line in lines)


def _trade_text(account: Account, facts: list[Fact]) -> str:
    paid = sum(fact.fen for fact in facts if fact.refund is None)
    returned = -sum(fact.fen for fact in facts if fact.refund is not None)
    fees = _fee(sum(fact.fee_fen for fact in facts))
    sums = [f"{len(facts)}.0", yuan(paid), yuan(returned), "0.00", fees, yuan(paid), yuan(returned)]
    rows = [_cells(_trade_row(account, fact)) for fact in facts]
    return _text(COLUMNS, *rows, SUMMARY, _cells(sums))


def _trade_row(account: Account, fact: Fact) -> list[str]:
    trade, refund = fact.trade, fact.refund
    amount, zero = yuan(abs(fact.fen)), "0.00"
    head = [
        beijing(fact.at),
        account.appid,
        account.mchid,
        "0",
        "",
        f"{trade.transaction_id}{fact.suffix}",
        f"{trade.out_trade_no}{fact.suffix}",
        trade.openid,
        trade.type,
        "SUCCESS" if refund is None else "REFUND",
        "OTHERS",
        "CNY",
    ]
    tail = [trade.description, trade.attach, _fee(fact.fee_fen), percent(RATE)]
    if refund is None:
        return [*head, amount, zero, "0", "0", zero, zero, "", "", *tail, amount, zero, ""]
    numbers = [f"{refund.refund_id}{fact.suffix}", f"{refund.out_refund_no}{fact.suffix}"]
    return [*head, zero, zero, *numbers, amount, zero, "ORIGINAL", "SUCCESS", *tail, zero, amount, ""]


def _fee(fen: int) -> str:
    """With five decimals, of which the last three are never used."""
    return f"{'-' if fen < 0 else ''}{yuan(abs(fen))}000"


@dataclass(frozen=True)
class Flow:
    """A line of the account: a payment, the fee on it, or a refund less what it brings back of the fee."""

    fact: Fact
    kind: str
    fen: int


def _flows(facts: list[Fact]) -> Iterator[Flow]:
    for fact in facts:
        if fact.refund is not None:
            yield Flow(fact, "退款", fact.fen - fact.fee_fen)
            continue
        yield Flow(fact, "交易", fact.fen)
        if fact.fee_fen:
            yield Flow(fact, "扣除交易手续费", -fact.fee_fen)


def _flow_text(facts: list[Fact], *, before: int) -> str:
    rows, balance, flows = [], before, list(_flows(facts))
    for flow in flows:
        balance += flow.fen
        rows.append(_cells(_flow_row(flow, balance=balance)))
    incomes = [flow.fen for flow in flows if flow.fen > 0]
    outgoes = [-flow.fen for flow in flows if flow.fen <= 0]
    counts = [f"{len(flows)}.0", f"{len(incomes)}.0", yuan(sum(incomes)), f"{len(outgoes)}.0", yuan(sum(outgoes))]
    return _text(FLOW_COLUMNS, *rows, FLOW_SUMMARY, _cells(counts))


def _flow_row(flow: Flow, *, balance: int) -> list[str]:
    fact = flow.fact
    number = f"{fact.trade.transaction_id}" if fact.refund is None else fact.refund.refund_id
    voucher = fact.trade.out_trade_no if fact.refund is None else fact.refund.out_refund_no
    kind = [flow.kind, flow.kind, "收入" if flow.fen > 0 else "支出"]
    sum_left = yuan(balance) if balance >= 0 else f"-{yuan(-balance)}"
    return [beijing(fact.at), number, number, *kind, yuan(abs(flow.fen)), sum_left, "system", "", voucher]
