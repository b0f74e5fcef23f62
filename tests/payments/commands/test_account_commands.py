from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError

from payments.gateways import CheckResult, CheckStatus
from payments.models import Credential, CredentialUse, GatewayAccount
from tests.factories import AccountFactory
from tests.helpers import NOON
from tests.payments.commands.test_commands import clock, run  # noqa: F401 - the clock stands still
from tests.payments.fakes import FakeGateway
from tests.payments.services.test_accounts import ALIPAYS, OURS, give, private, public, save
from tests.payments.services.test_credentials import new_key

pytestmark = pytest.mark.django_db


@pytest.fixture
def account() -> GatewayAccount:
    account = save()
    give(account, "private_key", private(OURS))
    give(account, "alipay_public_key", public(ALIPAYS))
    return account


def finds(monkeypatch: pytest.MonkeyPatch, *found: CheckResult) -> None:
    monkeypatch.setattr(FakeGateway, "self_check", lambda *_self, **_how: list(found))


class TestPaymentsDoctor:
    def test_says_what_is_fine_and_exits_0(self, account: GatewayAccount) -> None:
        code, said = run("payments_doctor", "--account", account.code)

        assert code == 0
        assert " ✓ Application private key: RSA 2048" in said
        assert "0 wrong" in said

    def test_names_what_is_wrong_with_its_remedy_and_exits_3(self, monkeypatch: pytest.MonkeyPatch) -> None:
        AccountFactory.create()
        finds(monkeypatch, CheckResult(code="k", label="Key", status=CheckStatus.ERROR, meaning="Bad.", remedy="Mend."))

        code, said = run("payments_doctor")

        assert (code, " ✗ Key: Bad." in said, "→ Mend." in said) == (3, True, True)

    def test_warns_without_failing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        AccountFactory.create()
        finds(monkeypatch, CheckResult(code="k", label="Key", status=CheckStatus.WARNING, meaning="Hm."))

        assert run("payments_doctor")[0] == 0

    def test_writes_json(self, account: GatewayAccount) -> None:
        _code, said = run("payments_doctor", "--format", "json")

        told = json.loads(said)
        assert {"private_key", "notify_path", "methods"} <= {row["kind"] for row in told["rows"]}
        assert told["summary"]["errors"] == 0
        assert "PRIVATE" not in said

    def test_looks_at_a_switched_off_account_only_by_name(self, monkeypatch: pytest.MonkeyPatch) -> None:
        off = AccountFactory.create(is_enabled=False)
        finds(monkeypatch, CheckResult(code="k", label="Key", status=CheckStatus.ERROR))

        assert run("payments_doctor")[0] == 0
        assert run("payments_doctor", "--account", off.code)[0] == 3

    def test_knows_no_account_of_another_code(self) -> None:
        with pytest.raises(CommandError, match="There is no payment account"):
            run("payments_doctor", "--account", "nobody")


class TestRotateKey:
    def rotate(self, account: GatewayAccount, file: Path, *more: str) -> tuple[int, str]:
        return run("rotate_key", "--account", account.code, "--kind", "alipay_public_key", "--file", str(file), *more)

    def file(self, folder: Path, text: str) -> Path:
        path = folder / "key.pem"
        path.write_text(text)
        return path

    def test_sets_the_new_key_beside_the_old_one_and_tells_both(self, account: GatewayAccount, tmp_path: Path) -> None:
        old = Credential.objects.get(kind="alipay_public_key")
        code, said = self.rotate(account, self.file(tmp_path, public(new_key())))

        new = Credential.objects.filter(kind="alipay_public_key").latest("pk")
        assert (code, new.retired_at) == (0, None)
        assert f"{old.fingerprint}  stands beside it" in said
        assert f"{new.fingerprint}  signs" in said

    def test_retires_the_old_one_if_it_rests(self, account: GatewayAccount, tmp_path: Path) -> None:
        code, _said = self.rotate(account, self.file(tmp_path, public(new_key())), "--retire-old")

        assert (code, Credential.objects.filter(kind="alipay_public_key", retired_at=None).count()) == (0, 1)

    def test_keeps_an_old_one_in_use_and_exits_4(self, account: GatewayAccount, tmp_path: Path) -> None:
        old = Credential.objects.get(kind="alipay_public_key")
        CredentialUse.objects.create(credential=old, hour=NOON, verified=2, last_at=NOON)
        code, said = self.rotate(account, self.file(tmp_path, public(new_key())), "--retire-old")

        assert (code, "verified 2 times" in said) == (4, True)
        assert Credential.objects.filter(kind="alipay_public_key", retired_at=None).count() == 2

    def test_sets_what_belongs_together_at_once(self, account: GatewayAccount, tmp_path: Path) -> None:
        key, theirs = tmp_path / "own.pem", tmp_path / "theirs.pem"
        key.write_text(private(new_key()))
        theirs.write_text(public(new_key()))
        code, said = run(
            *("rotate_key", "--account", account.code),
            *("--kind", "private_key", "--file", str(key), "--kind", "alipay_public_key", "--file", str(theirs)),
        )

        assert (code, said.count("  signs"), said.count("stands beside it")) == (0, 2, 2)

    @pytest.mark.parametrize("more", [("--kind", "private_key"), ("--kind", "alipay_public_key", "--file", "other")])
    def test_wants_one_file_for_each_kind(self, account: GatewayAccount, tmp_path: Path, more: tuple[str, ...]) -> None:
        with pytest.raises(CommandError, match="one --file for each --kind"):
            self.rotate(account, tmp_path / "none.pem", *more)

    def test_changes_nothing_on_a_dry_run(self, account: GatewayAccount, tmp_path: Path) -> None:
        code, said = self.rotate(account, self.file(tmp_path, public(new_key())), "--dry-run", "--retire-old")

        assert (code, "would sign" in said) == (0, True)
        assert Credential.objects.filter(kind="alipay_public_key").count() == 1

    @pytest.mark.parametrize(
        ("text", "words"), [("rubbish", "is no key"), (public(OURS), "public half of your own private key")]
    )
    def test_refuses_a_wrong_one(self, account: GatewayAccount, tmp_path: Path, text: str, words: str) -> None:
        with pytest.raises(CommandError, match=words):
            self.rotate(account, self.file(tmp_path, text))
        assert Credential.objects.filter(kind="alipay_public_key").count() == 1

    def test_says_that_there_is_no_file(self, account: GatewayAccount, tmp_path: Path) -> None:
        with pytest.raises(CommandError, match="cannot be read"):
            self.rotate(account, tmp_path / "none.pem")


def test_nothing_that_is_written_holds_a_key(account: GatewayAccount, tmp_path: Path) -> None:
    file: Any = tmp_path / "key.pem"
    secret = private(new_key())
    file.write_text(secret)
    _code, said = run("rotate_key", "--account", account.code, "--kind", "private_key", "--file", str(file))

    assert not [line for line in secret.splitlines() if line in said]
