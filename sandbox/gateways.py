"""Every gateway that the sandbox plays."""

from __future__ import annotations

from sandbox.alipay.face import ALIPAY
from sandbox.gateway import Gateway
from sandbox.unionpay.face import UNIONPAY
from sandbox.web import BadRequest, Request
from sandbox.wechatpay.face import WECHATPAY

KNOWN: dict[str, Gateway] = {gateway.code: gateway for gateway in (ALIPAY, WECHATPAY, UNIONPAY)}


def chosen(request: Request) -> list[Gateway]:
    """
    The gateways that a request of the sandbox's own interface is about: one, if `gateway` names it.

    :raises BadRequest: if there is no such gateway
    """
    name = str(
        request.params.get("gateway") or (request.json().get("gateway") if request.method == "POST" else "") or ""
    )
    if name and name not in KNOWN:
        raise BadRequest(f"No gateway is called {name!r}. Known: {', '.join(KNOWN)}.")
    return [KNOWN[name]] if name else list(KNOWN.values())
