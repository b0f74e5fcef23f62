"""What WeChat Pay's own libraries publish, against the sandbox's signing code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.x509 import load_pem_x509_certificate

from sandbox.keys import load_private
from sandbox.testing import ROOT
from sandbox.wechatpay.authority import serial_of
from sandbox.wechatpay.bill import COLUMNS
from sandbox.wechatpay.signing import lines, seal, sign, verifies

VECTORS = ROOT / "tests" / "gateways" / "vectors" / "wechat"
JAVA = json.loads((VECTORS / "java" / "constants.json").read_text("utf-8"))


def public_key(path: Path) -> RSAPublicKey:
    key = load_pem_x509_certificate(path.read_bytes()).public_key()
    assert isinstance(key, RSAPublicKey)
    return key


class TestSigning:
    def test_gives_the_published_signatures(self) -> None:
        published = json.loads((VECTORS / "go" / "sign_source.json").read_text("utf-8"))
        key = load_private((VECTORS / "go" / published["private_key"]).read_text("utf-8"))
        java = load_private((VECTORS / "java" / JAVA["rsa"]["private_key"]).read_text("utf-8"))

        assert sign(published["message"].encode(), key) == published["signature"]
        assert sign(JAVA["rsa"]["message"].encode(), java) == JAVA["rsa"]["signature"]

    def test_trusts_the_published_notification_and_no_other(self) -> None:
        told: dict[str, Any] = json.loads((VECTORS / "go" / "notification_payscore.json").read_text("utf-8"))
        body = (VECTORS / "go" / "notification_payscore.body").read_bytes()
        headers = {name.lower(): value for name, value in told.get("headers", told).items()}
        stamp, nonce, signature = (headers[f"wechatpay-{name}"] for name in ("timestamp", "nonce", "signature"))
        key = public_key(VECTORS / "go" / "platform_certificate.pem")

        assert verifies(lines(stamp, nonce, body), signature, key)
        assert not verifies(lines(str(int(stamp) + 1), nonce, body), signature, key)
        assert not verifies(lines(stamp, nonce, body + b" "), signature, key)

    def test_seals_as_published(self) -> None:
        aead = JAVA["aead"]

        sealed = seal(
            aead["plaintext"].encode(), key=JAVA["api_v3_key"], nonce=aead["nonce"], context=aead["associated_data"]
        )

        assert sealed == aead["ciphertext"]

    def test_reads_serials_as_published(self) -> None:
        merchants = (VECTORS / "java" / "merchant_certificate.pem").read_text("utf-8")

        assert serial_of(merchants) == JAVA["merchant_serial"]


class TestBill:
    def test_has_the_published_columns(self) -> None:
        published = (VECTORS / "bill.ALL.csv").read_bytes()

        assert published.decode("utf-8-sig").splitlines()[0] == COLUMNS
