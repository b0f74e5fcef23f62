from __future__ import annotations

import json
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.serialization import load_der_public_key, load_pem_public_key

from sandbox.alipay.signing import NOTIFICATION, REQUEST, sign, sign_sha1, string_to_sign, verifies
from sandbox.keys import load_private, new_key

VECTORS = Path(__file__).parents[1] / "gateways" / "vectors" / "alipay"


def vector(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((VECTORS / "gopay" / name).read_text("utf-8"))
    return content


def public(der: str) -> RSAPublicKey:
    key = load_der_public_key(b64decode(der))
    assert isinstance(key, RSAPublicKey)
    return key


class TestStringToSign:
    def test_sorts_drops_what_is_empty_and_encodes_nothing(self) -> None:
        params = {"b": "茶 & +", "a": "1", "empty": "", "sign": "x", "sign_type": "RSA2"}

        assert string_to_sign(params, without=REQUEST) == "a=1&b=茶 & +&sign_type=RSA2"

    def test_leaves_the_sign_type_out_of_a_notification(self) -> None:
        assert string_to_sign({"a": "1", "sign": "x", "sign_type": "RSA2"}, without=NOTIFICATION) == "a=1"


class TestPublishedVectors:
    def test_accepts_a_real_answer(self) -> None:
        real = vector("sync_response.json")

        assert verifies(real["content"].encode(), real["sign"], public(real["alipay_public_key_base64_spki"]))

    def test_refuses_the_same_answer_with_one_fen_more(self) -> None:
        real = vector("sync_response.json")
        changed = real["content"].replace('"total_amount":"0.01"', '"total_amount":"0.02"')

        assert changed != real["content"]
        assert not verifies(changed.encode(), real["sign"], public(real["alipay_public_key_base64_spki"]))

    def test_refuses_the_invented_notification(self) -> None:
        invented = vector("notification_fake.json")
        content = string_to_sign(invented["params"], without=NOTIFICATION).encode()

        assert not verifies(content, invented["params"]["sign"], public(invented["public_key"]))

    @pytest.mark.parametrize("owner", ["ali", "app"])
    def test_signs_with_published_keys_what_their_public_halves_accept(self, owner: str) -> None:
        private = (VECTORS / "fzlee" / owner / f"{owner}_private_key_pkcs8.pem").read_text()
        key = load_pem_public_key((VECTORS / "fzlee" / owner / f"{owner}_public_key.pem").read_bytes())
        assert isinstance(key, RSAPublicKey)

        assert verifies(b"content", sign(b"content", load_private(private)), key)


class TestVerifies:
    def test_refuses_sha1(self) -> None:
        key = new_key(seed=None)
        weak = sign_sha1(b"content", key)

        key.public_key().verify(b64decode(weak), b"content", PKCS1v15(), SHA1())  # it is a good one of its kind
        assert not verifies(b"content", weak, key.public_key())

    @pytest.mark.parametrize("signature", ["", "%%%", "AAAA", "签名"])
    def test_refuses_what_is_no_signature(self, signature: str) -> None:
        assert not verifies(b"content", signature, new_key(seed=None).public_key())
