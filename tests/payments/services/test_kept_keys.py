"""Keys are parsed once in a process, and never used or kept once they have changed, whichever process changed them."""

from __future__ import annotations

import gc
import weakref
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from payments.gateways import ConfigError, certificates, keys, pem
from payments.gateways.alipay.signature import is_signed, string_to_sign
from payments.gateways.transport import HttpTransport, TransportError
from payments.models import Credential, GatewayAccount
from payments.services import accounts, credentials, gateway_of, retire_credential, set_credential
from tests.gateways.alipay import desk as alipay
from tests.helpers import NOON
from tests.payments.services.test_accounts import private
from tests.payments.services.test_broken_setups import DESKS, stored

pytestmark = pytest.mark.django_db

PARSERS = (
    (pem, "blocks"),
    (certificates, "blocks"),
    (pem, "load_der_private_key"),
    (pem, "load_der_public_key"),
    (certificates, "load_pkcs12"),
    (x509, "load_der_x509_certificate"),
    (x509, "load_pem_x509_certificate"),
)


@pytest.fixture(autouse=True)
def sent(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The requests that went out; nobody answers."""
    requests: list[dict[str, Any]] = []

    def send(_transport: HttpTransport, **request: Any) -> None:
        requests.append(request)
        raise TransportError("transport.unreachable", "nobody is there")

    monkeypatch.setattr(HttpTransport, "send", send)
    monkeypatch.setattr(accounts, "_gateways", {})
    keys.forget_private()
    certificates.forget_pfx()
    return requests


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the parsers that were called."""
    called: list[str] = []
    for place, name in PARSERS:
        parse = getattr(place, name)

        def noted(*args: Any, _parse: Any = parse, _name: str = name, **kwargs: Any) -> Any:
            called.append(_name)
            return _parse(*args, **kwargs)

        monkeypatch.setattr(place, name, noted)
    return called


@pytest.fixture
def account() -> GatewayAccount:
    return stored(alipay.config(), "alipay")


def query(account: GatewayAccount) -> None:
    gateway_of(account).query(ref=DESKS[account.gateway].payment_ref())


def signed_by(request: dict[str, Any], key: rsa.RSAPublicKey) -> bool:
    params = dict(parse_qsl(urlsplit(request["url"]).query)) | dict(parse_qsl(request["content"].decode()))
    return is_signed(signed=string_to_sign(params), signature=params["sign"], key=key)


class TestWarm:
    @pytest.mark.parametrize("gateway", sorted(DESKS))
    def test_requests_parse_no_key(self, gateway: str, parsed: list[str], sent: list[dict[str, Any]]) -> None:
        account = stored(DESKS[gateway].config(), gateway)
        query(account)
        assert parsed
        parsed.clear()

        for _request in range(3):
            query(GatewayAccount.objects.get(pk=account.pk))

        assert parsed == []
        assert len(sent) == 4

    def test_requests_ask_for_the_marks_of_the_keys_and_nothing_else(
        self, account: GatewayAccount, django_assert_num_queries: Any
    ) -> None:
        query(account)

        with django_assert_num_queries(1) as asked:
            query(account)

        assert "value_sealed" not in asked[0]["sql"]


class TestAChange:
    @pytest.fixture(params=["in this process", "in another one"])
    def _elsewhere(self, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
        """Of a change that another process made, this one is told nothing."""
        if request.param == "in another one":
            monkeypatch.setattr(credentials, "forget_keys", lambda _account_id: None)

    @pytest.mark.usefixtures("_elsewhere")
    def test_is_signed_with_at_once(self, account: GatewayAccount, sent: list[dict[str, Any]]) -> None:
        query(account)
        newer = rsa.generate_private_key(public_exponent=65_537, key_size=2048)

        set_credential(account_id=account.pk, kind="private_key", value=private(newer), by=None, at=NOON)
        query(account)

        older = alipay.private_key(alipay.APP_PRIVATE_KEY).public_key()
        assert [signed_by(request, older) for request in sent] == [True, False]
        assert signed_by(sent[1], newer.public_key())

    @pytest.mark.usefixtures("_elsewhere")
    def test_leaves_nothing_that_a_retired_key_could_sign_with(self, account: GatewayAccount) -> None:
        query(account)

        retire(account, "private_key")

        with pytest.raises(ConfigError):
            query(account)

    @pytest.mark.django_db(transaction=True)
    def test_leaves_no_parsed_key_in_this_process(self, account: GatewayAccount) -> None:
        query(account)
        held = weakref.ref(gateway_of(account))

        retire(account, "private_key")

        gc.collect()
        assert held() is None
        assert not keys._private_keys._keys

    def test_that_was_refused_leaves_no_parsed_key_either(self, account: GatewayAccount) -> None:
        with pytest.raises(ConfigError):
            set_credential(
                account_id=account.pk,
                kind="alipay_public_key",
                value=private(rsa.generate_private_key(public_exponent=65_537, key_size=2048)),
                by=None,
                at=NOON,
            )

        assert not keys._private_keys._keys


def retire(account: GatewayAccount, kind: str) -> None:
    row = Credential.objects.get(account=account, kind=kind)
    retire_credential(account_id=account.pk, credential_id=row.pk, force=True, reason="lost", by=None, at=NOON)
