"""The sandbox's own interface: JSON for tests and scripts, and the page at `/`."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from sqlite3 import Row
from typing import Any

from sandbox import faults, gateways, notices
from sandbox.box import Box
from sandbox.clock import beijing, iso
from sandbox.faults import CATALOGUE, Control, Wish
from sandbox.gateway import Gateway
from sandbox.pages import Markup, page, piece, pieces
from sandbox.web import BadRequest, NotFound, Request, Response, redirect, reply

SHOWN = 30
LONGEST_JUMP = 10 * 365 * 86_400.0


def credentials(box: Box, request: Request) -> Response:
    """Of each gateway's first account; `?app_id=` (or a merchant's number) names another, `?gateway=` one gateway."""
    name = request.params.get("app_id") or request.params.get("mchid") or ""
    found = {gateway.code: name or gateway.accounts(box)[0] for gateway in gateways.chosen(request)}
    told = {code: _account(box, code, known) for code, known in found.items() if known in _names(box, code)}
    if not told:
        raise NotFound(name)
    return reply(told)


def broken_sets(box: Box, request: Request) -> Response:
    """Credentials with one fault each: every set there is, or with `?set=` that one of each gateway that has it."""
    name = request.params.get("set", "")
    account = request.params.get("app_id") or request.params.get("mchid") or ""
    if not name:
        listed = {
            it.code: {key: {"zh": b.zh, "en": b.en} for key, b in it.broken.items()} for it in gateways.chosen(request)
        }
        return reply(listed)
    told = {it.code: it.set_named(box, name, account=account) for it in gateways.chosen(request) if name in it.broken}
    if not told:
        raise NotFound(name)
    return reply(told)


def accounts(box: Box, request: Request) -> Response:
    return reply(
        {it.code: [_account(box, it.code, name) for name in it.accounts(box)] for it in gateways.chosen(request)}
    )


def new_account(box: Box, request: Request) -> Response:
    """At the gateway that is named, or at Alipay."""
    gateway = gateways.chosen(request)[0]
    name = gateway.add_account(box, request.json())
    return reply({gateway.code: _account(box, gateway.code, name)}, status=201)


def _names(box: Box, code: str) -> list[str]:
    return gateways.KNOWN[code].accounts(box)


def _account(box: Box, code: str, name: str) -> dict[str, str]:
    return gateways.KNOWN[code].credentials(box, name)


def trade(box: Box, request: Request, number: str) -> Response:
    """:raises NotFound: if no gateway knows this number"""
    return _first_to_know(request, lambda gateway: gateway.trade(box, request, number))


def act(box: Box, request: Request, number: str, action: str) -> Response:
    """:raises NotFound: if no gateway knows this number, or its gateway no such action"""
    return _first_to_know(request, lambda gateway: gateway.act(box, request, number, action))


def _first_to_know(request: Request, ask: Callable[[Gateway], Response]) -> Response:
    unknown = NotFound(request.path)
    for gateway in gateways.chosen(request):
        try:
            return ask(gateway)
        except NotFound as error:
            unknown = error
    raise unknown


def bulk_create(box: Box, request: Request) -> Response:
    return gateways.chosen(request)[0].bulk_create(box, request)


def bulk_pay(box: Box, request: Request) -> Response:
    return gateways.chosen(request)[0].bulk_pay(box, request)


def catalogue(box: Box, request: Request) -> Response:
    return reply([vars(fault) for fault in CATALOGUE])


def controls(box: Box, request: Request) -> Response:
    return reply([vars(control) for control in faults.switched_on(box)])


def switch_on(box: Box, request: Request) -> Response:
    """:raises BadRequest: if the fault is unknown or a value is none"""
    return reply(vars(_switch_on(box, request.json())), status=201)


def _switch_on(box: Box, wishes: Mapping[str, Any]) -> Control:
    """:raises BadRequest: if the fault is unknown or a value is none"""
    try:
        count, executed = wishes.get("count"), wishes.get("executed")
        wish = Wish(
            fault=str(wishes.get("fault", "")).replace("-", "_"),
            scope=str(wishes.get("scope", faults.EVERYWHERE)),
            api=str(wishes.get("api") or ""),
            value="" if wishes.get("value") is None else str(wishes["value"]),
            percent=float(wishes.get("percent", 100)),
            executed=None if executed is None else bool(executed),
            count=None if count is None else int(count),
        )
        return faults.switch_on(box, wish)
    except ValueError as error:
        raise BadRequest(str(error)) from error


def switch_off(box: Box, request: Request, control_id: str = "") -> Response:
    scope = request.params.get("scope", "")
    return reply(
        {"switched_off": faults.switch_off(box, scope=scope, control_id=int(control_id) if control_id else None)}
    )


def clock(box: Box, request: Request) -> Response:
    now = box.clock.now()
    return reply({"now": iso(now), "beijing": beijing(now), "offset_seconds": box.clock.offset})


def put_clock(box: Box, request: Request) -> Response:
    """:raises BadRequest: if neither `offset_seconds` nor `advance_seconds` is a number"""
    wishes = request.json()
    if "advance_seconds" in wishes:
        _advance(box, wishes["advance_seconds"])
    else:
        box.put_clock(offset=_seconds(wishes.get("offset_seconds")))
    return clock(box, request)


def _advance(box: Box, seconds: object) -> None:
    """:raises BadRequest: if that is no number"""
    box.put_clock(offset=box.clock.offset + _seconds(seconds))


def _seconds(given: object) -> float:
    """:raises BadRequest: if that is no number, or one that no clock can bear"""
    try:
        seconds = float(str(given))
    except ValueError:
        seconds = float("nan")
    if not abs(seconds) < LONGEST_JUMP:
        raise BadRequest("Give offset_seconds or advance_seconds, a number.")
    return seconds


def status(box: Box, request: Request) -> Response:
    """What a script polls to learn that everything has been sent."""
    rows = box.store.all("SELECT state, COUNT(*) AS n FROM notification GROUP BY state")
    todo = sum(gateway.unfinished(box) for gateway in gateways.KNOWN.values())
    return reply(
        {"unfinished": notices.unfinished(box) + todo, "notifications": {row["state"]: row["n"] for row in rows}}
    )


def ledger(box: Box, request: Request) -> Response:
    """What each gateway's trades come to; `?app_id=` (or a merchant's number) chooses an account."""
    account = request.params.get("app_id") or request.params.get("mchid") or ""
    return reply({gateway.code: gateway.ledger(box, account) for gateway in gateways.chosen(request)})


def notifications(box: Box, request: Request) -> Response:
    """Each notification with every sending and its answer; `?out_trade_no=`, `?state=` and `?after=ID` choose."""
    chosen = request.params
    sql = "SELECT * FROM notification WHERE ? IN ('', out_trade_no) AND ? IN ('', state) AND id > ? ORDER BY id"
    after = request.number("after")
    rows = box.store.all(sql, chosen.get("out_trade_no", ""), chosen.get("state", ""), after)
    return reply([_notification(box, row) for row in rows])


def _notification(box: Box, row: Row) -> dict[str, Any]:
    sent = box.store.all("SELECT * FROM attempt WHERE notification_id = ? ORDER BY id", row["id"])
    return {
        **{name: row[name] for name in ("id", "app_id", "out_trade_no", "notify_id", "url", "state", "forge")},
        "fields": json.loads(row["fields"]),
        "faults": json.loads(row["faults"]),
        "created_at": iso(row["created_at"]),
        "due_at": iso(row["due_at"]) if row["state"] == notices.WAITING else None,
        "attempts": [_attempt(attempt) for attempt in sent],
    }


def _attempt(row: Row) -> dict[str, Any]:
    kept = {name: row[name] for name in ("number", "status", "answer", "error", "body")}
    kept["headers"] = json.loads(row["headers"])
    times = {"sent_at": iso(row["sent_at"]), "answered_at": iso(row["answered_at"])}
    return kept | times | {"accepted": bool(row["accepted"])}


def resend(box: Box, request: Request, notification_id: str) -> Response:
    if not notices.resend(box, int(notification_id)):
        raise NotFound(notification_id)
    return reply({"resent": int(notification_id)}, status=202)


def requests(box: Box, request: Request) -> Response:
    """What merchants asked at the gateway, newest last: the method, and how it was refused if it was."""
    rows = box.store.all(
        "SELECT * FROM request WHERE ? IN ('', out_trade_no) ORDER BY id", request.params.get("out_trade_no", "")
    )
    return reply([dict(row) | {"at": iso(row["at"])} for row in rows])


def home(box: Box, request: Request, *, problem: str = "") -> Response:
    language = request.language
    options = [{"name": f.name, "label": f"{f.name} · {f.zh if language == 'zh' else f.en}"} for f in CATALOGUE]
    return page(
        "control",
        language=language,
        gateway_url=box.url("/gateway.do"),
        app_ids=", ".join(name for gateway in gateways.KNOWN.values() for name in gateway.accounts(box)),
        clock=beijing(box.clock.now()),
        speed=f"{box.options.speed:g}",
        problem=piece("problem", language=language, words=problem) if problem else "",
        fault_options=pieces("option", [dict(option) for option in options], language=language),
        control_rows=_rows("control_row", _control_rows(box), language=language),
        trade_rows=_rows("trade_row", _trade_rows(box), language=language),
        notification_rows=_rows("notification_row", _notification_rows(box), language=language),
    )


def press(box: Box, request: Request) -> Response:
    """A button on the page; what was filled in wrongly is told on it."""
    try:
        _do(box, request, request.params.get("do", ""))
    except BadRequest as error:
        return replace(home(box, request, problem=str(error)), status=400)
    return redirect(f"/?lang={request.language}", status=303)


def _do(box: Box, request: Request, todo: str) -> None:
    """:raises BadRequest: if a field of the page holds nothing that makes sense"""
    filled = {name: value for name, value in request.params.items() if value}
    if todo == "on":
        meant = {"yes": True, "no": False}.get(filled.pop("executed", ""))
        _switch_on(box, filled | {"executed": meant})
    elif todo == "clock":
        _advance(box, filled.get("advance_seconds", ""))
    elif todo == "off":
        faults.switch_off(box, control_id=request.number("id"))
    elif todo == "resend":
        notices.resend(box, request.number("id"))
    elif todo == "clear":
        faults.switch_off(box)


def _rows(name: str, rows: list[dict[str, object]], *, language: str) -> Markup:
    return pieces(name, rows, language=language) if rows else piece("no_rows", language=language)


def _control_rows(box: Box) -> list[dict[str, object]]:
    live = [control for control in faults.switched_on(box) if control.remaining != 0]
    return [
        vars(control)
        | {"remaining": "∞" if control.remaining is None else control.remaining, "percent": f"{control.percent:g}"}
        for control in live
    ]


def _trade_rows(box: Box) -> list[dict[str, object]]:
    rows = [row for gateway in gateways.KNOWN.values() for row in gateway.rows(box, SHOWN)]
    return sorted(rows, key=lambda row: float(str(row["offered_at"])), reverse=True)[:SHOWN]


def _notification_rows(box: Box) -> list[dict[str, object]]:
    sql = (
        "SELECT *, (SELECT answer || error FROM attempt WHERE notification_id = notification.id"
        " ORDER BY id DESC LIMIT 1) AS said FROM notification ORDER BY id DESC LIMIT ?"
    )
    return [
        {
            **{name: row[name] for name in ("id", "out_trade_no")},
            "state_now": row["state"],
            "sends": row["attempts"],
            "answered": (row["said"] or "—")[:40],
        }
        for row in box.store.all(sql, SHOWN)
    ]
