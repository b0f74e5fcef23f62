from __future__ import annotations

from datetime import UTC, datetime

from sandbox import broken
from sandbox.box import Box
from sandbox.broken import field_of
from sandbox.gateway import BrokenSet
from sandbox.keys import load_private, new_key, private_pem
from sandbox.wechatpay import authority
from sandbox.wechatpay.accounts import PUBLIC_KEY, Maker
from sandbox.wechatpay.authority import Paper

Credentials = dict[str, str]
KEY, KEY_ID, PLATFORM = "merchant_private_key", "public_key_id", "public_key"


def _other_merchant(honest: Credentials, box: Box) -> Credentials:
    """Key, certificate and serial of somebody else, which fit each other."""
    other = Maker(None).account(mode=PUBLIC_KEY)
    return honest | {
        KEY: other.merchant_private_key,
        "merchant_certificate": other.merchant_certificate,
        "merchant_serial": other.merchant_serial,
    }


def _other_certificate(honest: Credentials, box: Box) -> Credentials:
    other = Maker(None).account(mode=PUBLIC_KEY)
    return honest | {"merchant_certificate": other.merchant_certificate, "merchant_serial": other.merchant_serial}


def _own_key_as_platform(honest: Credentials, box: Box) -> Credentials:
    return honest | {PLATFORM: broken.public_half(honest[KEY])}


def _own_certificate_as_platform(honest: Credentials, box: Box) -> Credentials:
    return honest | {
        "platform_certificates": honest["merchant_certificate"],
        "mode": "certificate",
        KEY_ID: "",
        PLATFORM: "",
    }


def _dated(since: datetime, until: datetime) -> broken.Spoil:
    """The merchant's certificate again, with other dates."""

    def make(honest: Credentials, box: Box) -> Credentials:
        account = box.wechatpay.known[honest["mchid"]]
        serial = Maker(None).serial("dated")
        paper = Paper(account.mchid, "微信商户系统", "沙箱商户", serial, since, until)
        issuer = load_private(account.root_private_key)
        pem = authority.issue(paper, account.merchant_key.public_key(), issuer=issuer)
        return honest | {"merchant_certificate": pem, "merchant_serial": authority.serial_of(pem)}

    return make


def _attackers_platform(honest: Credentials, box: Box) -> Credentials:
    """A platform certificate by an authority that only calls itself Tenpay's."""
    forged = Maker(None).certificate("attacker", issuer=new_key(seed=None))
    return honest | {"platform_certificates": forged.certificate, "mode": "certificate", KEY_ID: "", PLATFORM: ""}


YEARS_AGO = datetime(2016, 1, 1, tzinfo=UTC), datetime(2021, 1, 1, tzinfo=UTC)
YEARS_AHEAD = datetime(2090, 1, 1, tzinfo=UTC), datetime(2095, 1, 1, tzinfo=UTC)
BROKEN = {
    "wrong_apiv3_key": BrokenSet("APIv3 密钥不对", "another APIv3 key", field_of("api_v3_key", lambda key: key[::-1])),
    "short_apiv3_key": BrokenSet(
        "APIv3 密钥只有 31 位", "an APIv3 key of 31 characters", field_of("api_v3_key", lambda key: key[:-1])
    ),
    "spaced_apiv3_key": BrokenSet(
        "APIv3 密钥带空格", "an APIv3 key with a blank", field_of("api_v3_key", lambda key: f"{key[:-1]} ")
    ),
    "full_width_apiv3_key": BrokenSet(
        "APIv3 密钥含全角字符",
        "an APIv3 key with a full-width character",
        field_of("api_v3_key", lambda key: key[:-1] + chr(ord(key[-1]) + 0xFEE0)),
    ),
    "own_public_key_as_platform_key": BrokenSet(
        "把商户公钥当成微信支付公钥", "the merchant's own key as WeChat Pay's", _own_key_as_platform
    ),
    "own_certificate_as_platform_certificate": BrokenSet(
        "把商户证书当成平台证书", "the merchant's certificate as the platform's", _own_certificate_as_platform
    ),
    "wrong_platform_key": BrokenSet(
        "别人的微信支付公钥", "another key as WeChat Pay's", field_of(PLATFORM, broken.strangers_public)
    ),
    "attackers_platform_certificate": BrokenSet("伪造的平台证书", "a forged platform certificate", _attackers_platform),
    "missing_public_key_id": BrokenSet("缺少公钥ID", "no public key id", field_of(KEY_ID, lambda _: "")),
    "bare_public_key_id": BrokenSet(
        "公钥ID 缺少前缀",
        "a public key id without its prefix",
        field_of(KEY_ID, lambda it: it.removeprefix("PUB_KEY_ID_")),
    ),
    "public_key_id_as_serial": BrokenSet(
        "证书序列号栏填了公钥ID",
        "the public key id as the serial",
        lambda honest, _: honest | {"merchant_serial": honest[KEY_ID]},
    ),
    "wrong_serial": BrokenSet(
        "证书序列号不对",
        "another serial",
        field_of("merchant_serial", lambda it: it[:-1] + ("0" if it[-1] != "0" else "1")),
    ),
    "other_merchants_certificate": BrokenSet("别的商户的证书", "another merchant's certificate", _other_certificate),
    "other_merchant": BrokenSet("别的商户的私钥与证书", "another merchant's key and certificate", _other_merchant),
    "expired_certificate": BrokenSet("商户证书已过期", "an expired certificate", _dated(*YEARS_AGO)),
    "future_certificate": BrokenSet("商户证书未生效", "a certificate that is not valid yet", _dated(*YEARS_AHEAD)),
    "wrong_private_key": BrokenSet(
        "别人的商户私钥", "another private key", field_of(KEY, lambda _: private_pem(new_key(seed=None)))
    ),
    "public_in_private_field": BrokenSet(
        "私钥栏填了公钥", "a public key in the private field", field_of(KEY, broken.public_half)
    ),
    "certificate_in_private_field": BrokenSet(
        "私钥栏填了证书",
        "a certificate in the private field",
        lambda honest, _: honest | {KEY: honest["merchant_certificate"]},
    ),
    "pkcs1_private_key": BrokenSet("PKCS#1 格式私钥", "the private key as PKCS#1", field_of(KEY, broken.pkcs1)),
    "encrypted_private_key": BrokenSet("加密的私钥", "an encrypted private key", field_of(KEY, broken.encrypted)),
    "bare_private_key": BrokenSet(
        "没有头尾行的私钥", "the private key without its header lines", field_of(KEY, broken.bare)
    ),
    "short_private_key": BrokenSet("1024 位私钥", "a private key of 1024 bits", field_of(KEY, broken.short_private)),
    "elliptic_private_key": BrokenSet(
        "椭圆曲线私钥", "a private key that is no RSA key", field_of(KEY, broken.elliptic_private)
    ),
    "wrong_appid": BrokenSet("别的 appid", "another appid", field_of("appid", lambda it: f"wx{it[:1:-1]}")),
}
