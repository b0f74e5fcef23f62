"""
What it takes to sign an outgoing request, of each gateway, beside one RSA signature with a key that is parsed already.

The project builds the whole request as it goes over the wire: content, address, signature. It is asked of the gateway
object that services keep for as long as its keys are the same. Nothing is sent: the connection fails.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from statistics import median
from typing import Any

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256

from payments.gateways import Gateway
from payments.gateways.alipay import AlipayGateway
from payments.gateways.transport import Response, TransportError
from payments.gateways.unionpay import UnionpayGateway
from payments.gateways.wechatpay import WechatpayGateway
from tests.gateways.alipay import desk as alipay
from tests.gateways.unionpay import desk as unionpay
from tests.gateways.wechatpay import desk as wechatpay

from .measuring import tell

EACH = 200  # in a round
SIGNED = b"x" * 400
DESKS: tuple[tuple[type[Gateway], Any], ...] = (
    (AlipayGateway, alipay),
    (WechatpayGateway, wechatpay),
    (UnionpayGateway, unionpay),
)


class Nobody:
    """A transport that reaches nobody."""

    def send(self, **_request: Any) -> Response:
        raise TransportError("transport.unreachable", "nobody is there")


def main(size: str, rounds: str) -> None:
    logging.disable(logging.INFO)  # a line for each request, and none for the floor
    each = max(min(int(size) // int(rounds), EACH), 20)
    key = alipay.private_key(alipay.APP_PRIVATE_KEY)
    for gateway, desk in DESKS:
        ask = asker(gateway, desk)
        ask()  # warm: the keys are parsed here, and not again
        pairs = [
            (timed(ask, each), timed(lambda: key.sign(SIGNED, PKCS1v15(), SHA256()), each)) for _ in range(int(rounds))
        ]
        own, floor = median(pair[0] for pair in pairs), median(pair[1] for pair in pairs)
        tell(
            {
                "benchmark": "sign",
                "gateway": gateway.code,
                "requests": each * len(pairs),
                "rounds": len(pairs),
                "project_ms": round(1000 * own / each, 3),
                "floor_ms": round(1000 * floor / each, 3),
                "times_the_floor": round(median(pair[0] / pair[1] for pair in pairs), 2),
            }
        )


def asker(gateway: type[Gateway], desk: Any) -> Callable[[], object]:
    kept = gateway(config=desk.config(), transport=Nobody(), clock=lambda: desk.NOON)
    ref = desk.payment_ref()
    return lambda: kept.query(ref=ref)


def timed(call: Callable[[], object], times: int) -> float:
    """CPU of this process: the machine has other work as well."""
    started = time.process_time()
    for _ in range(times):
        call()
    return time.process_time() - started
