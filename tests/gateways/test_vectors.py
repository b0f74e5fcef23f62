"""Published vectors that no other test looks at, and that none of them lies there unread."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cryptography.x509 import load_pem_x509_certificate

from payments.gateways.alipay.account import ALIPAY_PUBLIC_KEY, PRIVATE_KEY
from payments.gateways.certificates import is_issued_by
from payments.gateways.keys import fingerprint, is_pair, load_private, load_public
from payments.gateways.unionpay.trust import TEST_NAME, common_name
from payments.gateways.wechatpay.sealed import OtherApiv3Key, unseal
from tests.requirements import ROOT

VECTORS = Path(__file__).parent / "vectors"
DATA = [path.relative_to(VECTORS) for path in sorted(VECTORS.rglob("*")) if path.is_file() and path.name != "SOURCE.md"]
PAIRS = {
    "ali": ("ali_private_key.pem", "ali_private_key_pkcs8.pem", "ali_public_key.pem"),
    "app": ("app_private_key.pem", "app_private_key_pkcs8.pem", "app_public_key.pem"),
    "web": ("web_private_key.pem", "web_private_key_pkcs8.pem", "web_public_key.pem"),
}


def text(*parts: str) -> str:
    return VECTORS.joinpath(*parts).read_text("utf-8")


class TestAlipay:
    @pytest.mark.parametrize("owner", PAIRS)
    def test_a_published_pair_is_read_in_each_of_its_shapes(self, owner: str) -> None:
        old, new, public = (text("alipay", "fzlee", owner, name) for name in PAIRS[owner])
        keys = [load_private(pem, field=PRIVATE_KEY) for pem in (old, new)]
        half = load_public(public, field=ALIPAY_PUBLIC_KEY)

        assert len({fingerprint(key) for key in keys}) == 1
        assert all(is_pair(private=key, public=half) for key in keys)

    def test_a_pair_of_the_published_certificate_mode_is_read_without_header_lines(self) -> None:
        private = load_private(text("alipay", "fzlee", "dc", "app_private_key"), field=PRIVATE_KEY)
        public = load_public(text("alipay", "fzlee", "dc", "app_public_key"), field=ALIPAY_PUBLIC_KEY)

        assert is_pair(private=private, public=public)


class TestWechatPay:
    def test_a_published_notification_under_a_key_of_16_bytes_blames_the_key(self) -> None:
        key = json.loads(text("wechat", "java", "constants.json"))["api_v3_key"]
        sealed = json.loads(text("wechat", "java", "wechat_pay_notification.json"))["resource"]

        with pytest.raises(OtherApiv3Key):
            unseal(sealed, keys=["0" * 32, key])

    def test_the_published_platform_certificate_has_the_published_number_and_key(self) -> None:
        certificate = load_pem_x509_certificate(text("wechat", "java", "wechat_pay_certificate.pem").encode())
        expected = json.loads(text("wechat", "java", "constants.json"))["wechatpay_serial"]
        private = load_private(text("wechat", "java", "wechat_pay_private_key.pem"), field=PRIVATE_KEY)

        assert f"{certificate.serial_number:X}" == expected
        assert certificate.public_key() == private.public_key()


class TestUnionPay:
    def test_the_published_certificate_for_card_data_has_the_published_number(self) -> None:
        certificate = load_pem_x509_certificate(text("unionpay", "acp_test_enc.cer").encode())

        assert str(certificate.serial_number) == json.loads(text("unionpay", "sdk_tests.json"))["encrypt_cert_id"]

    def test_the_published_older_certificate_of_the_test_gateway_has_the_older_name_and_the_same_chain(self) -> None:
        leaf, middle, root = (
            load_pem_x509_certificate(text("unionpay", name).encode())
            for name in ("verify_test.cer", "acp_test_middle.cer", "acp_test_root.cer")
        )

        assert common_name(leaf).split("@")[2] == TEST_NAME
        assert is_issued_by(certificate=leaf, issuer=middle)
        assert is_issued_by(certificate=middle, issuer=root)


def named_in_tests() -> str:
    return "".join(path.read_text("utf-8") for path in sorted((ROOT / "tests").rglob("*.py")))


def test_none_of_them_lies_there_unread() -> None:
    words = named_in_tests()

    assert len(DATA) > 40
    assert [str(path) for path in DATA if path.name not in words] == []


@pytest.mark.parametrize("gateway", ["alipay", "unionpay", "wechat"])
def test_each_is_told_of_in_its_source_file(gateway: str) -> None:
    told = text(gateway, "SOURCE.md").replace("\\*", "*")
    names = [path.relative_to(gateway) for path in DATA if path.parts[0] == gateway]
    patterns = [name.strip() for line in told.splitlines() if line.startswith("| ") for name in first_cell(line)]

    assert [str(name) for name in names if not any(name.match(pattern) for pattern in patterns)] == []


def first_cell(line: str) -> list[str]:
    """The names in it, without what stands in brackets; `folder/**` is everything below."""
    names = line.split("|")[1].split("(")[0].split(",") + line.split("|")[1].partition(")")[2].split(",")
    return [name.strip().replace("/**", "/*/*") for name in names if name.strip()]
