from __future__ import annotations

import json
from typing import Any

import pytest

from payments.gateways import ConfigError
from payments.gateways.transport import TransportError
from tests.gateways.wechatpay.desk import (
    APIV3_KEY,
    BY_CERTIFICATE,
    OTHER,
    PLATFORM_CERTIFICATE,
    PLATFORM_SERIAL,
    Desk,
    Pen,
    Wanted,
    certificate,
    sealed,
)

NEW_SERIAL = f"4{'3' * 38}C"
NEW_CERTIFICATE = certificate(Wanted(name="Tenpay.com sign", key="other", serial=int(NEW_SERIAL, 16)))
NOTHING_YET = BY_CERTIFICATE | {"platform_certificate": ""}


def entry(serial: str, pem: str, *, apiv3_key: str = APIV3_KEY) -> dict[str, Any]:
    return {
        "serial_no": serial,
        "effective_time": "2026-01-01T00:00:00+08:00",
        "expire_time": "2031-01-01T00:00:00+08:00",
        "encrypt_certificate": sealed(pem.encode(), apiv3_key=apiv3_key, context="certificate"),
    }


class TestFetchKeys:
    def test_takes_the_first_certificate_from_the_answer_that_it_verifies(self, desk: Desk) -> None:
        desk.answers(pen=Pen(serial=PLATFORM_SERIAL), data=[entry(PLATFORM_SERIAL, PLATFORM_CERTIFICATE)])

        (found,) = desk.gateway(**NOTHING_YET).fetch_keys(serial=PLATFORM_SERIAL)

        assert (found.kind, found.serial, found.value) == (
            "platform_certificate",
            PLATFORM_SERIAL,
            PLATFORM_CERTIFICATE,
        )
        assert desk.sent[0].target == "/v3/certificates"
        assert ("platform_certificate", "verify") in desk.meter.kinds

    def test_brings_the_old_and_the_new_one_while_they_overlap(self, desk: Desk) -> None:
        entries = [entry(PLATFORM_SERIAL, PLATFORM_CERTIFICATE), entry(NEW_SERIAL, NEW_CERTIFICATE)]
        desk.answers(pen=Pen(serial=NEW_SERIAL, key=OTHER), data=entries)

        found = desk.gateway(**BY_CERTIFICATE).fetch_keys()

        assert [key.serial for key in found] == [PLATFORM_SERIAL, NEW_SERIAL]

    @pytest.mark.parametrize(
        "pen", [Pen(serial=PLATFORM_SERIAL, key=OTHER), Pen(serial="ABCD"), Pen(serial=NEW_SERIAL)]
    )
    def test_takes_nothing_that_nobody_vouches_for(self, desk: Desk, pen: Pen) -> None:
        desk.answers(pen=pen, data=[entry(PLATFORM_SERIAL, PLATFORM_CERTIFICATE)])

        assert desk.gateway(**NOTHING_YET).fetch_keys() == []

    def test_takes_nothing_unsigned(self, desk: Desk) -> None:
        body = json.dumps({"data": [entry(PLATFORM_SERIAL, PLATFORM_CERTIFICATE)]}).encode()

        assert desk.answers_raw(body).gateway(**NOTHING_YET).fetch_keys() == []

    def test_blames_the_apiv3_key_that_opens_nothing(self, desk: Desk) -> None:
        desk.answers(
            pen=Pen(serial=PLATFORM_SERIAL), data=[entry(PLATFORM_SERIAL, PLATFORM_CERTIFICATE, apiv3_key="Z" * 32)]
        )

        with pytest.raises(ConfigError) as told:
            desk.gateway(**NOTHING_YET).fetch_keys()

        assert told.value.field == "apiv3_key"

    @pytest.mark.parametrize(
        "data",
        [
            [entry(NEW_SERIAL, PLATFORM_CERTIFICATE)],
            [entry(PLATFORM_SERIAL, "no certificate")],
            [{"serial_no": PLATFORM_SERIAL}],
            "x",
            [],
            None,
        ],
    )
    def test_takes_nothing_that_makes_no_sense(self, desk: Desk, data: object) -> None:
        desk.answers(pen=Pen(serial=PLATFORM_SERIAL), data=data)

        assert desk.gateway(**NOTHING_YET).fetch_keys() == []

    def test_finds_none_where_wechat_pay_gives_none(self, desk: Desk) -> None:
        assert desk.fails(404, "RESOURCE_NOT_EXISTS").gateway().fetch_keys() == []

    def test_finds_none_when_no_answer_comes(self, desk: Desk) -> None:
        assert desk.breaks(TransportError("transport.timeout", "")).gateway().fetch_keys() == []

    def test_does_not_ask_for_a_public_key(self, desk: Desk) -> None:
        assert desk.gateway().fetch_keys(serial="PUB_KEY_ID_NEW") == []
        assert desk.sent == []

    def test_tells_an_account_that_is_refused(self, desk: Desk) -> None:
        with pytest.raises(ConfigError) as told:
            desk.fails(401, "SIGN_ERROR").gateway(**NOTHING_YET).fetch_keys()

        assert told.value.field == "private_key"
