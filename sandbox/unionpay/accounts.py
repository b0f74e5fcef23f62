from __future__ import annotations

import json
from base64 import b64encode
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from secrets import randbelow
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from sandbox import dice
from sandbox.files import locked, write_secret
from sandbox.keys import load_private, new_key, private_pem
from sandbox.unionpay import certificates
from sandbox.unionpay.certificates import Issuer, Subject, issue, leaf_name, named, pem, pfx, with_sha1

FILE = "unionpay-accounts.json"
ROOT_SERIAL, MIDDLE_SERIAL, FIRST_LEAF = 1001, 1002, 70_000_000_001
SHORT = 10**10


@dataclass(frozen=True)
class Authority:
    """The keys behind UnionPay's certificates; the leaf's changes when it is rotated."""

    root_private_key: str
    middle_private_key: str
    leaf_private_key: str
    leaf_number: int = 1

    @classmethod
    def create(cls, *, seed: str | None = None) -> Authority:
        root, middle, leaf = (
            private_pem(new_key(seed=seed and f"{seed}:{part}")) for part in ("root", "middle", "leaf:1")
        )
        return cls(root_private_key=root, middle_private_key=middle, leaf_private_key=leaf)

    def rotated(self, *, seed: str | None = None) -> Authority:
        number = self.leaf_number + 1
        key = private_pem(new_key(seed=seed and f"{seed}:leaf:{number}"))
        return replace(self, leaf_private_key=key, leaf_number=number)

    @cached_property
    def leaf_key(self) -> RSAPrivateKey:
        return load_private(self.leaf_private_key)

    @cached_property
    def _root(self) -> Issuer:
        return Issuer(named(certificates.ROOT_CN), load_private(self.root_private_key))

    @cached_property
    def middle_issuer(self) -> Issuer:
        return Issuer(named(certificates.MIDDLE_CN), load_private(self.middle_private_key))

    @cached_property
    def root(self) -> x509.Certificate:
        subject = Subject(certificates.ROOT_CN, self._root.key.public_key(), ROOT_SERIAL, authority=True)
        return issue(subject, by=self._root)

    @cached_property
    def middle(self) -> x509.Certificate:
        key = self.middle_issuer.key.public_key()
        return issue(Subject(certificates.MIDDLE_CN, key, MIDDLE_SERIAL, authority=True), by=self._root)

    @cached_property
    def leaf(self) -> x509.Certificate:
        return issue(self._leaf_subject, by=self.middle_issuer)

    @cached_property
    def expired_leaf(self) -> x509.Certificate:
        return issue(replace(self._leaf_subject, span=certificates.PAST), by=self.middle_issuer)

    @cached_property
    def renamed_leaf(self) -> x509.Certificate:
        """Issued by the right hand to the wrong company: any other merchant of the same authority has one."""
        name = leaf_name(self.leaf_number, company="某某商户有限公司")
        return issue(replace(self._leaf_subject, common_name=name), by=self.middle_issuer)

    @property
    def _leaf_subject(self) -> Subject:
        name = leaf_name(self.leaf_number)
        return Subject(name, self.leaf_key.public_key(), FIRST_LEAF + self.leaf_number)

    def trust(self) -> dict[str, str]:
        """What merchants are given to know UnionPay by, in both ways of signing."""
        return {
            "root_certificate": pem(self.root),
            "middle_certificate": pem(self.middle),
            "root_certificate_sha1": pem(with_sha1(self.root, key=self._root.key)),
            "middle_certificate_sha1": pem(with_sha1(self.middle, key=self._root.key)),
        }


@dataclass(frozen=True)
class Former:
    """A merchant's certificate before the present one: still taken, until it is revoked."""

    cert_id: str
    private_key: str

    @cached_property
    def key(self) -> RSAPrivateKey:
        return load_private(self.private_key)


@dataclass(frozen=True)
class Merchant:
    """A merchant as UnionPay knows it; the sandbox plays the one who downloads the PFX too."""

    mer_id: str
    cert_id: str  # the certificate's serial number, decimal
    private_key: str
    certificate: str
    merchant_pfx: str
    merchant_pfx_old: str
    former: tuple[Former, ...] = ()

    @classmethod
    def create(cls, authority: Authority, *, seed: str | None = None) -> Merchant:
        """A new merchant; for the same seed the same but for the ciphered PFX files."""
        short = randbelow(SHORT) if seed is None else dice.number(seed, "mer_id", below=SHORT)
        return cls(mer_id=f"77729{short:010d}", **_papers(authority, short, number=1, seed=seed))

    def renewed(self, authority: Authority, *, seed: str | None = None) -> Merchant:
        """With another key and certificate, those before beside them."""
        before = Former(self.cert_id, self.private_key)
        papers = _papers(authority, int(self.mer_id[5:]), number=len(self.former) + 2, seed=seed)
        return replace(self, **papers, former=(*self.former, before))

    def key_of(self, cert_id: str) -> RSAPrivateKey | None:
        if cert_id == self.cert_id:
            return self.key
        return next((it.key for it in self.former if it.cert_id == cert_id), None)

    @cached_property
    def key(self) -> RSAPrivateKey:
        return load_private(self.private_key)


def _papers(authority: Authority, short: int, *, number: int, seed: str | None) -> dict[str, Any]:
    """A merchant's key, and what UnionPay makes out for it."""
    key = new_key(seed=seed and (f"{seed}:merchant-key" if number == 1 else f"{seed}:merchant-key:{number}"))
    name = f"041@Z{short:010d}@沙箱商户@{number:08d}"
    subject = Subject(name, key.public_key(), 68_000_000_000 + short + (number - 1) * SHORT * 10)
    certificate = issue(subject, by=authority.middle_issuer)
    return {
        "cert_id": str(certificate.serial_number),
        "private_key": private_pem(key),
        "certificate": pem(certificate),
        "merchant_pfx": b64encode(pfx(key, certificate)).decode(),
        "merchant_pfx_old": b64encode(pfx(key, certificate, old=True)).decode(),
    }


class Merchants:
    """UnionPay's keys and the merchants in a state folder; the first is made when the folder has none."""

    def __init__(self, state_dir: Path, *, seed: int | None = None) -> None:
        """
        :param seed: the same seed makes the same keys in any new folder
        """
        self.path = state_dir / FILE
        self.known: dict[str, Merchant] = {}
        with locked(self.path.parent):
            if self.path.exists():
                self._read()
            else:
                self.seed = None if seed is None else str(seed)
                self.authority = Authority.create(seed=self.seed and f"{self.seed}:unionpay")
                self._make()

    @property
    def first(self) -> Merchant:
        return next(iter(self.known.values()))

    def get(self, mer_id: str) -> Merchant | None:
        return self.known.get(mer_id)

    def by_cert_id(self, cert_id: str) -> Merchant | None:
        return next((merchant for merchant in self.known.values() if merchant.key_of(cert_id)), None)

    def credentials(self, merchant: Merchant, *, public_url: str) -> dict[str, str]:
        """What a merchant gets from UnionPay; the PFX files are Base64."""
        return {
            "mer_id": merchant.mer_id,
            "cert_id": merchant.cert_id,
            "merchant_pfx": merchant.merchant_pfx,
            "merchant_pfx_old": merchant.merchant_pfx_old,
            "merchant_pfx_password": certificates.PASSWORD,
            "merchant_certificate": merchant.certificate,
            **self.authority.trust(),
            "gateway_url": f"{public_url}/gateway/api/",
            "file_url": f"{public_url}/file/",
        }

    def add(self) -> Merchant:
        with locked(self.path.parent):
            self._read()
            return self._make()

    def renew(self, mer_id: str) -> Merchant:
        """The merchant gets another key and certificate; those before stay good until they are revoked."""
        seed = self.seed and f"{self.seed}:unionpay:{mer_id}"
        return self._put(self.known[mer_id].renewed(self.authority, seed=seed))

    def revoke(self, mer_id: str) -> Merchant:
        """Only the merchant's newest certificate is taken."""
        return self._put(replace(self.known[mer_id], former=()))

    def rotate(self) -> Authority:
        """From now on UnionPay signs with a new key and certificate of the same chain."""
        with locked(self.path.parent):
            self._read()
            self.authority = self.authority.rotated(seed=self.seed and f"{self.seed}:unionpay")
            self._write()
            return self.authority

    def _put(self, merchant: Merchant) -> Merchant:
        with locked(self.path.parent):
            self._read()
            self.known[merchant.mer_id] = merchant
            self._write()
            return merchant

    def _make(self) -> Merchant:
        number = len(self.known) + 1
        merchant = Merchant.create(self.authority, seed=self.seed and f"{self.seed}:unionpay:{number}")
        self.known[merchant.mer_id] = merchant
        self._write()
        return merchant

    def _read(self) -> None:
        stored = json.loads(self.path.read_text("utf-8"))
        self.seed = stored["seed"]
        self.authority = Authority(**stored["authority"])
        for fields in stored["merchants"]:
            former = tuple(Former(**it) for it in fields.pop("former", ()))
            self.known.setdefault(fields["mer_id"], Merchant(**fields, former=former))

    def _write(self) -> None:
        merchants = [asdict(merchant) for merchant in self.known.values()]
        content = {"seed": self.seed, "authority": asdict(self.authority), "merchants": merchants}
        write_secret(self.path, content)
