"""Who pays inside WeChat: the customer's browser asks WeChat, and comes back with a code for the openid."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from django.utils.translation import gettext_lazy as _

from ..account import AccountField, ConfigError
from ..fields import text
from ..transport import HttpTransport, Transport, TransportError
from .account import WechatpayAccount
from .answer import MISREAD
from .fields import APP_SECRET, APPID

logger = logging.getLogger(__name__)

HEADERS = {"accept": "application/json"}
FAULTS = {
    40001: APP_SECRET,
    40125: APP_SECRET,
    40164: APP_SECRET,  # our address is not on the list of the official account
    40013: APPID,
    41002: APPID,
    41004: APP_SECRET,
}


class LoginRefused(ConfigError):
    text = _(
        "%(label)s: WeChat does not accept it (%(code)s %(words)s). Compare app ID and app secret with "
        "mp.weixin.qq.com, and see whether this server's address is on its list there."
    )


def login_url(*, account: WechatpayAccount, return_url: str, state: str) -> str:
    """
    Where the browser goes; without asking the customer anything it comes back with a code.

    :raises ConfigError: if the account is set up wrongly
    """
    account.app_secret  # noqa: B018 - without it the customer would come back for nothing
    query = {
        "appid": account.appid,
        "redirect_uri": return_url,
        "response_type": "code",
        "scope": "snsapi_base",
        "state": state,
    }
    return f"{account.login_address}/connect/oauth2/authorize?{urlencode(query)}#wechat_redirect"


def openid_of(*, account: WechatpayAccount, code: str, transport: Transport | None) -> str:
    """
    The openid behind a code; empty if the code is used up, or no usable answer came.

    :raises ConfigError: if app ID or app secret are wrong
    """
    query = {
        "appid": account.appid,
        "secret": account.app_secret,
        "code": code,
        "grant_type": "authorization_code",
    }
    door = transport or HttpTransport(address=account.names_address)
    url = f"{account.names_address}/sns/oauth2/access_token?{urlencode(query)}"
    try:
        answer = json.loads(door.send(method="GET", url=url, headers=HEADERS, content=b"").body)
        return _openid(answer)
    except TransportError as error:
        logger.warning("payments.wechatpay.login code=%s", error.code)
    except MISREAD:
        logger.warning("payments.wechatpay.login code=unreadable")
    return ""


def _openid(answer: Mapping[str, Any]) -> str:
    refusal = answer.get("errcode")
    if not refusal:
        return text(answer["openid"])
    field: AccountField | None = FAULTS.get(refusal)
    if field is not None:
        raise LoginRefused(field=field.code, label=field.label, code=refusal, words=str(answer.get("errmsg", ""))[:200])
    logger.warning("payments.wechatpay.login code=%s", refusal)
    return ""
