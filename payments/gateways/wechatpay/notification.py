from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..base import InboundRequest, Meter, Unreadable
from ..event import EventKind, GatewayEvent, fact_key
from ..fields import text
from . import fields
from .answer import MISREAD
from .platform import PlatformKeys
from .refunds import refund_stand
from .sealed import OtherApiv3Key, unseal
from .signature import authenticate, is_probe
from .trades import stand


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationReader:
    """
    Verify first, decrypt second, translate last.

    :param claims: what this account's notifications claim
    """

    apiv3_keys: Sequence[str]
    platform_keys: PlatformKeys
    claims: Mapping[str, str]
    meter: Meter

    def read(self, *, request: InboundRequest) -> GatewayEvent:
        """
        Translate a notification, once it is proved to be WeChat Pay's.

        :raises ForgedNotification: if WeChat Pay did not sign these bytes just now
        :raises UnknownKey: if we lack the key that would tell
        :raises Unreadable: if it is genuine, but sealed with another APIv3 key or not as documented
        """
        if is_probe(request.headers):
            return GatewayEvent(kind=EventKind.PROBE)
        signer = authenticate(
            headers=request.headers, body=request.body, keys=self.platform_keys, at=request.received_at
        )
        self.meter(kind=signer.kind, value=signer.text, act="verify")
        try:
            return replace(self._open(request.body), raw=request.body, key_serial=signer.serial)
        except OtherApiv3Key as error:
            raise Unreadable("sealed with another APIv3 key: set it again, here and on pay.weixin.qq.com") from error
        except MISREAD as error:
            raise Unreadable(repr(error)) from error

    def _open(self, body: bytes) -> GatewayEvent:
        notice = json.loads(body)
        clear, key = unseal(notice["resource"], keys=self.apiv3_keys)
        self.meter(kind=fields.APIV3_KEY.code, value=key, act="verify")
        content = json.loads(clear)
        event = _translate(content, event_type=text(notice["event_type"]), notice_id=text(notice["id"]))
        return replace(event, claims=self._claims(content))

    def _claims(self, content: Mapping[str, Any]) -> dict[str, str]:
        """
        What a message does not name is this account's: our own APIv3 key opened it. News of a refund name no appid.
        """
        return {name: str(content.get(name, ours)) for name, ours in self.claims.items()}


def _translate(content: Mapping[str, Any], *, event_type: str, notice_id: str) -> GatewayEvent:
    match event_type.partition(".")[0]:
        case "TRANSACTION":
            event = stand(content)
            key = fact_key("payment", event.payment_no, event.gateway_trade_no, event.native_state)
        case "REFUND":
            event = refund_stand(content, state=text(content["refund_status"]))
            key = fact_key("refund", event.refund_no, text(content["refund_id"]), event.native_state)
        case _:
            event = GatewayEvent(kind=EventKind.OTHER)
            key = fact_key("other", event_type, notice_id)
    return replace(event, event_key=key)
