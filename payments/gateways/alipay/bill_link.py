"""Fetching a day's statement: a signed question, then a file under an address that lives for 30 seconds."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from datetime import datetime, time, timedelta
from urllib.parse import urlsplit, urlunsplit

from kernel.clock import SHANGHAI

from ..fields import link
from ..statement import Availability, StatementFile, StatementRequest
from ..transport import FileSource, FileTransport, HostNotAllowed, TransportError
from .answer import MALFORMED, MISREAD, Answer
from .client import HTTP_OK, AlipayClient
from .codes import OK

logger = logging.getLogger(__name__)

QUESTION = "alipay.data.dataservice.bill.downloadurl.query"
READY_AT = time(hour=9)  # of the next day
NO_BILL = "bill_not_exist"
LIVE_HOSTS = ("alipay.com", "alipayobjects.com", "alipay-eco.com")
WRONG_HOST = "answer.wrong_host"
FILE_NAME = re.compile(r'filename="?([\w.()-]{1,100})"?')
ZIP = b"PK\x03\x04"


def fetch_statement(
    *, client: AlipayClient, request: StatementRequest, files: FileSource | None, is_live: bool, at: datetime
) -> StatementFile:
    """
    :raises ConfigError: if the account is set up wrongly
    """
    answer = client.call(method=QUESTION, content={"bill_type": "trade", "bill_date": f"{request.day:%Y-%m-%d}"})
    if not (answer.trusted and answer.status == OK):
        return StatementFile(availability=_absence(answer, request, at=at), code=answer.code, message=answer.words)
    try:
        url = _secured(link(answer.content["bill_download_url"]), is_live=is_live)
    except MISREAD:
        return StatementFile(availability=Availability.UNKNOWN, code=MALFORMED)
    return _download(url, files=files or FileTransport(is_allowed=is_bill_address if is_live else _is_any))


def is_bill_address(url: str) -> bool:
    """Whether Alipay itself keeps the file there: https, and a host of its own."""
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    ours = any(host == name or host.endswith(f".{name}") for name in LIVE_HOSTS)
    return parts.scheme == "https" and ours and parts.port in (None, 443) and not parts.username


def _is_any(url: str) -> bool:
    """A sandbox keeps its files wherever it runs."""
    return True


def _secured(url: str, *, is_live: bool) -> str:
    """Alipay's documentation shows the address without TLS; its host speaks it, and nothing else is fetched."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(scheme="https")) if is_live and parts.port is None else url


def _absence(answer: Answer, request: StatementRequest, *, at: datetime) -> Availability:
    """A day on which nothing moved has no statement, and neither has one whose statement is still being made."""
    if not (answer.trusted and answer.code.lower().endswith(NO_BILL)):
        return Availability.UNKNOWN
    ready_at = datetime.combine(request.day + timedelta(days=1), READY_AT, tzinfo=SHANGHAI)
    return Availability.NOT_YET if at < ready_at else Availability.EMPTY


def _download(url: str, *, files: FileSource) -> StatementFile:
    try:
        response = files.fetch(url=url)
    except TransportError as error:
        return StatementFile(availability=Availability.UNKNOWN, code=error.code, message=str(error))
    except HostNotAllowed as error:
        logger.warning("payments.alipay.statement_elsewhere origin=%s", error)
        return StatementFile(availability=Availability.UNKNOWN, code=WRONG_HOST, message=str(error))
    if response.status != HTTP_OK:
        return StatementFile(availability=Availability.UNKNOWN, code=f"http.{response.status}")
    if not response.body.startswith(ZIP):
        return StatementFile(availability=Availability.UNKNOWN, code=MALFORMED)
    return StatementFile(availability=Availability.READY, content=response.body, name=_name(response.headers))


def _name(headers: Mapping[str, str]) -> str:
    found = FILE_NAME.search(headers.get("content-disposition", ""))
    return found[1] if found else ""
