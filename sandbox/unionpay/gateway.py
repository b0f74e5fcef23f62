from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl

from sandbox import faults, notices
from sandbox.box import Box
from sandbox.faults import Control, Kind
from sandbox.pages import page
from sandbox.unionpay import answers, facts, methods, notify, trades
from sandbox.unionpay.refusals import MESSAGES, Refused
from sandbox.unionpay.requests import Call, authenticate
from sandbox.web import Request, Response, redirect

nap = time.sleep


def front(box: Box, request: Request) -> Response:
    """`frontTransReq.do`: the buyer's browser comes here itself, and is led to the cashier."""
    try:
        call = authenticate(box, request, apis=methods.FRONT)
    except Refused as refused:
        _log_refused(box, request, refused)
        return _error_page(refused, request)
    faults.read_tags(box, subject=methods.subject_of(call), scope=call.order_id)
    answer: Callable[[], Response] = lambda: _show(box, call, request)  # noqa: E731
    return _struck(box, call, answer, only=("delay_answer", "timeout", "hang_up", "http_error"))


def back(box: Box, request: Request) -> Response:
    """`backTransReq.do`: QR codes, refunds, undoings."""
    return _serve(box, request, apis=methods.BACK)


def query(box: Box, request: Request) -> Response:
    return _serve(box, request, apis=methods.QUERY)


def file(box: Box, request: Request) -> Response:
    """The other host, where statements are; here another path."""
    return _serve(box, request, apis=methods.FILE)


def _serve(box: Box, request: Request, *, apis: Mapping[tuple[str, str], str]) -> Response:
    try:
        call = authenticate(box, request, apis=apis)
    except Refused as refused:
        _log_refused(box, request, refused)
        return answers.refusal(refused)
    for _ in _taken(box, "key", call):
        box.unionpay.rotate()
    early = _places_now(box, call)
    response = _struck(box, call, lambda: _execute(box, call))
    if early:
        _pay_first(box, call)
    return response


def _execute(box: Box, call: Call) -> Response:
    forge = next((control.value for control in _taken(box, "seal", call)), "")
    try:
        content = methods.METHODS[call.api](box, call)
        if "origRespCode" in content:
            content |= _other_outcome(box, call)
    except Refused as refused:
        content = answers.refused_fields(refused)
    return answers.signed(box, call, content, forge=forge)


def _other_outcome(box: Box, call: Call) -> dict[str, str]:
    """The fault `orig_resp_code`: the query works, and says something else of the transaction."""
    told = _taken(box, "outcome", call)
    return {"origRespCode": told[-1].value, "origRespMsg": facts.answered(told[-1].value)["respMsg"]} if told else {}


def _show(box: Box, call: Call, request: Request) -> Response:
    try:
        trade = methods.place(box, call)
    except Refused as refused:
        return _error_page(refused, request)
    return redirect(box.url(f"/unionpay/cashier/{trade.code}"))


def _error_page(refused: Refused, request: Request) -> Response:
    language = "zh" if request.languages.startswith("zh") or not request.languages else "en"
    return page("unionpay_error", language=language, code=refused.code, message=refused.message)


def _places_now(box: Box, call: Call) -> bool:
    if call.api != "unionpay.qr":
        return False
    faults.read_tags(box, subject=methods.subject_of(call), scope=call.order_id)
    return bool(_taken(box, "place", call))


def _pay_first(box: Box, call: Call) -> None:
    """The buyer is so quick that the notification comes before the answer to the create call."""
    trade = trades.find(box, mer_id=call.merchant.mer_id, order_id=call.order_id)
    if trade is None or trade.is_paid:
        return
    with box.store.transaction():
        sent = notify.announce(box, trades.pay(box, trade))
    notices.wait_until_tried(box, sent)


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


def _struck(box: Box, call: Call, answer: Callable[[], Response], *, only: tuple[str, ...] = ()) -> Response:
    controls = [control for control in _taken(box, "call", call) if not only or control.fault in only]
    _log(box, call.merchant.mer_id, call.api, _scope(box, call), faults=",".join(c.fault for c in controls))
    for control in controls:
        answer = _bound(Strike(box, call, control, answer))
    return answer()


def _bound(strike: Strike) -> Callable[[], Response]:
    strikes = STRIKES.get(strike.control.fault)
    return strike.answer if strikes is None else lambda: strikes(strike)


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
    strike.done_if_meant()
    return Response(b"<html><body>Bad Gateway</body></html>", status=int(strike.control.value))


def _unknown_outcome(strike: Strike) -> Response:
    """03, 04, 05, 06, A6 …: signed, and as likely done as not."""
    strike.done_if_meant()
    code = strike.control.value if strike.control.fault == "resp_code" else "06"
    return answers.signed(strike.box, strike.call, facts.answered(code))


def _refuse(strike: Strike) -> Response:
    strike.done_if_meant()
    code = strike.control.value if strike.control.value in MESSAGES else "01"
    return answers.signed(strike.box, strike.call, facts.answered(code))


def _bad_signature(strike: Strike) -> Response:
    """The answer is changed after it was signed."""
    honest = strike.answer()
    return replace(honest, body=honest.body.replace(b"respMsg=", b"respMsg=~", 1))


def _unsigned(strike: Strike) -> Response:
    fields = strike.answer().body.split(b"&")
    return Response(b"&".join(field for field in fields if not field.startswith(b"signature=")))


def _truncated(strike: Strike) -> Response:
    honest = strike.answer()
    return replace(honest, body=honest.body[: len(honest.body) // 2])


STRIKES: dict[str, Callable[[Strike], Response]] = {
    "delay_answer": _delay,
    "timeout": _timeout,
    "hang_up": _hang_up,
    "http_error": _http_error,
    "system_error": _unknown_outcome,
    "acq_system_error": _unknown_outcome,
    "resp_code": _unknown_outcome,
    "refuse": _refuse,
    "bad_signature": _bad_signature,
    "unsigned_answer": _unsigned,
    "truncated_answer": _truncated,
}


def _scope(box: Box, call: Call) -> str:
    return methods.scope_of(box, call)


def _taken(box: Box, kind: Kind, call: Call) -> list[Control]:
    return faults.take(box, kind, scope=_scope(box, call), api=call.api, gateway=notify.GATEWAY)


def _log_refused(box: Box, request: Request, refused: Refused) -> None:
    sent = dict(parse_qsl(request.body.decode("latin-1"), encoding="latin-1"))
    api = f"unionpay.{sent.get('txnType', '')}"
    _log(box, sent.get("merId", ""), api, sent.get("orderId", ""), code=refused.code, sub_code=refused.why)


def _log(box: Box, mer_id: str, api: str, order_id: str, **more: str) -> None:
    columns = {"code": "", "sub_code": "", "faults": ""} | more
    box.store.insert(
        "request", at=box.clock.now(), gateway="unionpay", app_id=mer_id, api=api, out_trade_no=order_id, **columns
    )
