from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from sandbox import faults, notices
from sandbox.box import Box
from sandbox.faults import Control
from sandbox.gateway import NUMBER, Route
from sandbox.web import Request, Response
from sandbox.wechatpay import answers, bill, methods, notify, trades
from sandbox.wechatpay.accounts import EXPIRED, FORGED, HONEST
from sandbox.wechatpay.refusals import STATUS, Refused
from sandbox.wechatpay.requests import Call, authenticate, named, signer

GATEWAY = notify.GATEWAY
CERTIFICATES = {"rotate_key": HONEST, "expired_certificate": EXPIRED, "attacker_certificate": FORGED}
nap = time.sleep
Execute = Callable[[Box, Call], Any]


@dataclass(frozen=True)
class Api:
    name: str
    execute: Execute


@dataclass(frozen=True)
class Strike:
    """A call that something goes wrong with."""

    box: Box
    call: Call
    control: Control
    answer: Callable[[], Response]  # does what was asked

    def done_if_meant(self) -> None:
        if self.control.executed:
            self.answer()


def serve(box: Box, request: Request, *, api: Api, **parts: str) -> Response:
    """One address of APIv3: who asks is checked first, and even a refusal is signed."""
    scope = parts.get("out_trade_no") or named(request.body)
    name = f"transactions.{parts['product']}" if "product" in parts else api.name
    try:
        account = authenticate(box, request, scope=scope)
    except Refused as refused:
        known = signer(box, request)
        _keep(box, known.mchid if known else "", name, scope, sub_code=refused.code)
        refusal = answers.refusal(refused)
        return refusal if known is None else answers.signed(refusal, known, request, at=_now(box, scope))
    call = Call(account=account, api=name, request=request, parts=parts)
    return _answer(box, call, api.execute)


def unknown(box: Box, request: Request) -> Response:
    return answers.refusal(Refused("RESOURCE_NOT_EXISTS", f"无法将URI“{request.path}”映射到任何接口"))


def _answer(box: Box, call: Call, execute: Execute) -> Response:
    _follow_as_told(box, call)
    early = _places_now(box, call)
    controls = faults.take(box, "call", scope=call.scope, api=call.api, gateway=GATEWAY)
    struck = ",".join(control.fault for control in controls)
    request_id = _keep(box, call.account.mchid, call.api, call.scope, faults=struck)
    response: Callable[[], Response] = lambda: _execute(box, call, execute, request_id)  # noqa: E731
    for control in controls:
        response = partial(STRIKES[control.fault], Strike(box, call, control, answer=response))
    answer = response()
    if early:
        _pay_first(box, call)
    return answer


def _execute(box: Box, call: Call, execute: Execute, request_id: int) -> Response:
    try:
        content = execute(box, call)
        is_file = isinstance(content, Response)
        answer = content if is_file else answers.plain(content, status=200 if content is not None else 204)
    except Refused as refused:
        is_file, answer = False, answers.refusal(refused)
        box.store.change("request", request_id, sub_code=refused.code)
    return answer if is_file else _signed(box, call, answer)


def _signed(box: Box, call: Call, answer: Response) -> Response:
    account = box.wechatpay.known[call.account.mchid]  # its keys may have changed just now
    return answers.signed(answer, account, call.request, at=_now(box, call.scope))


def _follow_as_told(box: Box, call: Call) -> None:
    """The faults that change what WeChat Pay signs with, before it signs."""
    for control in faults.take(box, "key", scope=call.scope, api=call.api, gateway=GATEWAY):
        box.wechatpay.rotate(call.account.mchid, certificate=CERTIFICATES[control.fault])


def _now(box: Box, scope: str) -> float:
    return box.clock.now() + faults.skew(box, scope=scope, gateway=GATEWAY)


def _places_now(box: Box, call: Call) -> bool:
    if "product" not in call.parts:
        return False
    try:
        description = call.content.get("description")
    except Refused:
        return False
    faults.read_tags(box, subject=description if isinstance(description, str) else "", scope=call.scope)
    return bool(faults.take(box, "place", scope=call.scope, api=call.api, gateway=GATEWAY))


def _pay_first(box: Box, call: Call) -> None:
    """The buyer is so quick that the notification comes before the answer to the create call."""
    trade = trades.get(box, mchid=call.account.mchid, out_trade_no=call.scope)
    if trade is None or not trades.can_be_paid(box, trade):
        return
    with box.store.transaction():
        sent = notify.announce(box, trades.pay(box, trade))
    notices.wait_until_tried(box, sent)


def _delay(strike: Strike) -> Response:
    response = strike.answer()
    nap(strike.control.seconds)
    return response


def _timeout(strike: Strike) -> Response:
    strike.done_if_meant()
    nap(strike.control.seconds)
    return Response(hang_up=True)


def _hang_up(strike: Strike) -> Response:
    strike.done_if_meant()
    return Response(hang_up=True)


def _http_error(strike: Strike) -> Response:
    """The gateway's own front: no JSON, no signature."""
    strike.done_if_meant()
    return Response(b"<html><body>Bad Gateway</body></html>", status=int(strike.control.value))


def _refuse_with(strike: Strike, code: str) -> Response:
    strike.done_if_meant()
    return _signed(strike.box, strike.call, answers.refusal(Refused(code, "沙箱按要求拒绝")))


def _system_error(strike: Strike) -> Response:
    return _refuse_with(strike, "SYSTEM_ERROR")


def _refuse(strike: Strike) -> Response:
    return _refuse_with(strike, strike.control.value if strike.control.value in STATUS else "NOT_ENOUGH")


def _bad_signature(strike: Strike) -> Response:
    """The body is changed after it was signed."""
    honest = strike.answer()
    return replace(honest, body=honest.body.replace(b"{", b"{ ", 1) or b" ")


def _unsigned(strike: Strike) -> Response:
    honest = strike.answer()
    kept = {name: value for name, value in honest.headers.items() if not name.startswith("Wechatpay-")}
    return replace(honest, headers=kept)


def _truncated(strike: Strike) -> Response:
    honest = strike.answer()
    return replace(honest, body=honest.body[: len(honest.body) // 2])


STRIKES: Mapping[str, Callable[[Strike], Response]] = {
    "delay_answer": _delay,
    "timeout": _timeout,
    "hang_up": _hang_up,
    "http_error": _http_error,
    "system_error": _system_error,
    "refuse": _refuse,
    "bad_signature": _bad_signature,
    "unsigned_answer": _unsigned,
    "truncated_answer": _truncated,
}


def _keep(box: Box, mchid: str, api: str, out_trade_no: str, **more: str) -> int:
    columns = {"code": "", "sub_code": "", "faults": ""} | more
    return box.store.insert(
        "request", at=box.clock.now(), gateway=GATEWAY, app_id=mchid, api=api, out_trade_no=out_trade_no, **columns
    )


ORDER = NUMBER.replace("number", "out_trade_no")
REFUND = NUMBER.replace("number", "out_refund_no")
TABLE: tuple[tuple[str, str, Api], ...] = (
    ("POST", r"/v3/pay/transactions/(?P<product>native|h5|jsapi)", Api("transactions", methods.pay)),
    ("GET", rf"/v3/pay/transactions/out-trade-no/{ORDER}", Api("transactions.query", methods.query)),
    ("GET", r"/v3/pay/transactions/id/(?P<transaction_id>\w{1,64})", Api("transactions.query", methods.query)),
    ("POST", rf"/v3/pay/transactions/out-trade-no/{ORDER}/close", Api("transactions.close", methods.close)),
    ("POST", r"/v3/refund/domestic/refunds", Api("refund", methods.refund)),
    ("GET", rf"/v3/refund/domestic/refunds/{REFUND}", Api("refund.query", methods.refund_query)),
    (
        "POST",
        r"/v3/refund/domestic/refunds/(?P<refund_id>[0-9]{1,64})/apply-abnormal-refund",
        Api("refund.abnormal", methods.abnormal_refund),
    ),
    ("GET", r"/v3/certificates", Api("certificates", methods.certificates)),
    ("GET", r"/v3/bill/tradebill", Api("bill.trade", bill.trade_bill)),
    ("GET", r"/v3/bill/fundflowbill", Api("bill.fundflow", bill.flow_bill)),
    ("GET", r"/v3/billdownload/file", Api("bill.download", bill.download)),
)
ROUTES: tuple[Route, ...] = (
    *((method, path, partial(serve, api=api)) for method, path, api in TABLE),
    ("GET|POST|PUT|PATCH|DELETE", r"/v3/.*", unknown),
)
