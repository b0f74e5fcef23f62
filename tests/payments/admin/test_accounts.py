from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.test import Client

from backoffice.staff.matrix import Role
from customers.models import CustomerType
from kernel.models import AuditEntry
from payments import services
from payments.gateways import GATEWAYS, CheckResult, CheckStatus
from payments.models import Credential, GatewayAccount
from tests.payments.fakes import FakeGateway

from .staff import address, signed_in, submit, text_of

pytestmark = [pytest.mark.django_db, pytest.mark.once]

ADD = "payments_gatewayaccount_add"
CHANGE = "payments_gatewayaccount_change"


def pair() -> tuple[str, str]:
    """A private key and its public half, as PEM."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return private.decode(), public.decode()


@pytest.fixture(scope="module")
def ours() -> tuple[str, str]:
    return pair()


@pytest.fixture(scope="module")
def alipays() -> tuple[str, str]:
    return pair()


def filled(**changes: Any) -> dict[str, Any]:
    return {
        "code": "alipay",
        "name": "支付宝",
        "environment": "sandbox",
        "gateway_url": "http://127.0.0.1:8001/gateway.do",
        "position": "0",
        "is_enabled": "on",
        "methods": ["qr", "page"],
        "setting_app_id": "9021000000000001",
        "setting_seller_id": "2088000000000001",
    } | changes


@pytest.fixture
def account(owner: Client, ours: tuple[str, str], alipays: tuple[str, str]) -> GatewayAccount:
    submit(owner, address(ADD), **filled(key_private_key=ours[0], key_alipay_public_key=alipays[1]))
    return GatewayAccount.objects.get()


class TestTheForm:
    def test_asks_for_what_the_gateway_needs(self, owner: Client) -> None:
        text = text_of(owner.get(address(ADD)))

        assert [field for field in ("Alipay app ID", "Application private key", "Alipay public key") if field in text]
        assert "Mobile web page" in text

    def test_saves_an_account_with_its_keys(self, account: GatewayAccount) -> None:
        assert (account.environment, account.methods, account.is_enabled) == ("sandbox", ["qr", "page"], True)
        assert account.settings["app_id"] == "9021000000000001"
        assert set(Credential.objects.values_list("kind", flat=True)) == {"private_key", "alipay_public_key"}

    def test_writes_who_did_it_into_the_audit_log_without_the_keys(
        self, account: GatewayAccount, ours: tuple[str, str]
    ) -> None:
        entries = AuditEntry.objects.filter(action__startswith="payments.")

        assert {it.actor for it in entries} == {"the_owner"}
        assert not [it for it in entries if ours[0][60:90] in str(it.after)]

    def test_of_an_unknown_gateway_goes_back_to_one_that_is_known(self, owner: Client) -> None:
        page = owner.get(address(ADD), {"gateway": "paypal"}, follow=True)

        assert "There is no gateway “paypal”." in text_of(page)

    def test_keeps_a_code_that_is_taken_from_being_used_twice(self, owner: Client, account: GatewayAccount) -> None:
        page = submit(owner, address(ADD), **filled())

        assert "There is an account with this code already." in text_of(page)


class TestKeys:
    def test_are_never_shown_again(self, owner: Client, account: GatewayAccount, ours: tuple[str, str]) -> None:
        html = owner.get(address(CHANGE, account.pk)).content.decode()

        assert "BEGIN" not in html
        assert ours[0][60:90] not in html

    def test_are_told_apart_by_fingerprint(self, owner: Client, account: GatewayAccount) -> None:
        text = text_of(owner.get(address(CHANGE, account.pk)))

        for credential in Credential.objects.all():
            tail = f"ends in …{credential.tail} · " if credential.tail else ""
            assert f"{tail}fingerprint {credential.fingerprint}" in text

    def test_stay_when_left_empty(self, owner: Client, account: GatewayAccount) -> None:
        before = list(Credential.objects.values_list("fingerprint", flat=True))

        submit(owner, address(CHANGE, account.pk), **filled(name="新名"))

        account.refresh_from_db()
        assert account.name == "新名"
        assert list(Credential.objects.filter(retired_at=None).values_list("fingerprint", flat=True)) == before

    def test_that_are_wrong_are_named_beside_their_field(
        self, owner: Client, account: GatewayAccount, ours: tuple[str, str]
    ) -> None:
        page = submit(owner, address(CHANGE, account.pk), **filled(key_alipay_public_key=ours[1]))

        assert page.status_code == 422
        error = page.context["form"].errors["key_alipay_public_key"][0]
        assert "this is the public half of your own private key" in error

    def test_that_are_wrong_change_nothing_else(self, owner: Client, account: GatewayAccount) -> None:
        submit(owner, address(CHANGE, account.pk), **filled(name="新名", key_private_key="nonsense"))

        account.refresh_from_db()
        assert account.name == "支付宝"
        assert Credential.objects.count() == 2

    def test_that_were_typed_wrong_do_not_come_back(self, owner: Client, account: GatewayAccount) -> None:
        page = submit(owner, address(CHANGE, account.pk), **filled(key_private_key="half-a-secret"))

        assert "half-a-secret" not in page.content.decode()


class TestNumbers:
    def test_that_are_wrong_are_named_beside_their_field(self, owner: Client) -> None:
        page = submit(owner, address(ADD), **filled(setting_seller_id="123"))

        assert "setting_seller_id" in page.context["form"].errors
        assert not GatewayAccount.objects.exists()

    def test_of_a_live_account_at_another_address_are_refused(self, owner: Client) -> None:
        page = submit(owner, address(ADD), **filled(environment="live"))

        assert "gateway_url" in page.context["form"].errors


class TestSaving:
    def test_says_what_is_missing_yet(self, owner: Client) -> None:
        page = submit(owner, address(ADD), **filled())

        assert "It cannot be used yet: Application private key" in text_of(page)

    def test_is_for_owners_alone(self, account: GatewayAccount) -> None:
        finance = signed_in(Role.FINANCE)

        assert submit(finance, address(CHANGE, account.pk), **filled(name="新名")).status_code == 403
        page = finance.get(address(CHANGE, account.pk))
        assert page.status_code == 200
        assert all(field.field.disabled for field in page.context["form"])
        assert ">Save<" not in page.content.decode()


class TestTheConnection:
    def test_is_tested_with_words_and_remedies(self, account: GatewayAccount, monkeypatch: pytest.MonkeyPatch) -> None:
        asked: list[bool] = []

        def check(self: FakeGateway, *, online: bool = False, notify_url: str = "") -> list[CheckResult]:
            asked.append(online)
            return [
                CheckResult(code="a", label="App", value="9021", meaning="It is one."),
                CheckResult(code="b", label="Key", status=CheckStatus.ERROR, meaning="Broken.", remedy="Mend it."),
            ]

        GatewayAccount.objects.update(gateway="fake")
        monkeypatch.setattr(FakeGateway, "self_check", check)

        page = submit(signed_in(Role.OPS), address("payments_gatewayaccount_test", account.pk))

        text = text_of(page)
        assert asked == [True]
        assert "1 thing is wrong." in text
        assert "✓ App 9021 It is one." in text
        assert "✗ Key Broken. → Mend it." in text

    def test_shows_where_notifications_go(self, owner: Client, account: GatewayAccount) -> None:
        assert services.notify_url(account) in owner.get(address(CHANGE, account.pk)).content.decode()


class TestTheList:
    def test_says_whose_keys_are_missing(self, owner: Client, account: GatewayAccount) -> None:
        listed = address("payments_gatewayaccount_changelist")
        assert "All there" in text_of(owner.get(listed))

        Credential.objects.all().delete()

        assert "Missing" in text_of(owner.get(listed))


def test_every_gateway_can_be_set_up(owner: Client) -> None:
    assert [code for code in GATEWAYS if owner.get(address(ADD), {"gateway": code}).status_code != 200] == []


class TestLimits:
    def test_are_set_on_the_page_of_the_account_and_shown_again(self, owner: Client, account: GatewayAccount) -> None:
        CustomerType.objects.get_or_create(code="company", defaults={"name": "企业"})
        url = address("payments_gatewayaccount_limits", account.pk)
        typed: dict[str, Any] = {
            "min_fen": "1",
            "max_fen": "5000.00",
            "customer_types": ["company"],
            "order_types": "deposit，resale",
        }

        assert url in owner.get(address(CHANGE, account.pk)).content.decode()
        submit(owner, url, **typed)

        account.refresh_from_db()
        assert (account.min_fen, account.max_fen) == (100, 500_000)
        assert (account.customer_types, account.order_types) == (["company"], ["deposit", "resale"])
        shown = owner.get(url).content.decode()
        assert 'value="5000.00"' in shown
        assert "deposit, resale" in shown

    def test_that_cross_are_refused_with_words(self, owner: Client, account: GatewayAccount) -> None:
        url = address("payments_gatewayaccount_limits", account.pk)

        told = text_of(submit(owner, url, min_fen="2", max_fen="1"))

        assert "must not be below" in told
        account.refresh_from_db()
        assert account.min_fen is None

    def test_of_a_single_way_are_set_beside_them(self, owner: Client, account: GatewayAccount) -> None:
        url = address("payments_gatewayaccount_limits", account.pk)
        way = account.methods[0]

        submit(owner, url, max_fen="5000", **{f"{way}-min_fen": "1.50", f"{way}-order_types": "deposit"})

        account.refresh_from_db()
        only = {"min_fen": 150, "max_fen": None, "customer_types": [], "order_types": ["deposit"]}
        assert (account.max_fen, account.way_limits) == (500_000, {way: only})
        assert 'value="1.50"' in owner.get(url).content.decode()

    def test_of_a_single_way_that_nothing_fits_are_refused_with_words(
        self, owner: Client, account: GatewayAccount
    ) -> None:
        url = address("payments_gatewayaccount_limits", account.pk)

        told = text_of(submit(owner, url, max_fen="1", **{f"{account.methods[0]}-min_fen": "2"}))

        assert "No amount fits" in told
        account.refresh_from_db()
        assert (account.max_fen, account.way_limits) == (None, {})
