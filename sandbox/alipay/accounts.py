from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from secrets import randbelow, token_hex

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from sandbox import dice
from sandbox.alipay.authority import Authority
from sandbox.files import locked, write_secret
from sandbox.keys import load_private, new_key, private_pem, public_pem

FILE = "alipay-accounts.json"
DIGITS = 10**12
PUBLIC_KEY, CERTIFICATE, SWITCHING = "public_key", "certificate", "switching"  # the last takes both
MODES = (PUBLIC_KEY, CERTIFICATE, SWITCHING)


class UnknownMode(ValueError):
    """An app signs in one mode or, while it switches, in both; this is neither."""


@dataclass(frozen=True)
class Account:
    """A merchant's app as Alipay knows it, with both key pairs: the sandbox plays the merchant's console too."""

    app_id: str
    seller_id: str
    seller_email: str
    app_private_key: str
    alipay_private_key: str
    mode: str = SWITCHING

    @classmethod
    def create(cls, *, seed: str | None = None) -> Account:
        """A new account; the same one for the same seed."""
        app, seller = (
            randbelow(DIGITS) if seed is None else dice.number(seed, part, below=DIGITS) for part in ("app", "seller")
        )
        return cls(
            app_id=f"9021{app:012d}",
            seller_id=f"2088{seller:012d}",
            seller_email=f"shop{seller % 10_000:04d}@sandbox.example",
            app_private_key=private_pem(new_key(seed=seed and f"{seed}:app-key")),
            alipay_private_key=private_pem(new_key(seed=seed and f"{seed}:alipay-key")),
        )

    @cached_property
    def app_key(self) -> RSAPrivateKey:
        return load_private(self.app_private_key)

    @cached_property
    def alipay_key(self) -> RSAPrivateKey:
        return load_private(self.alipay_private_key)

    def credentials(self, *, public_url: str) -> dict[str, str]:
        """What the merchant's console would show: everything but Alipay's private key."""
        return {
            "app_id": self.app_id,
            "seller_id": self.seller_id,
            "app_private_key": self.app_private_key,
            "app_public_key": public_pem(self.app_key.public_key()),
            "alipay_public_key": public_pem(self.alipay_key.public_key()),
            "gateway_url": f"{public_url}/gateway.do",
        }


class Accounts:
    """The accounts in a state folder; the first is made when the folder is new."""

    def __init__(self, state_dir: Path, *, seed: int | None = None) -> None:
        self.path = state_dir / FILE
        self.known: dict[str, Account] = {}
        self.seed = ""
        with locked(state_dir):
            self._read()
            if not self.known:
                self.seeded = seed is not None
                self.seed = token_hex(16) if seed is None else str(seed)
                self._make()

    @property
    def first(self) -> Account:
        return next(iter(self.known.values()))

    def get(self, app_id: str) -> Account | None:
        return self.known.get(app_id)

    def add(self, *, mode: str = SWITCHING) -> Account:
        """:raises UnknownMode: if the mode is none of MODES"""
        _check(mode)
        with locked(self.path.parent):
            self._read()
            return self._make(mode=mode)

    def put_mode(self, app_id: str, mode: str) -> Account:
        """:raises UnknownMode: if the mode is none of MODES"""
        _check(mode)
        return self.put(replace(self.known[app_id], mode=mode))

    @cached_property
    def authority(self) -> Authority:
        """Who issues their certificates; made when the first one is asked for."""
        return Authority(self.path.parent, seed=f"{self.seed}:alipay:authority" if self.seeded else None)

    def put(self, account: Account) -> Account:
        """Keep an account with other keys."""
        with locked(self.path.parent):
            self._read()
            self.known[account.app_id] = account
            self._write()
            return account

    def _read(self) -> None:
        if self.path.exists():
            stored = json.loads(self.path.read_text("utf-8"))
            self.seed, self.seeded = stored["seed"], stored["seeded"]
            for fields in stored["accounts"]:
                self.known.setdefault(fields["app_id"], Account(**fields))

    def _make(self, *, mode: str = SWITCHING) -> Account:
        number = len(self.known) + 1
        account = Account.create(seed=f"{self.seed}:alipay:{number}" if self.seeded else None)
        account = replace(account, mode=mode)
        self.known[account.app_id] = account
        self._write()
        return account

    def _write(self) -> None:
        accounts = [asdict(known) for known in self.known.values()]
        write_secret(self.path, {"seed": self.seed, "seeded": self.seeded, "accounts": accounts})


def _check(mode: str) -> None:
    if mode not in MODES:
        raise UnknownMode(f"Modes are {', '.join(MODES)}; {mode!r} is none.")
