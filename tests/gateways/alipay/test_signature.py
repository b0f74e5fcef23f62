from __future__ import annotations

import json
from base64 import b64encode

import pytest
from cryptography.hazmat.primitives.hashes import SHA1

from payments.gateways import AccountField
from payments.gateways.alipay.signature import is_signed, sign, string_to_sign
from payments.gateways.keys import load_public
from tests.gateways.alipay.desk import ALIPAY, signature, vector

FIELD = AccountField(code="key", label="The key", help="")
PUBLIC = ALIPAY.public_key()


class TestStringToSign:
    def test_is_sorted_unencoded_and_without_signature_and_empty_values(self) -> None:
        params = {"b": "A+B 商品", "sign": "x", "a": "1", "empty": "", "sign_type": "RSA2"}

        assert string_to_sign(params).decode() == "a=1&b=A+B 商品&sign_type=RSA2"


class TestIsSigned:
    def test_accepts_the_published_answer(self) -> None:
        published = json.loads(vector("gopay/sync_response.json"))
        key = load_public(published["alipay_public_key_base64_spki"], field=FIELD)

        assert is_signed(signed=published["content"].encode(), signature=published["sign"], key=key)

    def test_refuses_the_published_answer_with_one_character_changed(self) -> None:
        published = json.loads(vector("gopay/sync_response.json"))
        key = load_public(published["alipay_public_key_base64_spki"], field=FIELD)
        content = published["content"].replace('"total_amount":"0.01"', '"total_amount":"9.01"')

        assert not is_signed(signed=content.encode(), signature=published["sign"], key=key)

    def test_accepts_what_we_sign(self) -> None:
        assert is_signed(signed=b"it", signature=sign(signed=b"it", key=ALIPAY), key=PUBLIC)

    def test_refuses_sha_1(self) -> None:
        old = signature(b"it", algorithm=SHA1())

        assert not is_signed(signed=b"it", signature=old, key=PUBLIC)

    @pytest.mark.parametrize("nonsense", ["", "!", "AAAA", b64encode(b"x" * 256).decode(), "密钥"])
    def test_refuses_nonsense(self, nonsense: str) -> None:
        assert not is_signed(signed=b"it", signature=nonsense, key=PUBLIC)
