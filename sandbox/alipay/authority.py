"""The authority that issues certificates to applications and to Alipay itself, with a chain and roots of its own."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cached_property
from hashlib import md5, sha256
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as new_elliptic_key
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from sandbox.files import locked, write_secret
from sandbox.keys import load_private, new_key, private_pem

FILE = "alipay-authority.json"
Span = tuple[datetime, datetime]
SPAN: Span = datetime(2024, 1, 1, tzinfo=UTC), datetime(2044, 1, 1, tzinfo=UTC)
YEARS_AGO: Span = datetime(2016, 1, 1, tzinfo=UTC), datetime(2021, 1, 1, tzinfo=UTC)
BLOCK = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n?", re.DOTALL)
RSA_WITH = "1.2.840.113549.1.1."
APP, ALIPAY = "app", "alipay"
ROOT, BETWEEN = "Sandbox Certification Authority R1", "Sandbox Certification Authority Class 2 R1"


@dataclass(frozen=True)
class Issued:
    """A certificate as it was handed out: its own first, then its issuer's where that comes along."""

    sn: str
    app_id: str
    kind: str
    pem: str

    @cached_property
    def public_key(self) -> RSAPublicKey:
        key = x509.load_pem_x509_certificate(self.pem.encode()).public_key()
        if not isinstance(key, RSAPublicKey):
            raise TypeError("only RSA keys are certified")
        return key


class Authority:
    """Made when it is first needed; the same for the same seed, but for its root that is not RSA."""

    def __init__(self, state_dir: Path, *, seed: str | None) -> None:
        self.path = state_dir / FILE
        self.seed = seed
        with locked(state_dir):
            if not self.path.exists():
                self._found()
            stored = json.loads(self.path.read_text("utf-8"))
        self.key = load_private(stored["between_key"])
        self.between: str = stored["between"]
        self.roots: str = stored["roots"]
        self.issued = {it["sn"]: Issued(**it) for it in stored["issued"]}

    @property
    def root_sn(self) -> str:
        """Of the roots whose signature is RSA, joined."""
        roots = [x509.load_pem_x509_certificate(block.encode()) for block in BLOCK.findall(self.roots)]
        return "_".join(number(it) for it in roots if it.signature_algorithm_oid.dotted_string.startswith(RSA_WITH))

    def certify(self, *, app_id: str, kind: str, name: str, key: RSAPublicKey, span: Span = SPAN) -> Issued:
        """The certificate of a key; the same again for the same key."""
        for known in self.issued.values():
            if (known.app_id, known.kind) == (app_id, kind) and known.public_key == key:
                return known
        own = self.make(name=name, key=key, span=span)
        return self.hand_out(own + self.between if kind == ALIPAY else own, app_id=app_id, kind=kind)

    def hand_out(self, pem: str, *, app_id: str, kind: str) -> Issued:
        """Take note of a certificate, whoever made it: it is found by its number from now on."""
        made = Issued(number(x509.load_pem_x509_certificate(pem.encode())), app_id, kind, pem)
        self.issued[made.sn] = made
        self._write(self.between, self.roots, list(self.issued.values()))
        return made

    def make(self, *, name: str, key: RSAPublicKey, span: Span = SPAN) -> str:
        """A certificate that nobody takes note of."""
        subject = _name(name, unit="Alipay", organization="沙箱环境")
        issuer = x509.load_pem_x509_certificate(self.between.encode()).subject
        return _sign(subject, issuer, key, self.key, span=span)

    def get(self, sn: str, *, app_id: str, kind: str) -> Issued | None:
        found = self.issued.get(sn)
        return found if found and (found.app_id, found.kind) == (app_id, kind) else None

    def _found(self) -> None:
        root_key, self.key = (new_key(seed=self.seed and f"{self.seed}:{part}") for part in ("root", "between"))
        elliptic = new_elliptic_key(SECP256R1())
        other, root, second = _name("ROOTCA"), _name(ROOT), _name("Sandbox Class 2 Root CA - G3")
        between = _sign(_name(BETWEEN), root, self.key.public_key(), root_key, is_authority=True)
        roots = [
            _sign(other, other, elliptic.public_key(), elliptic, is_authority=True),
            _sign(root, root, root_key.public_key(), root_key, is_authority=True),
            _sign(second, second, root_key.public_key(), root_key, is_authority=True),
        ]
        self._write(between, "".join(roots), [])

    def _write(self, between: str, roots: str, issued: Sequence[Issued]) -> None:
        kept = [{name: value for name, value in asdict(it).items() if name != "public_key"} for it in issued]
        write_secret(
            self.path, {"between_key": private_pem(self.key), "between": between, "roots": roots, "issued": kept}
        )


def number(certificate: x509.Certificate) -> str:
    """What Alipay calls a certificate's sn: the issuer's name, last part first, and the serial in decimal, as MD5."""
    parts = [f"{part.rfc4514_attribute_name}={part.value!s}" for part in reversed(list(certificate.issuer))]
    text = ",".join(parts) + str(certificate.serial_number)
    return md5(text.encode(), usedforsecurity=False).hexdigest()


def _name(common: str, *, unit: str = "Certification Authority", organization: str = "Sandbox") -> x509.Name:
    parts = ((NameOID.COUNTRY_NAME, "CN"), (NameOID.ORGANIZATION_NAME, organization))
    more = ((NameOID.ORGANIZATIONAL_UNIT_NAME, unit), (NameOID.COMMON_NAME, common))
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in (*parts, *more)])


def _sign(
    subject: x509.Name,
    issuer: x509.Name,
    key: RSAPublicKey | EllipticCurvePublicKey,
    by: RSAPrivateKey | EllipticCurvePrivateKey,
    *,
    span: Span = SPAN,
    is_authority: bool = False,
) -> str:
    """A certificate in PEM; its serial follows from what is in it, so that a seed makes it again."""
    digest = sha256(f"{subject.rfc4514_string()}{key.public_numbers()!r}{span}".encode()).digest()
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(int.from_bytes(digest[:15], "big"))
        .not_valid_before(span[0])
        .not_valid_after(span[1])
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
    )
    return builder.sign(by, SHA256()).public_bytes(Encoding.PEM).decode()
