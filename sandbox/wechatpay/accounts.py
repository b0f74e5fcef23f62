from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from secrets import token_hex

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from sandbox import dice
from sandbox.files import locked, write_secret
from sandbox.keys import load_private, new_key, private_pem, public_pem
from sandbox.wechatpay import authority
from sandbox.wechatpay.authority import paper, serial_of

FILE = "wechatpay-accounts.json"
PUBLIC_KEY, CERTIFICATE, SWITCHING = "public_key", "certificate", "switching"
MODES = (PUBLIC_KEY, CERTIFICATE, SWITCHING)
HONEST, EXPIRED, FORGED = "honest", "expired", "forged"
YEARS_AGO = datetime(2016, 1, 1, tzinfo=UTC)
ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz23456789"


class UnknownMode(ValueError):
    """WeChat Pay answers in three modes; this is none of them."""


@dataclass(frozen=True)
class CertifiedKey:
    """A key pair with its certificate: one that WeChat Pay answers with, or a merchant's."""

    private_key: str
    certificate: str

    @cached_property
    def serial(self) -> str:
        return serial_of(self.certificate)

    @cached_property
    def key(self) -> RSAPrivateKey:
        return load_private(self.private_key)


@dataclass(frozen=True)
class Account:
    """A merchant as WeChat Pay knows it, with every key of both sides."""

    mchid: str
    appid: str
    app_secret: str
    mode: str
    api_v3_key: str
    merchant_private_key: str
    merchant_certificate: str
    public_key_id: str
    public_key_private: str
    root_private_key: str
    root_certificate: str
    platform: tuple[CertifiedKey, ...]  # newest last
    h5_domain: str = ""  # registered for H5 payments; none: not looked at
    former: tuple[CertifiedKey, ...] = ()  # of the merchant, before the present one; still taken

    @cached_property
    def merchant_key(self) -> RSAPrivateKey:
        return load_private(self.merchant_private_key)

    @cached_property
    def merchant_serial(self) -> str:
        return serial_of(self.merchant_certificate)

    def merchant_key_of(self, serial: str) -> RSAPrivateKey | None:
        """The merchant's key that is known by this number, the present one or one before it."""
        if serial == self.merchant_serial:
            return self.merchant_key
        return next((it.key for it in self.former if it.serial == serial), None)

    @property
    def merchant_keys(self) -> tuple[RSAPrivateKey, ...]:
        return self.merchant_key, *(it.key for it in self.former)

    @cached_property
    def public_key(self) -> RSAPrivateKey:
        """The private half of what the merchant calls WeChat Pay's public key."""
        return load_private(self.public_key_private)

    @property
    def has_certificates(self) -> bool:
        return self.mode != PUBLIC_KEY

    @property
    def has_public_key(self) -> bool:
        return self.mode != CERTIFICATE

    def credentials(self, *, public_url: str) -> dict[str, str]:
        """What the merchant's console would show, for the mode it is in."""
        return {
            "mchid": self.mchid,
            "appid": self.appid,
            "app_secret": self.app_secret,
            "mode": self.mode,
            "api_v3_key": self.api_v3_key,
            "merchant_private_key": self.merchant_private_key,
            "merchant_certificate": self.merchant_certificate,
            "merchant_serial": self.merchant_serial,
            "public_key_id": self.public_key_id if self.has_public_key else "",
            "public_key": public_pem(self.public_key.public_key()) if self.has_public_key else "",
            "platform_certificates": "".join(it.certificate for it in self.platform) if self.has_certificates else "",
            "gateway_url": public_url,
        }


class Maker:
    """Makes what an account is made of; the same for the same seed."""

    def __init__(self, seed: str | None) -> None:
        self.seed = seed

    def number(self, part: str, *, below: int) -> int:
        return dice.number(self.seed or token_hex(16), part, below=below)

    def key(self, part: str) -> RSAPrivateKey:
        return new_key(seed=self.seed and f"{self.seed}:{part}")

    def serial(self, part: str) -> int:
        digits = "".join(f"{self.number(f'{part}:serial:{n}', below=1 << 60):015x}" for n in range(3))
        return int(f"5{digits[:39]}", 16)

    def word(self, part: str, *, length: int, alphabet: str) -> str:
        return "".join(alphabet[self.number(f"{part}:{n}", below=len(alphabet))] for n in range(length))

    def certificate(self, part: str, *, issuer: RSAPrivateKey, since: datetime | None = None) -> CertifiedKey:
        key = self.key(part)
        wanted = paper("Tenpay.com sign", "Tenpay.com", "Tenpay.com CA Center", serial=self.serial(part), since=since)
        return CertifiedKey(private_pem(key), authority.issue(wanted, key.public_key(), issuer=issuer))

    def of_merchant(self, mchid: str, *, issuer: RSAPrivateKey, part: str = "merchant") -> CertifiedKey:
        key = self.key(f"{part}-key")
        wanted = paper(mchid, "微信商户系统", "沙箱商户", serial=self.serial(part))
        return CertifiedKey(private_pem(key), authority.issue(wanted, key.public_key(), issuer=issuer))

    def account(self, *, mode: str) -> Account:
        mchid = f"19{self.number('mchid', below=10**8):08d}"
        root = self.key("root")
        own = self.of_merchant(mchid, issuer=root)
        return Account(
            mchid=mchid,
            appid=f"wx{self.word('appid', length=16, alphabet='0123456789abcdef')}",
            app_secret=self.word("secret", length=32, alphabet="0123456789abcdef"),
            mode=mode,
            api_v3_key=self.word("api-v3-key", length=32, alphabet=ALPHABET),
            merchant_private_key=own.private_key,
            merchant_certificate=own.certificate,
            public_key_id=f"PUB_KEY_ID_0{mchid}{self.number('key-id', below=10**18):022d}",
            public_key_private=private_pem(self.key("public-key")),
            root_private_key=private_pem(root),
            root_certificate=authority.root(root, serial=self.serial("root")),
            platform=(self.certificate("platform-1", issuer=root),),
        )


class Accounts:
    """The merchants in a state folder; the first is made when the folder is new, in public-key mode."""

    def __init__(self, state_dir: Path, *, seed: int | None = None) -> None:
        self.path = state_dir / FILE
        self.known: dict[str, Account] = {}
        with locked(state_dir):
            self._read()
            if not self.known:
                self.seed = None if seed is None else str(seed)
                self._keep(self._maker().account(mode=PUBLIC_KEY))

    @property
    def first(self) -> Account:
        return next(iter(self.known.values()))

    def get(self, mchid: str) -> Account | None:
        return self.known.get(mchid)

    def by_appid(self, appid: str) -> Account | None:
        return next((account for account in self.known.values() if account.appid == appid), None)

    def add(self, *, mode: str = PUBLIC_KEY) -> Account:
        """:raises UnknownMode: if the mode is none of MODES"""
        _check(mode)
        with locked(self.path.parent):
            self._read()
            return self._keep(self._maker().account(mode=mode))

    def put_mode(self, mchid: str, mode: str) -> Account:
        """:raises UnknownMode: if the mode is none of MODES"""
        _check(mode)
        with locked(self.path.parent):
            return self._keep(replace(self.known[mchid], mode=mode))

    def put_h5_domain(self, mchid: str, domain: str) -> Account:
        with locked(self.path.parent):
            return self._keep(replace(self.known[mchid], h5_domain=domain))

    def renew(self, mchid: str) -> Account:
        """The merchant gets another key and certificate; those before stay good until they are revoked."""
        with locked(self.path.parent):
            account = self.known[mchid]
            part = f"merchant-{len(account.former) + 2}"
            maker = Maker(self.seed and f"{self.seed}:wechatpay:{mchid}")
            own = maker.of_merchant(mchid, issuer=load_private(account.root_private_key), part=part)
            before = CertifiedKey(account.merchant_private_key, account.merchant_certificate)
            changed = replace(
                account,
                merchant_private_key=own.private_key,
                merchant_certificate=own.certificate,
                former=(*account.former, before),
            )
            return self._keep(changed)

    def revoke(self, mchid: str) -> Account:
        """Only the merchant's newest certificate is taken."""
        with locked(self.path.parent):
            return self._keep(replace(self.known[mchid], former=()))

    def rotate(self, mchid: str, *, certificate: str = HONEST) -> Account:
        """
        A new platform certificate beside the old ones; answers are signed with it from now on.

        :param certificate: HONEST, EXPIRED, or FORGED by somebody who is not Tenpay
        """
        with locked(self.path.parent):
            account = self.known[mchid]
            part = f"platform-{len(account.platform) + 1}"
            maker = Maker(self.seed and f"{self.seed}:wechatpay:{mchid}")
            issuer = new_key(seed=None) if certificate == FORGED else load_private(account.root_private_key)
            fresh = maker.certificate(part, issuer=issuer, since=YEARS_AGO if certificate == EXPIRED else None)
            return self._keep(replace(account, platform=(*account.platform, fresh)))

    def retire(self, mchid: str) -> Account:
        """Only the newest platform certificate stays."""
        with locked(self.path.parent):
            account = self.known[mchid]
            return self._keep(replace(account, platform=account.platform[-1:]))

    def _maker(self) -> Maker:
        return Maker(self.seed and f"{self.seed}:wechatpay:{len(self.known) + 1}")

    def _read(self) -> None:
        if self.path.exists():
            stored = json.loads(self.path.read_text("utf-8"))
            self.seed = stored["seed"]
            for fields in stored["accounts"]:
                platform, former = (
                    tuple(CertifiedKey(**it) for it in fields.pop(name, ())) for name in ("platform", "former")
                )
                self.known.setdefault(fields["mchid"], Account(**fields, platform=platform, former=former))

    def _keep(self, account: Account) -> Account:
        self.known[account.mchid] = account
        accounts = [asdict(known) for known in self.known.values()]
        write_secret(self.path, {"seed": self.seed, "accounts": accounts})
        return account


def _check(mode: str) -> None:
    if mode not in MODES:
        raise UnknownMode(f"Modes are {', '.join(MODES)}; {mode!r} is none.")
