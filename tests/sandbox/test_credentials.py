from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from sandbox.alipay.accounts import FILE, Accounts
from sandbox.app import Sandbox
from sandbox.credentials import ensure
from sandbox.keys import load_private, public_pem

from .merchant import Merchant


def keys(folder: Path, *, seed: int | None = None) -> dict[str, dict[str, str]]:
    """The credentials but for the PFX files: their cipher is salted."""
    made = ensure(folder, seed=seed)
    return {
        gateway: {name: value for name, value in found.items() if not name.startswith("merchant_pfx")}
        for gateway, found in made.items()
    }


class TestEnsure:
    def test_makes_what_a_merchant_needs_without_a_server(self, tmp_path: Path) -> None:
        made = ensure(tmp_path, public_url="http://127.0.0.1:9000/")["alipay"]

        assert sorted(made) == [
            "alipay_public_key",
            "app_id",
            "app_private_key",
            "app_public_key",
            "gateway_url",
            "seller_id",
        ]
        assert (made["app_id"][:4], made["seller_id"][:4], len(made["seller_id"])) == ("9021", "2088", 16)
        assert made["app_private_key"].startswith("-----BEGIN PRIVATE KEY-----")
        assert made["alipay_public_key"].startswith("-----BEGIN PUBLIC KEY-----")
        assert public_pem(load_private(made["app_private_key"]).public_key()) == made["app_public_key"]
        assert made["gateway_url"] == "http://127.0.0.1:9000/gateway.do"

    def test_gives_what_the_server_gives(self, merchant: Merchant, state_dir: Path) -> None:
        asked = merchant.ask("GET", "/sandbox/credentials.json")

        assert asked == ensure(state_dir, public_url="http://sandbox.example")

    def test_makes_the_same_again_for_the_same_seed(self, tmp_path: Path, state_dir: Path) -> None:
        assert keys(tmp_path / "new", seed=1) == keys(state_dir, seed=1)
        assert keys(tmp_path / "other", seed=2) != keys(state_dir, seed=1)

    def test_keeps_what_a_folder_has(self, state_dir: Path) -> None:
        assert ensure(state_dir, seed=2) == ensure(state_dir, seed=1)

    def test_makes_one_account_though_two_start_at_once(self, tmp_path: Path) -> None:
        with ThreadPoolExecutor(4) as pool:
            made = list(pool.map(lambda _: ensure(tmp_path)["alipay"]["app_id"], range(4)))

        assert len(set(made)) == 1

    def test_makes_keys_that_others_cannot_guess_without_a_seed(self, tmp_path: Path) -> None:
        made = [keys(tmp_path / name) for name in ("a", "b")]

        assert all(made[0][gateway] != made[1][gateway] for gateway in made[0])

    def test_lets_nobody_else_read_the_keys(self, tmp_path: Path) -> None:
        ensure(tmp_path)

        assert (tmp_path / FILE).stat().st_mode & 0o077 == 0


class TestAccounts:
    def test_can_be_several_with_keys_of_their_own(self, sandbox: Sandbox, merchant: Merchant) -> None:
        made = merchant.ask("POST", "/sandbox/accounts")["alipay"]
        listed = merchant.ask("GET", "/sandbox/accounts")["alipay"]

        assert [it["app_id"] for it in listed] == [merchant.credentials["app_id"], made["app_id"]]
        assert made["alipay_public_key"] != merchant.credentials["alipay_public_key"]
        assert Merchant(sandbox, app_id=made["app_id"]).precreate().verdict == "10000"
        assert merchant.ask("GET", f"/sandbox/credentials.json?app_id={made['app_id']}")["alipay"] == made

    def test_are_read_again_after_a_restart(self, state_dir: Path) -> None:
        added = Accounts(state_dir).add()

        assert Accounts(state_dir).get(added.app_id) == added
