"""An account in certificate mode, with certificates from an authority made for the test."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from payments.gateways import AccountConfig, Environment
from payments.gateways.alipay import AlipayGateway
from payments.gateways.transport import Response
from sandbox.alipay.authority import ALIPAY as ALIPAYS
from sandbox.alipay.authority import APP, Authority, Issued
from tests.gateways.alipay.desk import (
    ALIPAY,
    APP_ID,
    APP_PRIVATE_KEY,
    NOON,
    SELLER_ID,
    Desk,
    Reply,
    Sent,
    private_key,
    signature,
)

APP_NAME, ALIPAY_NAME = f"{SELLER_ID}-{APP_ID}", f"支付宝(中国)网络技术有限公司-{SELLER_ID}"


class Papers:
    def __init__(self, folder: Path) -> None:
        self.authority = Authority(folder, seed=None)
        self.app = self.authority.certify(
            app_id=APP_ID, kind=APP, name=APP_NAME, key=private_key(APP_PRIVATE_KEY).public_key()
        )
        self.alipay = self.certified(ALIPAY)

    def certified(self, key: RSAPrivateKey, *, name: str = ALIPAY_NAME) -> Issued:
        return self.authority.certify(app_id=APP_ID, kind=ALIPAYS, name=name, key=key.public_key())

    def app_cert(self, *, name: str = APP_NAME, days: float = 3_650) -> str:
        """Our application's, that ends so many days after the test's noon."""
        return self.authority.make(
            name=name,
            key=private_key(APP_PRIVATE_KEY).public_key(),
            span=(datetime(2020, 1, 1, tzinfo=UTC), NOON + timedelta(days=days)),
        )

    def config(self, **changes: Any) -> AccountConfig:
        made = AccountConfig(
            environment=Environment.SANDBOX,
            settings={"mode": "certificate", "app_id": APP_ID, "seller_id": SELLER_ID},
            credentials={
                "private_key": APP_PRIVATE_KEY,
                "app_cert": self.app.pem,
                "alipay_cert": self.alipay.pem,
                "root_cert": self.authority.roots,
            },
            base_url="http://127.0.0.1:8001/gateway.do",
        )
        keys = {name: value for name, value in changes.items() if name in made.credentials}
        rest = {name: value for name, value in changes.items() if name not in made.credentials}
        return replace(made, credentials={**made.credentials, **keys}, **rest)

    def live_config(self, **changes: Any) -> AccountConfig:
        return self.config(environment=Environment.LIVE, base_url="", **changes)

    def gateway(self, desk: Desk, **changes: Any) -> AlipayGateway:
        return AlipayGateway(config=self.config(**changes), transport=desk, clock=lambda: NOON)


def reply(key: RSAPrivateKey, named: Issued, content: Mapping[str, Any]) -> Reply:
    """Answers in certificate mode: they name the certificate, which need not be the key's."""
    raw = json.dumps(content, ensure_ascii=False)
    ending = f'"alipay_cert_sn":"{named.sn}","sign":"{signature(raw.encode(), key=key)}"'

    def answer(sent: Sent) -> Response:
        body = f'{{"{sent.method.replace(".", "_")}_response":{raw},{ending}}}'
        return Response(status=200, headers={}, body=body.encode())

    return answer


def brought(certificate: Issued, **changes: str) -> dict[str, str]:
    """What a download of a certificate answers."""
    content = {"code": "10000", "msg": "Success", "alipay_cert_content": b64encode(certificate.pem.encode()).decode()}
    return content | changes
