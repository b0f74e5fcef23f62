from __future__ import annotations

import json
from secrets import token_hex

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from sandbox.web import Request, Response
from sandbox.wechatpay.accounts import CERTIFICATE, Account
from sandbox.wechatpay.refusals import Refused
from sandbox.wechatpay.signing import SCHEME, lines, sign

TYPE = "application/json; charset=utf-8"


def plain(content: object, *, status: int = 200, number: int = 0) -> Response:
    """An answer that nobody has signed."""
    body = b"" if content is None else json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
    return Response(body, status, TYPE, {"Request-ID": f"08{token_hex(16).upper()}-{number}"})


def refusal(refused: Refused) -> Response:
    return plain(refused.content(), status=refused.status, number=refused.number)


def signed(response: Response, account: Account, request: Request, *, at: float) -> Response:
    """Put WeChat Pay's signature on an answer, with the key that the merchant asked for."""
    serial, key = answering_key(account, request.headers.get("wechatpay-serial", ""))
    headers = dict(response.headers) | signature(response.body, serial=serial, key=key, at=at)
    return Response(response.body, response.status, response.content_type, headers)


def answering_key(account: Account, asked: str) -> tuple[str, RSAPrivateKey]:
    """The serial and the key; while a merchant switches, whoever names the public key gets it."""
    wants_public_key = asked == account.public_key_id or not account.has_certificates
    if account.mode != CERTIFICATE and wants_public_key:
        return account.public_key_id, account.public_key
    newest = account.platform[-1]
    return newest.serial, newest.key


def named_key(account: Account, serial: str) -> RSAPrivateKey | None:
    """The key of WeChat Pay's that a merchant names, if he has it."""
    if account.has_public_key and serial == account.public_key_id:
        return account.public_key
    return next((it.key for it in account.platform if account.has_certificates and it.serial == serial), None)


def signature(body: bytes, *, serial: str, key: RSAPrivateKey, at: float) -> dict[str, str]:
    stamp, nonce = str(int(at)), token_hex(16)
    return {
        "Wechatpay-Timestamp": stamp,
        "Wechatpay-Nonce": nonce,
        "Wechatpay-Serial": serial,
        "Wechatpay-Signature": sign(lines(stamp, nonce, body), key),
        "Wechatpay-Signature-Type": SCHEME,
    }
