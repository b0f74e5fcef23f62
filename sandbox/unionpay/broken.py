from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable

from cryptography import x509
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12

from sandbox.box import Box
from sandbox.broken import field_of
from sandbox.gateway import BrokenSet
from sandbox.keys import new_key
from sandbox.unionpay.certificates import PASSWORD, PAST, Subject, issue, pem, pfx
from sandbox.unionpay.sealing import stranger

PFX = "merchant_pfx"
ROOT, MIDDLE = "root_certificate", "middle_certificate"
Spoil = Callable[[dict[str, str], Box], dict[str, str]]


def _other_digit(text: str) -> str:
    return text[:-1] + str((int(text[-1]) + 1) % 10)


def _expired_pfx(honest: dict[str, str], box: Box) -> dict[str, str]:
    key = box.unionpay.known[honest["mer_id"]].key
    subject = Subject("041@Z1@沙箱商户@00000001", key.public_key(), int(honest["cert_id"]), span=PAST)
    certificate = issue(subject, by=box.unionpay.authority.middle_issuer)
    return honest | {PFX: b64encode(pfx(key, certificate)).decode(), "merchant_certificate": pem(certificate)}


def _strangers_pfx(honest: dict[str, str], box: Box) -> dict[str, str]:
    key = new_key(seed=None)
    subject = Subject("041@Z2@别的商户@00000001", key.public_key(), 68_900_000_001)
    return honest | {PFX: b64encode(pfx(key, issue(subject, by=stranger().middle_issuer))).decode()}


def _pfx_without_key(honest: dict[str, str], box: Box) -> dict[str, str]:
    certificate = x509.load_pem_x509_certificate(honest["merchant_certificate"].encode())
    how = BestAvailableEncryption(PASSWORD.encode())
    bare = pkcs12.serialize_key_and_certificates(b"merchant", None, None, [certificate], how)
    return honest | {PFX: b64encode(bare).decode()}


def _hex_serial(cert_id: str) -> str:
    return f"{int(cert_id):X}"


def _truncated(pfx_text: str) -> str:
    content = b64decode(pfx_text)
    return b64encode(content[: len(content) // 2]).decode()


def _strangers_root(honest: dict[str, str], box: Box) -> dict[str, str]:
    return honest | {ROOT: pem(stranger().root)}


def _strangers_middle(honest: dict[str, str], box: Box) -> dict[str, str]:
    return honest | {MIDDLE: pem(stranger().middle)}


def _swapped(honest: dict[str, str], box: Box) -> dict[str, str]:
    return honest | {ROOT: honest[MIDDLE], MIDDLE: honest[ROOT]}


def _leaf_as_middle(honest: dict[str, str], box: Box) -> dict[str, str]:
    return honest | {MIDDLE: pem(box.unionpay.authority.leaf)}


def _sha1_chain(honest: dict[str, str], box: Box) -> dict[str, str]:
    return honest | {ROOT: honest["root_certificate_sha1"], MIDDLE: honest["middle_certificate_sha1"]}


def _set(zh: str, en: str, make: Spoil) -> BrokenSet:
    return BrokenSet(zh, en, make)


BROKEN = {
    "wrong_password": _set(
        "PFX 密码不对", "the PFX file's password is wrong", field_of("merchant_pfx_password", _other_digit)
    ),
    "truncated_pfx": _set("PFX 文件不完整", "the PFX file is cut short", field_of(PFX, _truncated)),
    "expired_pfx": _set("商户证书已过期", "the merchant's certificate has expired", _expired_pfx),
    "other_pfx": _set("别的商户的 PFX", "another merchant's PFX file", _strangers_pfx),
    "pfx_without_key": _set("PFX 里没有私钥", "a PFX file without a private key", _pfx_without_key),
    "hex_serial": _set("证书序列号写成十六进制", "the serial number in hex", field_of("cert_id", _hex_serial)),
    "wrong_mer_id": _set("别的商户号", "another merchant number", field_of("mer_id", _other_digit)),
    "wrong_root": _set("别处的根证书", "a root certificate from elsewhere", _strangers_root),
    "wrong_middle": _set("别处的中级证书", "a middle certificate from elsewhere", _strangers_middle),
    "swapped_chain": _set("根证书与中级证书填反", "root and middle certificate swapped", _swapped),
    "leaf_as_middle": _set("把签名证书当成中级证书", "UnionPay's own certificate as the middle one", _leaf_as_middle),
    "sha1_chain": _set("SHA-1 签名的旧证书链（可用）", "the older chain signed with SHA-1 (works)", _sha1_chain),
}
