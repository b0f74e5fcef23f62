from __future__ import annotations

import os
import runpy
import subprocess
import sys
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import Any

import pytest

from backoffice.env import BadSetting
from tests.requirements import ROOT

pytestmark = pytest.mark.filterwarnings("ignore:.*found in sys.modules:RuntimeWarning")  # it is loaded again on purpose

RING = "k1:" + urlsafe_b64encode(b"r" * 32).decode()
PRODUCTION = {
    "BACKOFFICE_MODE": "production",
    "PUBLIC_URL": "https://shop.example.com",
    "DATABASE_URL": "postgres://shop:pw@db/shop",
    "EMAIL_URL": "smtp+tls://shop:pw@mail:587",
    "SECRET_KEY": "s" * 50,
    "LOOKUP_KEY": "l" * 50,
    "ENCRYPTION_KEYS": RING,
}
Settings = dict[str, Any]


@pytest.fixture
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """The environment of a new shell, with a data folder of its own."""
    for name in list(os.environ):
        if name in PRODUCTION or name.startswith(("PYTEST_", "DATABASE", "REDIS", "DATA_DIR", "PORT", "TRUSTED")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("BACKOFFICE_MODE", "demo")
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setattr("environ.Env.read_env", lambda *_args: None)  # the developer's own .env
    return monkeypatch


@pytest.fixture
def production(clean: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name, value in PRODUCTION.items():
        clean.setenv(name, value)
    return clean


def load() -> Settings:
    return runpy.run_module("backoffice.settings")


class TestDemo:
    def test_needs_nothing(self, clean: pytest.MonkeyPatch, tmp_path: Path) -> None:
        settings = load()

        assert settings["DATABASES"]["default"]["NAME"] == str(tmp_path / "data" / "backoffice.sqlite3")
        assert settings["CELERY_BROKER_URL"].startswith("folder://")
        assert settings["PUBLIC_URL"] == "http://localhost:8000"
        assert settings["DEBUG"] is False

    def test_makes_its_keys_once_for_its_owner_alone(self, clean: pytest.MonkeyPatch, tmp_path: Path) -> None:
        first, second = load(), load()

        assert first["ENCRYPTION_KEYS"] == second["ENCRYPTION_KEYS"]
        assert first["SECRET_KEY"] == second["SECRET_KEY"]
        assert (tmp_path / "data" / "keys.env").stat().st_mode & 0o077 == 0

    def test_makes_other_keys_in_another_folder(self, clean: pytest.MonkeyPatch, tmp_path: Path) -> None:
        first = load()
        clean.setenv("DATA_DIR", str(tmp_path / "other"))

        assert load()["ENCRYPTION_KEYS"] != first["ENCRYPTION_KEYS"]

    def test_makes_no_new_keys_for_a_database_that_was_encrypted_with_lost_ones(
        self, clean: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        load()
        (tmp_path / "data" / "backoffice.sqlite3").write_bytes(b"SQLite format 3")
        (tmp_path / "data" / "keys.env").unlink()

        with pytest.raises(BadSetting, match=r"Put keys\.env back"):
            load()

    def test_names_the_key_that_a_damaged_file_lacks(self, clean: pytest.MonkeyPatch, tmp_path: Path) -> None:
        load()
        (tmp_path / "data" / "keys.env").write_text("SECRET_KEY=" + "s" * 50)

        with pytest.raises(BadSetting, match="LOOKUP_KEY is missing"):
            load()

    def test_makes_no_file_when_the_keys_are_given(self, clean: pytest.MonkeyPatch, tmp_path: Path) -> None:
        for name in ("SECRET_KEY", "LOOKUP_KEY", "ENCRYPTION_KEYS"):
            clean.setenv(name, PRODUCTION[name])

        assert load()["ENCRYPTION_KEYS"] == RING
        assert not (tmp_path / "data" / "keys.env").exists()

    def test_follows_its_port(self, clean: pytest.MonkeyPatch) -> None:
        clean.setenv("PORT", "8123")

        assert load()["PUBLIC_URL"] == "http://localhost:8123"


class TestProduction:
    def test_starts_with_what_it_is_given(self, production: pytest.MonkeyPatch) -> None:
        settings = load()

        assert settings["ALLOWED_HOSTS"][0] == "shop.example.com"
        assert settings["CSRF_TRUSTED_ORIGINS"] == ["https://shop.example.com"]
        assert settings["EMAIL_HOST"] == "mail"
        assert settings["EMAIL_USE_TLS"] is True

    def test_ties_cookies_to_the_host_and_to_https(self, production: pytest.MonkeyPatch) -> None:
        settings = load()

        assert settings["SESSION_COOKIE_NAME"].startswith("__Host-")
        assert settings["CSRF_COOKIE_NAME"].startswith("__Host-")
        assert settings["SESSION_COOKIE_SECURE"]
        assert settings["CSRF_COOKIE_SECURE"]
        assert settings["SECURE_HSTS_SECONDS"] >= 31_536_000

    @pytest.mark.parametrize("name", [name for name in PRODUCTION if name != "BACKOFFICE_MODE"])
    def test_makes_nothing_up(self, production: pytest.MonkeyPatch, name: str) -> None:
        production.delenv(name)

        with pytest.raises(BadSetting, match=f"^{name} is not set. ") as refusal:
            load()

        assert any(word in str(refusal.value) for word in ("Write ", "Make one with: "))

    def test_reads_secrets_from_files(self, production: pytest.MonkeyPatch, tmp_path: Path) -> None:
        secret = tmp_path / "secret"
        secret.write_text("f" * 60 + "\n")
        production.delenv("SECRET_KEY")
        production.setenv("SECRET_KEY_FILE", str(secret))

        assert load()["SECRET_KEY"] == "f" * 60

    @pytest.mark.parametrize(
        ("name", "value", "why"),
        [
            ("BACKOFFICE_MODE", "live", "Write one of: demo, production, test"),
            ("PUBLIC_URL", "shop.example.com", "no such address"),
            ("PUBLIC_URL", "https://shop.example.com/admin", "no such address"),
            ("PUBLIC_URL", "https://shop.example.com:port", "no such address"),
            ("PUBLIC_URL", "http://shop.example.com", "need https"),
            ("DATABASE_URL", "mariadb://db/shop", "Write mysql://"),
            ("REDIS_URL", "127.0.0.1:6379", "no address of a Redis server"),
            ("REDIS_URL", "amqp://127.0.0.1", "no address of a Redis server"),
            ("EMAIL_URL", "mail.example.com", "no address of a mail server"),
            ("SECRET_KEY", "short", "shorter than 50 characters"),
            ("LOOKUP_KEY", "short", "shorter than 50 characters"),
            ("ENCRYPTION_KEYS", "abc", "id:key"),
            ("ENCRYPTION_KEYS", "k1:YWJj", "32 bytes"),
            ("ENCRYPTION_KEYS", "k1:***", "32 bytes"),
            ("ENCRYPTION_KEYS", f"{RING},{RING}", "names an id twice"),
            ("TRUSTED_PROXIES", "10.0.0.0/8,proxy", "no address or network"),
            ("PORT", "80a", "whole number from 1 to 65535"),
            ("PORT", "70000", "whole number from 1 to 65535"),
            ("DATABASE_POOL_SIZE", "-1", "whole number from 0 to 1000"),
            ("LOG_LEVEL", "LOUD", "Write one of: DEBUG, INFO"),
            ("DEBUG", "maybe", "neither yes nor no"),
            ("DEBUG", "yes", "is on in production"),
            ("SECRET_KEY_FILE", "/nowhere/secret", "cannot be read"),
            ("DATA_DIR", "/proc/no/such", "cannot be made"),
        ],
    )
    def test_says_what_is_wrong_with_a_setting(
        self, production: pytest.MonkeyPatch, name: str, value: str, why: str
    ) -> None:
        production.setenv(name, value)

        with pytest.raises(BadSetting, match=f"^{name} ") as refusal:
            load()

        assert why in str(refusal.value)

    @pytest.mark.parametrize("name", ["SECRET_KEY", "LOOKUP_KEY", "ENCRYPTION_KEYS"])
    def test_repeats_no_secret(self, production: pytest.MonkeyPatch, name: str) -> None:
        production.setenv(name, "hunter2")

        with pytest.raises(BadSetting) as refusal:
            load()

        assert "hunter2" not in str(refusal.value)


class TestManage:
    def test_answers_a_bad_setting_with_one_line(self) -> None:
        run = manage("check", DATABASE_URL="mariadb://db/shop")

        assert run.returncode == 1
        assert run.stderr == (
            "manage.py: DATABASE_URL starts with mariadb://. Write mysql://… instead: it serves MariaDB too.\n"
        )

    def test_tells_that_no_database_answers(self) -> None:
        run = manage("showmigrations", DATABASE_URL="postgres://shop@127.0.0.1:1/shop", DATABASE_POOL_SIZE="0")

        assert run.returncode == 1
        assert "The database does not serve us" in run.stderr
        assert "DATABASE_URL" in run.stderr
        assert "Traceback" not in run.stderr


def manage(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", *words],
        cwd=ROOT,
        env={**os.environ, "BACKOFFICE_MODE": "demo", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


class TestExample:
    def test_explains_every_setting(self) -> None:
        source = (ROOT / "backoffice" / "settings.py").read_text()
        example = (ROOT / ".env.example").read_text()
        names = {line.partition("=")[0] for line in example.splitlines() if line and not line.startswith("#")}

        asked = {name for name in names if f'"{name}"' in source} | {"POSTGRES_PASSWORD"}
        assert names == asked, "named in .env.example, and asked for by nobody"
        assert _asked_for(source) <= names, "asked for, and not explained in .env.example"


def _asked_for(source: str) -> set[str]:
    calls = source.split("env.")[1:]
    return {call.split('"')[1] for call in calls if '"' in call.split(")")[0] and call.split('"')[1].isupper()}
