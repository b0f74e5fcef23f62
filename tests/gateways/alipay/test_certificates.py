from __future__ import annotations

import json

import pytest

from payments.gateways.alipay.certificates import certificate_sn, root_certificate_sn
from tests.gateways.alipay.desk import ALIPAY_PUBLIC_KEY, vector

NUMBERS: dict[str, str] = json.loads(vector("cert_sn_checked.json"))
ROOTS = {name: number for name, number in NUMBERS.items() if "root" in name.lower()}
LEAVES = {name: number for name, number in NUMBERS.items() if name not in ROOTS}


class TestCertificateSn:
    @pytest.mark.parametrize("name", LEAVES)
    def test_is_the_number_of_the_first_certificate(self, name: str) -> None:
        assert certificate_sn(vector(name)) == LEAVES[name]

    def test_has_32_digits(self) -> None:
        assert {len(certificate_sn(vector(name))) for name in LEAVES} == {32}

    def test_needs_a_certificate(self) -> None:
        with pytest.raises(ValueError, match="no certificate"):
            certificate_sn(ALIPAY_PUBLIC_KEY)


class TestRootCertificateSn:
    @pytest.mark.parametrize("name", ROOTS)
    def test_joins_the_rsa_roots_and_skips_the_others(self, name: str) -> None:
        assert root_certificate_sn(vector(name)) == ROOTS[name]

    def test_reads_windows_line_ends(self) -> None:
        name = "gopay/alipayRootCert.crt"

        assert root_certificate_sn(vector(name).replace("\n", "\r\n")) == ROOTS[name]

    def test_needs_an_rsa_root(self) -> None:
        with pytest.raises(ValueError, match="no RSA root"):
            root_certificate_sn(ALIPAY_PUBLIC_KEY)
