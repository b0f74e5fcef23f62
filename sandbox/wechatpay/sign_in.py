"""WeChat's OAuth: how a page in WeChat learns a visitor's openid."""

from __future__ import annotations

from secrets import token_urlsafe
from urllib.parse import quote

from sandbox.box import Box
from sandbox.web import Request, Response, redirect, reply
from sandbox.wechatpay.cashier import refused
from sandbox.wechatpay.trades import openid_of

CODE_LIFE = 300.0
SCOPES = {"snsapi_base", "snsapi_userinfo"}


def authorize(box: Box, request: Request) -> Response:
    """The visitor agrees at once; `sandbox_person` says who it is, for want of a phone."""
    asked = request.params
    account = box.wechatpay.by_appid(asked.get("appid", ""))
    target = asked.get("redirect_uri", "")
    honest = asked.get("response_type") == "code" and asked.get("scope") in SCOPES
    if account is None or not honest or not target.startswith(("http://", "https://")):
        return refused("bad_sign_in", request)
    code = token_urlsafe(24)
    openid = openid_of(box, account.appid, person=asked.get("sandbox_person", "visitor"))
    expires_at = box.clock.now() + CODE_LIFE
    box.store.insert("wechatpay_sign_in", code=code, appid=account.appid, openid=openid, expires_at=expires_at)
    joint = "&" if "?" in target else "?"
    return redirect(f"{target}{joint}code={code}&state={quote(asked.get('state', ''), safe='')}")


def access_token(box: Box, request: Request) -> Response:
    """A code gives an openid once, to the app it was made for."""
    asked = request.params
    account = box.wechatpay.by_appid(asked.get("appid", ""))
    if account is None:
        return _error(40013, "invalid appid")
    if asked.get("secret") != account.app_secret:
        return _error(40125, "invalid appsecret")
    if asked.get("grant_type") != "authorization_code":
        return _error(40002, "invalid grant_type")
    code = asked.get("code", "")
    row = box.store.one("SELECT * FROM wechatpay_sign_in WHERE code = ? AND appid = ?", code, account.appid)
    if row is None or box.clock.now() > row["expires_at"]:
        return _error(40029, "invalid code")
    if not box.store.run("UPDATE wechatpay_sign_in SET used = 1 WHERE code = ? AND used = 0", code):
        return _error(40163, "code been used")
    tokens = {"access_token": token_urlsafe(48), "expires_in": 7200, "refresh_token": token_urlsafe(48)}
    return reply(tokens | {"openid": row["openid"], "scope": "snsapi_base"})


def _error(number: int, why: str) -> Response:
    return reply({"errcode": number, "errmsg": why})
