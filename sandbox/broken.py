"""Ways to spoil a set of credentials that every gateway knows."""

from __future__ import annotations

from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as generate_rsa_key
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat

from sandbox.box import Box
from sandbox.keys import EXPONENT, load_private, new_key, private_pem, public_pem

Spoil = Callable[[dict[str, str], Box], dict[str, str]]
SHORT = 1024


def field_of(name: str, spoil: Callable[[str], str]) -> Spoil:
    """Change one field, from what it held."""
    return lambda honest, _: honest | {name: spoil(honest[name])}


def pkcs1(pem: str) -> str:
    key = load_private(pem)
    return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()


def encrypted(pem: str) -> str:
    key = load_private(pem)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"sandbox")).decode()


def public_half(pem: str) -> str:
    return public_pem(load_private(pem).public_key())


def bare(pem: str) -> str:
    """Without the header lines and line ends, as merchants paste it."""
    return "".join(line for line in pem.splitlines() if not line.startswith("-----"))


def strangers_private(_: str) -> str:
    return private_pem(new_key(seed=None))


def strangers_public(_: str) -> str:
    return public_pem(new_key(seed=None).public_key())


def short_private(_: str) -> str:
    return private_pem(generate_rsa_key(EXPONENT, SHORT))


def elliptic_private(_: str) -> str:
    key = generate_private_key(SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
