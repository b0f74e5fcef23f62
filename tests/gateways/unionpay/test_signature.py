from __future__ import annotations

import json
from base64 import b64encode
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256

from payments.gateways import ForgedNotification, Outcome
from payments.gateways.certificates import load_pfx
from payments.gateways.unionpay.fields import SIGNING_PFX
from payments.gateways.unionpay.signature import as_bytes, is_signed, sign, string_to_sign
from payments.gateways.unionpay.statement import unpack
from tests.gateways.unionpay.desk import VECTORS, Desk, inbound, published, published_notification

SDK = json.loads(published("sdk_tests.json"))
PFX = b64encode((VECTORS / SDK["pfx"]).read_bytes()).decode()
OURS = load_pfx(PFX, password=SDK["pfx_password"], field=SIGNING_PFX)
SIGNED = string_to_sign(as_bytes({**SDK["params"], "version": "5.1.0", "signMethod": "01", "certId": SDK["cert_id"]}))
RECEIVED = datetime(2022, 9, 8, 5, 23, tzinfo=UTC)
TEST_GATEWAY: dict[str, Any] = {
    "root_cert": published("acp_test_root.cer"),
    "middle_cert": published("acp_test_middle.cer"),
}


class TestPublishedSignature:
    def test_is_made_byte_for_byte(self) -> None:
        assert sign(signed=SIGNED, key=OURS.key) == SDK["expected"]["5.1.0/01"]

    def test_is_verified(self) -> None:
        made = SDK["expected"]["5.1.0/01"].encode()

        assert is_signed(signed=SIGNED, signature=made, key=OURS.key.public_key())
        assert not is_signed(signed=SIGNED + b" ", signature=made, key=OURS.key.public_key())

    def test_is_another_without_the_hex_digits_in_between(self) -> None:
        once = b64encode(OURS.key.sign(SIGNED, PKCS1v15(), SHA256()))

        assert once.decode() != SDK["expected"]["5.1.0/01"]
        assert not is_signed(signed=SIGNED, signature=once, key=OURS.key.public_key())

    def test_carries_the_serial_number_in_decimal(self) -> None:
        assert str(OURS.certificate.serial_number) == SDK["cert_id"] == "68759663125"

    @pytest.mark.parametrize("signature", [b"", b"?", b"AAAA"])
    def test_is_no_signature_if_it_is_none(self, signature: bytes) -> None:
        assert not is_signed(signed=SIGNED, signature=signature, key=OURS.key.public_key())


class TestPublishedNotification:
    def test_is_believed_along_its_chain_of_sha1(self, desk: Desk) -> None:
        request = inbound(published_notification(), at=RECEIVED)

        event = desk.gateway(**TEST_GATEWAY).parse_notification(request=request)

        assert (event.outcome, event.payment_no, event.amount_fen) == (
            Outcome.SUCCEEDED,
            "yansongda20220908132206",
            1,
        )
        assert (event.gateway_trade_no, event.claims) == ("782209081322060674028", {"merId": "777290058167151"})
        assert event.occurred_at == datetime(2022, 9, 8, 5, 22, 6, tzinfo=UTC)

    def test_is_refused_with_other_line_ends_in_its_certificate(self, desk: Desk) -> None:
        fields = published_notification()
        fields["signPubKeyCert"] = fields["signPubKeyCert"].replace("\r\n", "\n")

        with pytest.raises(ForgedNotification, match="signature"):
            desk.gateway(**TEST_GATEWAY).parse_notification(request=inbound(fields, at=RECEIVED))

    def test_is_refused_once_its_certificate_has_expired(self, desk: Desk) -> None:
        late = datetime(2026, 1, 1, tzinfo=UTC)

        with pytest.raises(ForgedNotification, match="expired"):
            desk.gateway(**TEST_GATEWAY).parse_notification(request=inbound(published_notification(), at=late))


def test_published_file_is_unpacked() -> None:
    assert unpack(SDK["file_content"]["encoded"]) == SDK["file_content"]["plain"].encode()
