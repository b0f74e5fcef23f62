"""The trade bill of a day: asked for, fetched, and compared with its check sum."""

from __future__ import annotations

from hashlib import sha1
from hmac import compare_digest
from io import BytesIO
from urllib.parse import urlencode

from ..fields import link, text
from ..statement import Availability, StatementFile, StatementRequest, UnreadableStatement
from ..transport import HostNotAllowed, TransportError
from .answer import MALFORMED, MISREAD, Answer
from .bill_read import unpacked
from .client import WechatpayClient
from .codes import NO_STATEMENT, STATEMENT_NOT_YET

MAX_PACKED_BYTES = 64 * 1024 * 1024
OTHER_CHECK_SUM = "answer.other_check_sum"
OTHER_HOST = "answer.other_host"
HTTP_OK = 200

REFUSALS = {NO_STATEMENT: Availability.EMPTY, STATEMENT_NOT_YET: Availability.NOT_YET}


def fetch_bill(*, client: WechatpayClient, request: StatementRequest) -> StatementFile:
    """
    :raises ConfigError: if the account is set up wrongly
    """
    query = urlencode({"bill_date": request.day.isoformat(), "bill_type": "ALL", "tar_type": "GZIP"})
    answer = client.get(f"/v3/bill/tradebill?{query}", api="tradebill")
    if not answer.is_done:
        known = REFUSALS.get(answer.native_code) if answer.trusted else None
        return _without_file(known or Availability.UNKNOWN, code=answer.code, message=answer.words)
    try:
        return _download(answer, client=client, name=f"wechatpay-{request.day.isoformat()}.csv.gz")
    except MISREAD:
        return _without_file(Availability.UNKNOWN, code=MALFORMED)


def _download(answer: Answer, *, client: WechatpayClient, name: str) -> StatementFile:
    url, promised = link(answer.content["download_url"]), text(answer.content["hash_value"])
    if text(answer.content["hash_type"]) != "SHA1":
        raise ValueError("another kind of check sum")
    try:
        response = client.fetch(url, limit=MAX_PACKED_BYTES)
    except TransportError as error:
        return _without_file(Availability.UNKNOWN, code=error.code, message=str(error))
    except HostNotAllowed as error:
        return _without_file(Availability.UNKNOWN, code=OTHER_HOST, message=str(error))
    if response.status != HTTP_OK:
        return _without_file(Availability.UNKNOWN, code=f"http.{response.status}")
    if not _is_promised(response.body, promised=promised):
        return _without_file(Availability.UNKNOWN, code=OTHER_CHECK_SUM)
    return StatementFile(availability=Availability.READY, content=response.body, name=name)


def _is_promised(packed: bytes, *, promised: str) -> bool:
    """Files are not signed; the check sum in the signed answer is of what is inside."""
    digest = sha1(usedforsecurity=False)
    try:
        for block in unpacked(BytesIO(packed)):
            digest.update(block)
    except UnreadableStatement:
        return False
    return compare_digest(digest.hexdigest(), promised.lower())


def _without_file(availability: Availability, *, code: str, message: str = "") -> StatementFile:
    return StatementFile(availability=availability, code=code, message=message)
