from __future__ import annotations

from sandbox import broken
from sandbox.alipay import broken_certificates
from sandbox.broken import field_of
from sandbox.gateway import BrokenSet

KEY, PLATFORM = "app_private_key", "alipay_public_key"
BROKEN = {
    "own_public_key_as_platform_key": BrokenSet(
        "把应用公钥当成支付宝公钥",
        "the app's own public key pasted as Alipay's",
        lambda honest, _: honest | {PLATFORM: honest["app_public_key"]},
    ),
    "wrong_platform_key": BrokenSet(
        "别人的支付宝公钥", "another key as Alipay's", field_of(PLATFORM, broken.strangers_public)
    ),
    "wrong_private_key": BrokenSet(
        "别人的应用私钥", "another app's private key", field_of(KEY, broken.strangers_private)
    ),
    "public_in_private_field": BrokenSet(
        "私钥栏填了公钥", "a public key in the private field", field_of(KEY, broken.public_half)
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
    "wrong_app_id": BrokenSet(
        "别的应用号", "another app id", field_of("app_id", lambda app_id: app_id[:-1] + str((int(app_id[-1]) + 1) % 10))
    ),
    "wrong_seller_id": BrokenSet(
        "别的卖家号", "another seller id", field_of("seller_id", lambda it: it[:-1] + str((int(it[-1]) + 1) % 10))
    ),
    **broken_certificates.BROKEN,
}
