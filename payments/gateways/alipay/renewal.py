"""Alipay's next certificate, asked for by the number that an answer or a notification named."""

from __future__ import annotations

import json
from base64 import b64decode
from datetime import datetime
from secrets import token_hex
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from ..base import FetchedKey
from .account import ALIPAY_CERT, AlipayAccount
from .answer import MISREAD, UNKNOWN_KEY, Answer, read_answer, split_members
from .certificates import common_name, is_valid, is_vouched_for, read_certificates, rsa_key_of, sn_of
from .client import AlipayClient
from .codes import OK
from .keyring import Keyring, PlatformKey

DOWNLOAD = "alipay.open.app.alipaycert.download"


def missing_serial(client: AlipayClient) -> str:
    """
    The number of a certificate that Alipay signs with now and we do not hold; empty if there is none.

    :raises ConfigError: if the account is set up wrongly
    """
    question = {"out_trade_no": f"KEYCHECK{token_hex(8)}"}
    answer = client.call(method="alipay.trade.query", content=question)
    return answer.serial if answer.fault == UNKNOWN_KEY else ""


def download_certificate(
    *, client: AlipayClient, account: AlipayAccount, serial: str, at: datetime
) -> list[FetchedKey]:
    """
    The certificate of this number, if it is Alipay's for this merchant: vouched for by a root that we hold, where
    the account is live (a sandbox's roots are in no bundle). The answer that brings it may itself be signed with it.

    :raises ConfigError: if the account is set up wrongly
    """
    answer = client.call(method=DOWNLOAD, content={"alipay_cert_sn": serial})
    try:
        chain = read_certificates(_brought(answer))
        is_ours = bool(chain) and sn_of(chain[0]) == serial and _is_acceptable(chain, account=account, at=at)
    except MISREAD:
        return []
    if not is_ours:
        return []
    pem = _with_issuers(chain, account=account)
    if not _is_signed_by(chain[0], answer=answer, serial=serial):
        return []
    return [FetchedKey(kind=ALIPAY_CERT.code, value=pem, serial=serial)]


def _brought(answer: Answer) -> str:
    """What an answer holds, verified or not."""
    content: dict[str, Any] = dict(answer.content)
    if not content:
        members = split_members(answer.raw.decode())
        content = json.loads(members[DOWNLOAD.replace(".", "_") + "_response"])
    return b64decode(content["alipay_cert_content"], validate=True).decode("ascii")


def _is_acceptable(chain: list[x509.Certificate], *, account: AlipayAccount, at: datetime) -> bool:
    """Applications' certificates come from the same issuer: the name tells whose this one is."""
    leaf = chain[0]
    if rsa_key_of(leaf) is None or not common_name(leaf.subject).endswith(f"-{account.seller_id}"):
        return False
    if not account.is_live:
        return is_valid(leaf, at=at)
    between = [*chain[1:], *(one for known in account.alipay_certificates for one in known[1:])]
    return is_vouched_for(leaf, between=between, roots=account.roots, at=at)


def _is_signed_by(leaf: x509.Certificate, *, answer: Answer, serial: str) -> bool:
    key = rsa_key_of(leaf)
    if not answer.trusted and key is not None:
        ring = Keyring([PlatformKey(kind=ALIPAY_CERT.code, value="", key=key, serial=serial)], has_serials=True)
        answer = read_answer(body=answer.raw, method=DOWNLOAD, keys=ring)
    return answer.trusted and answer.status == OK


def _with_issuers(chain: list[x509.Certificate], *, account: AlipayAccount) -> str:
    """Its own certificate first; where its issuer's did not come along, the one we hold."""
    issuers = chain[1:] or [one for known in account.alipay_certificates[:1] for one in known[1:]]
    return "".join(one.public_bytes(Encoding.PEM).decode() for one in (chain[0], *issuers))
