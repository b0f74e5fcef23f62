from __future__ import annotations

import pytest

from payments.gateways.certificates import normalise_pfx
from payments.gateways.unionpay.fields import SIGNING_PFX
from tests.gateways.alipay.desk import APP_PRIVATE_KEY
from tests.gateways.metering import Meter
from tests.gateways.unionpay.desk import MIDDLE, OUR_KEY, OURS, PFX, SECRET, Desk, issue, payment_ref, pfx


class TestSigning:
    def test_is_the_same_whichever_way_the_key_is_kept(self, desk: Desk) -> None:
        stored = normalise_pfx(PFX, password=SECRET.decode(), field=SIGNING_PFX)
        for gateway in (
            desk.gateway(),
            desk.gateway(signing_pfx=stored, pfx_password=""),
            desk.gateway(mode="pem", private_key=APP_PRIVATE_KEY, signing_cert=OURS.pem),
        ):
            gateway.query(ref=payment_ref())

        assert len({tuple(sent.form.items()) for sent in desk.sent}) == 1

    def test_takes_the_newest_certificate(self, desk: Desk) -> None:
        newer = pfx(issue("041@Z1@某某商户@2", OUR_KEY, by=MIDDLE, serial=69_000_000_000))
        desk.gateway(signing_pfx=newer, others={"signing_pfx": (PFX,)}).query(ref=payment_ref())

        assert desk.sent[0].form["certId"] == "69000000000"

    def test_is_counted(self, desk: Desk) -> None:
        meter = Meter()

        desk.gateway(meter=meter).query(ref=payment_ref())
        assert meter.of("sign") == [("signing_pfx", PFX), ("pfx_password", SECRET.decode())]

        meter.acts.clear()
        desk.gateway(meter=meter, mode="pem", private_key=APP_PRIVATE_KEY, signing_cert=OURS.pem).query(
            ref=payment_ref()
        )
        assert meter.of("sign") == [("private_key", APP_PRIVATE_KEY), ("signing_cert", OURS.pem)]


class TestAddress:
    @pytest.mark.parametrize("given", ["http://127.0.0.1:8900", "http://127.0.0.1:8900/gateway/api"])
    def test_of_a_sandbox_may_be_written_short(self, desk: Desk, given: str) -> None:
        desk.gateway(base_url=given).query(ref=payment_ref())

        assert desk.sent[0].url == "http://127.0.0.1:8900/gateway/api/queryTrans.do"
