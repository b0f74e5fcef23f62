"""The ways to pay as a customer sees them: which come first on this device, and what stands on their buttons."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from ..gateways import GATEWAYS
from ..services import Choice
from ..services.paypage import PayPage, PayState, key_of

PHONE = re.compile(r"Mobile|Android|iPhone|iPad|iPod|HarmonyOS", re.IGNORECASE)
WECHAT = "MicroMessenger"
SIGNS: Mapping[str, str] = {"alipay": "支", "wechatpay": "微", "unionpay": "云"}


class Device(Enum):
    """Where the page is open, with the methods that work there, the likeliest first."""

    COMPUTER = ("qr", "page")
    PHONE = ("h5", "wap", "qr")
    WECHAT = ("jsapi", "wap", "qr")


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """
    A button.

    :param sign: one character in place of an icon
    :param is_main: of its gateway the first choice on this device
    :param is_shown: whether the page shows its attempt already
    """

    key: str
    gateway: str
    sign: str
    name: str
    words: str
    is_main: bool
    is_shown: bool


def device_of(request: HttpRequest) -> Device:
    agent = request.headers.get("user-agent", "")
    if WECHAT in agent:
        return Device.WECHAT
    return Device.PHONE if PHONE.search(agent) else Device.COMPUTER


def ways_to_pay(shown: PayPage, *, device: Device) -> list[Way]:
    """Of each gateway first what fits the device best, then all the rest; both in the merchant's order."""
    by_gateway: dict[str, list[Choice]] = {}
    for choice in shown.choices:
        if choice.method in device.value:
            by_gateway.setdefault(choice.account.gateway, []).append(choice)
    for choices in by_gateway.values():
        choices.sort(key=lambda it: device.value.index(it.method))
    firsts = [it[0] for it in by_gateway.values()]
    if device is Device.WECHAT:
        firsts.sort(key=lambda it: it.method != "jsapi")
    rest = [it for choices in by_gateway.values() for it in choices[1:]]
    return [_way(it, shown, is_main=True) for it in firsts] + [_way(it, shown, is_main=False) for it in rest]


def name_of(gateway: str) -> str:
    """As customers know it: UnionPay's app has a name of its own."""
    names = {"unionpay": pgettext("for customers", "UnionPay")}
    kind = GATEWAYS.get(gateway)
    return names.get(gateway) or (str(kind.label) if kind else gateway)


def _way(choice: Choice, shown: PayPage, *, is_main: bool) -> Way:
    name = name_of(choice.account.gateway)
    return Way(
        key=choice.key,
        gateway=choice.account.gateway,
        sign=SIGNS.get(choice.account.gateway, name[:1]),
        name=name,
        words=_words(choice.method, shown) % {"name": name},
        is_main=is_main,
        is_shown=choice.key == _drawn(shown),
    )


def _words(method: str, shown: PayPage) -> str:
    if method == "qr":
        is_first = shown.state in (PayState.READY, PayState.WAITING)
        return _("%(name)s: show the QR code") if is_first else _("%(name)s: get a new QR code")
    if method == "page":
        return _("%(name)s: pay on this computer")
    return _("Pay with %(name)s")


def _drawn(shown: PayPage) -> str:
    """The choice whose code is on the page; the others can be chosen again, to be led there again."""
    payment = shown.payment
    return key_of(payment) if payment and payment.next_action.get("kind") == "qr" else ""
