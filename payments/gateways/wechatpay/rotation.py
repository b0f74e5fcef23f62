"""Platform certificates as WeChat Pay hands them out: sealed, in an answer that one of them signs."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from ..account import ConfigError
from ..base import FetchedKey, Meter
from ..fields import text
from ..keys import load_public
from ..transport import Response, TransportError
from . import fields
from .account import WechatpayAccount
from .answer import MISREAD, read_answer
from .client import WechatpayClient
from .codes import refuse_wrong_account
from .platform import PlatformKey, PlatformKeys, is_same_serial, serial_of
from .sealed import OtherApiv3Key, unseal

logger = logging.getLogger(__name__)

PATH = "/v3/certificates"


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateDownload:
    account: WechatpayAccount
    client: WechatpayClient
    meter: Meter
    at: datetime

    def fetch(self) -> list[FetchedKey]:
        """
        The certificates in use now; none if WeChat Pay gives this merchant none, or gave no usable answer.

        :raises ConfigError: if the account is set up wrongly, or its APIv3 key does not open them
        """
        try:
            response = self.client.ask(PATH)
        except TransportError as error:
            logger.warning("payments.wechatpay.certificates code=%s", error.code)
            return []
        return self._read(response)

    def _read(self, response: Response) -> list[FetchedKey]:
        """
        At first nobody holds the key that would verify this answer: it is inside. What our APIv3 key opens comes
        from WeChat Pay; its signature over the whole answer must fit as well.
        """
        unverified = read_answer(response, keys=PlatformKeys([]), at=self.at)
        refuse_wrong_account(unverified, at=self.at)
        try:
            fetched = [self._open(entry) for entry in unverified.content.get("data") or []]
        except MISREAD:
            logger.warning("payments.wechatpay.certificates code=unreadable request_id=%s", unverified.request_id)
            return []
        answer = read_answer(response, keys=PlatformKeys([*self._known(), *fetched]), at=self.at)
        if not answer.is_done or answer.signer is None:
            logger.warning("payments.wechatpay.certificates code=%s request_id=%s", answer.code, answer.request_id)
            return []
        self.meter(kind=answer.signer.kind, value=answer.signer.text, act="verify")
        return [FetchedKey(kind=it.kind, value=it.text, serial=it.serial) for it in fetched]

    def _open(self, entry: Mapping[str, Any]) -> PlatformKey:
        field = fields.PLATFORM_CERTIFICATE
        try:
            clear, key = unseal(entry["encrypt_certificate"], keys=self.account.apiv3_keys)
        except OtherApiv3Key as error:
            raise fields.WrongApiv3Key(field=fields.APIV3_KEY.code, label=fields.APIV3_KEY.label) from error
        self.meter(kind=fields.APIV3_KEY.code, value=key, act="verify")
        certificate = x509.load_pem_x509_certificate(clear)
        pem, serial = certificate.public_bytes(Encoding.PEM).decode(), serial_of(certificate)
        if not is_same_serial(text(entry["serial_no"]), serial):
            raise ValueError("a certificate of another number")
        return PlatformKey(kind=field.code, text=pem, serial=serial, key=load_public(pem, field=field))

    def _known(self) -> list[PlatformKey]:
        """The keys that we hold; where they are the trouble, the answer must do without them."""
        try:
            return [*self.account.platform_public_keys, *self.account.platform_certificates]
        except ConfigError:
            return []
