from __future__ import annotations

import json
from collections.abc import Mapping
from zlib import crc32

from sandbox.alipay.accounts import Account
from sandbox.alipay.refusals import MESSAGES, Refused
from sandbox.alipay.signing import sign
from sandbox.web import Response

SUCCESS: dict[str, object] = {"code": "10000", "msg": MESSAGES["10000"]}


def signed(account: Account, method: str, content: Mapping[str, object], *, charset: str, serial: str = "") -> Response:
    """
    An answer as Alipay gives it: JSON called text/html, with the object's own characters signed.

    :param serial: of the certificate, in certificate mode
    """
    raw = _raw(content, charset=charset)
    signature = sign(raw.encode(charset), account.alipay_key)
    return wrap(method, raw, signature=signature, charset=charset, serial=serial)


def unsigned(method: str, content: Mapping[str, object], *, charset: str = "utf-8") -> Response:
    return wrap(method, _raw(content, charset=charset), signature="", charset=charset)


def refusal(refused: Refused) -> Response:
    """What is said to somebody who could not prove who he is: without a signature."""
    raw = _raw(refused.content(), charset="utf-8")
    return _respond(f'{{"error_response":{raw}}}', charset="utf-8")


def wrap(method: str, raw: str, *, signature: str, charset: str, serial: str = "") -> Response:
    ending = f',"alipay_cert_sn":"{serial}"' if serial else ""
    ending += f',"sign":"{signature}"' if signature else ""
    return _respond(f'{{"{method.replace(".", "_")}_response":{raw}{ending}}}', charset=charset)


def _raw(content: Mapping[str, object], *, charset: str) -> str:
    raw = json.dumps(content, ensure_ascii=charset != "utf-8", separators=(",", ":"))
    # Some of Alipay's machines escape the slash and some do not; both forms are signed as they stand.
    return raw.replace("/", "\\/") if crc32(raw.encode()) % 2 else raw


def _respond(content: str, *, charset: str) -> Response:
    return Response(content.encode(charset), content_type=f"text/html;charset={charset}")
