from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from sandbox import faults, notices
from sandbox.alipay import answers, certification, methods, notify, trades
from sandbox.alipay.refusals import MESSAGES, Refused
from sandbox.alipay.requests import Call, authenticate
from sandbox.box import Box
from sandbox.faults import Control
from sandbox.pages import page
from sandbox.web import Request, Response, redirect

nap = time.sleep


@dataclass(frozen=True)
class Strike:
    """A call that something goes wrong with."""

    box: Box
    call: Call
    control: Control
    answer: Callable[[], Response]  # does what was asked

    def honest(self) -> Response:
        return self.answer()

    def done_if_meant(self) -> None:
        if self.control.executed:
            self.answer()


def serve(box: Box, request: Request) -> Response:
    """`/gateway.do`: one address for every method."""
    try:
        call = authenticate(box, request, methods=methods.KNOWN)
    except Refused as refused:
        _log(box, request, refused)
        asked = request.pairs(charset="latin-1")
        is_page = any(name == "method" and value in methods.PAGES for name, value in asked)
        return error_page(refused, request) if is_page else answers.refusal(refused)
    return _show(box, call, request) if call.method in methods.PAGES else _answer(box, call)


def error_page(refused: Refused, request: Request) -> Response:
    values = {"code": refused.code, "sub_code": refused.sub_code, "sub_msg": refused.sub_msg}
    return page("error", language="zh" if request.languages.startswith("zh") else "en", **values)


def _answer(box: Box, call: Call) -> Response:
    certification.follow_as_told(box, call.account, scope=call.scope, api=call.method)
    early = _places_now(box, call)
    controls = faults.take(box, "call", scope=call.scope, api=call.method)
    _log_call(box, call, controls)
    response: Callable[[], Response] = lambda: _execute(box, call)  # noqa: E731
    for control in controls:
        strike = Strike(box, call, control, answer=response)
        response = _bound(strike)
    answer = response()
    if early:
        _pay_first(box, call)
    return answer


def _bound(strike: Strike) -> Callable[[], Response]:
    return lambda: STRIKES[strike.control.fault](strike)


def _execute(box: Box, call: Call) -> Response:
    try:
        content = methods.METHODS[call.method](box, call)
    except Refused as refused:
        content = refused.content()
    return _sign(box, call, content)


def _sign(box: Box, call: Call, content: Mapping[str, object]) -> Response:
    account = box.accounts.known[call.account.app_id]
    serial = certification.alipay_certificate(box, account).sn if call.is_certified else ""
    return answers.signed(account, call.method, content, charset=call.charset, serial=serial)


def _show(box: Box, call: Call, request: Request) -> Response:
    """Page and wap payment: the buyer's browser is here itself, and is led to the cashier."""
    controls = faults.take(box, "call", scope=call.scope, api=call.method)
    _log_call(box, call, controls)
    try:
        trade = methods.place(box, call)
    except Refused as refused:
        return error_page(refused, request)
    return redirect(box.url(f"/alipay/cashier/{trade.code}"))


def _places_now(box: Box, call: Call) -> bool:
    if call.method != "alipay.trade.precreate":
        return False
    subject = call.content.get("subject")
    faults.read_tags(box, subject=subject if isinstance(subject, str) else "", scope=call.scope)
    return bool(faults.take(box, "place", scope=call.scope, api=call.method))


def _pay_first(box: Box, call: Call) -> None:
    """The buyer is so quick that the notification comes before the answer to the create call."""
    trade = trades.get(box, app_id=call.account.app_id, out_trade_no=call.scope)
    if trade is None or trade.state not in {trades.OFFERED, trades.WAITING}:
        return
    with box.store.transaction():
        sent = notify.announce(box, trades.pay(box, trade))
    notices.wait_until_tried(box, sent)


def _delay(strike: Strike) -> Response:
    response = strike.honest()
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
    strike.done_if_meant()
    return Response(b"<html><body>Bad Gateway</body></html>", status=int(strike.control.value))


def _system_error(strike: Strike) -> Response:
    strike.done_if_meant()
    content = {"code": "20000", "msg": MESSAGES["20000"], "sub_code": "isp.unknow-error", "sub_msg": "系统繁忙"}
    return answers.unsigned(strike.call.method, content, charset=strike.call.charset)


def _refuse(strike: Strike) -> Response:
    strike.done_if_meant()
    sub_code = strike.control.value or "ACQ.SYSTEM_ERROR"
    content = Refused("40004", sub_code, "沙箱按要求拒绝").content()
    return _sign(strike.box, strike.call, content)


def _bad_signature(strike: Strike) -> Response:
    """The object is changed after it was signed."""
    honest = strike.honest()
    return replace(honest, body=honest.body.replace(b'"msg":"', b'"msg":"~', 1))


def _unsigned(strike: Strike) -> Response:
    honest = strike.honest()
    return replace(honest, body=honest.body.rpartition(b',"sign":')[0] + b"}")


def _truncated(strike: Strike) -> Response:
    honest = strike.honest()
    return replace(honest, body=honest.body[: len(honest.body) // 2])


STRIKES: dict[str, Callable[[Strike], Response]] = {
    "delay_answer": _delay,
    "timeout": _timeout,
    "hang_up": _hang_up,
    "http_error": _http_error,
    "system_error": _system_error,
    "acq_system_error": _refuse,
    "refuse": _refuse,
    "bad_signature": _bad_signature,
    "unsigned_answer": _unsigned,
    "truncated_answer": _truncated,
}


def _log_call(box: Box, call: Call, controls: list[Control]) -> None:
    _keep(box, call.account.app_id, call.method, call.scope, faults=",".join(c.fault for c in controls))


def _log(box: Box, request: Request, refused: Refused) -> None:
    sent = dict(request.pairs(charset="latin-1"))
    _keep(box, sent.get("app_id", ""), sent.get("method", ""), "", code=refused.code, sub_code=refused.sub_code)


def _keep(box: Box, app_id: str, api: str, out_trade_no: str, **more: str) -> None:
    columns = {"code": "", "sub_code": "", "faults": ""} | more
    box.store.insert(
        "request", at=box.clock.now(), gateway="alipay", app_id=app_id, api=api, out_trade_no=out_trade_no, **columns
    )
