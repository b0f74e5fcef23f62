from __future__ import annotations

from base64 import b64decode
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from backoffice.staff.matrix import Role
from kernel.clock import now
from payments.gateways import AccountField, FieldKind
from payments.gateways.account import MODE
from payments.models import Credential, CredentialUse, GatewayAccount
from tests.factories import AccountFactory
from tests.gateways.alipay.desk import vector
from tests.gateways.test_certificates import pfx as pfx_of
from tests.gateways.test_certificates import self_signed
from tests.payments.fakes import FakeGateway

from .staff import address, signed_in, submit, text_of

pytestmark = [pytest.mark.django_db, pytest.mark.once]

CHANGE, RETIRE = "payments_gatewayaccount_change", "payments_gatewayaccount_retire_key"
CERTIFICATE = vector("gopay/alipayPublicCert.crt")
KEY = rsa.generate_private_key(public_exponent=65_537, key_size=2048)


def asked(code: str, kind: FieldKind, *modes: str, **facts: Any) -> AccountField:
    return AccountField(code=code, label=code.title(), help="", kind=kind, only_in=frozenset(modes), **facts)


@pytest.fixture(autouse=True)
def _two_modes(monkeypatch: pytest.MonkeyPatch) -> None:
    choices = (("bare", "Bare keys"), ("cert", "Certificates"))
    mode = AccountField(code=MODE, label="Mode", help="", kind=FieldKind.CHOICE, choices=choices, required=False)
    monkeypatch.setattr(FakeGateway, "SETTING_FIELDS", (mode, asked("number", FieldKind.TEXT, "cert", required=False)))
    fields = (
        asked("mine", FieldKind.PRIVATE_KEY, required=False),
        asked("theirs", FieldKind.PUBLIC_KEY, "bare", required=False),
        asked("cert", FieldKind.CERTIFICATE, "cert", required=False),
        asked("pfx", FieldKind.PFX, "cert", required=False),
        asked("word", FieldKind.SECRET, required=False),
    )
    monkeypatch.setattr(FakeGateway, "CREDENTIAL_FIELDS", fields)


@pytest.fixture
def account() -> GatewayAccount:
    return AccountFactory.create(settings={"mode": "cert", "number": "7"})


def save(client: Client, account: GatewayAccount, **fields: Any) -> Any:
    known = {"name": "A", "environment": "sandbox", "position": "0", "setting_mode": "cert", "methods": ["qr"]}
    return submit(client, address(CHANGE, account.pk), **known | fields)


def upload(content: bytes) -> SimpleUploadedFile:
    return SimpleUploadedFile("key.bin", content)


def kept(kind: str) -> Credential:
    return Credential.objects.get(kind=kind, retired_at=None)


class TestTheMode:
    def test_decides_what_is_asked_for(self, owner: Client, account: GatewayAccount) -> None:
        shown = set(owner.get(address(CHANGE, account.pk)).context["form"].fields)
        other = set(owner.get(address(CHANGE, account.pk), {"mode": "bare"}).context["form"].fields)

        assert {"key_cert", "file_pfx", "setting_number"} <= shown
        assert "key_theirs" not in shown
        assert "key_theirs" in other
        assert not {"key_cert", "file_pfx", "setting_number"} & other

    def test_that_is_none_of_the_gateway_s_is_passed_over(self, owner: Client, account: GatewayAccount) -> None:
        assert owner.get(address(CHANGE, account.pk), {"mode": "nonsense"}).context["form"].mode == "cert"

    def test_is_saved_and_keeps_what_the_other_one_had(self, owner: Client, account: GatewayAccount) -> None:
        save(owner, account, key_cert=CERTIFICATE, setting_number="7")
        save(owner, account, setting_mode="bare")

        account.refresh_from_db()
        assert account.settings == {"mode": "bare", "number": "7"}
        page = owner.get(address(CHANGE, account.pk))
        assert "Kept from the other way of authentication" in text_of(page)
        assert kept("cert").fingerprint in text_of(page)


class TestAnUpload:
    @pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
    @pytest.mark.parametrize("encoding", [Encoding.PEM, Encoding.DER])
    def test_of_a_key_in_any_shape_is_kept_in_one(
        self, owner: Client, account: GatewayAccount, form: PrivateFormat, encoding: Encoding
    ) -> None:
        save(owner, account, file_mine=upload(KEY.private_bytes(encoding, form, NoEncryption())))

        pem = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        assert kept("mine").value == pem

    def test_of_a_certificate_tells_serial_and_end(self, owner: Client, account: GatewayAccount) -> None:
        save(owner, account, file_cert=upload(b"\xef\xbb\xbf" + CERTIFICATE.replace("\n", "\r\n").encode()))

        row = kept("cert")
        assert row.serial
        assert row.valid_to is not None
        text = text_of(owner.get(address(CHANGE, account.pk)))
        assert row.serial in text
        assert f"valid to {row.valid_to:%Y-%m-%d}" in text

    def test_of_a_pfx_needs_its_password_once(self, owner: Client, account: GatewayAccount, pfx: bytes) -> None:
        refused = save(owner, account, file_pfx=upload(pfx), password_pfx="wrong")
        assert "the password does not open" in str(refused.context["form"].errors)

        save(owner, account, file_pfx=upload(pfx), password_pfx="123456")
        assert kept("pfx").valid_to is not None

    def test_that_is_too_large_is_refused(self, owner: Client, account: GatewayAccount) -> None:
        page = save(owner, account, file_mine=upload(b"A" * 70_000))

        assert "too large" in str(page.context["form"].errors["file_mine"])

    def test_that_is_something_else_is_named_beside_its_field(self, owner: Client, account: GatewayAccount) -> None:
        page = save(owner, account, file_mine=upload(CERTIFICATE.encode()))

        assert "this is a certificate" in str(page.context["form"].errors["key_mine"])

    @pytest.fixture
    def pfx(self) -> bytes:
        return b64decode(pfx_of(KEY, self_signed(KEY), password=b"123456"))


class TestASecretWord:
    def test_is_shown_by_fingerprint_alone(self, owner: Client, account: GatewayAccount) -> None:
        save(owner, account, key_word="a-word-of-thirty-two-characters!")

        html = owner.get(address(CHANGE, account.pk)).content.decode()
        assert kept("word").fingerprint in html
        assert "ters!" not in html


class TestAKeyThatIsThere:
    def test_shows_what_it_did(self, owner: Client, account: GatewayAccount) -> None:
        save(owner, account, key_word="word")
        at = now() - timedelta(minutes=90)
        CredentialUse.objects.create(credential=kept("word"), hour=at, signed=12, verified=34, last_at=at)

        assert "24 hours: signed 12, verified 34 · last used" in text_of(owner.get(address(CHANGE, account.pk)))

    def test_waits_for_its_time(self, owner: Client, account: GatewayAccount) -> None:
        save(owner, account, key_word="old")
        save(owner, account, key_word="new", signs_from="2099-01-01T08:00")

        text = text_of(owner.get(address(CHANGE, account.pk)))
        assert "Signs from 2099-01-01 08:00" in text
        assert "✓ Set" in text


class TestRetiring:
    @pytest.fixture
    def old(self, owner: Client, account: GatewayAccount) -> Credential:
        for word in ("old", "new"):
            save(owner, account, key_word=word)
        return Credential.objects.order_by("pk")[0]

    def retire(self, client: Client, old: Credential, **fields: Any) -> str:
        return text_of(submit(client, address(RETIRE, old.account_id), credential=old.pk, **fields))

    def is_retired(self, old: Credential) -> bool:
        old.refresh_from_db()
        return old.retired_at is not None

    def use(self, old: Credential) -> None:
        CredentialUse.objects.create(credential=old, hour=now(), signed=1, last_at=now())

    def test_of_one_that_rests_is_open_to_operations(self, old: Credential) -> None:
        assert "The key is retired." in self.retire(signed_in(Role.OPS), old)
        assert self.is_retired(old)

    def test_of_one_in_use_is_refused_with_figures(self, owner: Client, old: Credential) -> None:
        self.use(old)

        assert "it signed 1 times and verified 0 times" in self.retire(owner, old)
        assert not self.is_retired(old)

    def test_can_be_forced_by_owners_alone(self, owner: Client, old: Credential) -> None:
        self.use(old)
        self.retire(signed_in(Role.OPS), old, force="on", reason="stolen")
        assert not self.is_retired(old)

        self.retire(owner, old, force="on", reason="stolen")
        assert self.is_retired(old)

    def test_of_another_account_s_key_is_refused(self, owner: Client, old: Credential) -> None:
        elsewhere = AccountFactory.create()
        submit(owner, address(RETIRE, elsewhere.pk), credential=old.pk)

        assert not self.is_retired(old)


def test_the_dialog_that_retires_a_key_names_it(owner: Client, account: GatewayAccount) -> None:
    save(owner, account, key_cert=CERTIFICATE)
    row = kept("cert")

    shown = text_of(owner.get(address(RETIRE, account.pk), {"key": row.pk}))

    assert all(it in shown for it in ("Cert", row.tail, row.serial, row.fingerprint, f"{row.valid_to:%Y-%m-%d}"))


def test_the_dialog_of_a_key_that_is_gone_says_so(owner: Client, account: GatewayAccount) -> None:
    for key in ("99999", "x", ""):
        assert "no such key any more" in text_of(owner.get(address(RETIRE, account.pk), {"key": key}))
