from __future__ import annotations

from hashlib import sha512

from cryptography.hazmat.primitives.asymmetric.rsa import (
    RSAPrivateKey,
    RSAPrivateNumbers,
    RSAPublicKey,
    RSAPublicNumbers,
    generate_private_key,
    rsa_crt_dmp1,
    rsa_crt_dmq1,
    rsa_crt_iqmp,
)
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

BITS = 2048
EXPONENT = 65_537
ROUNDS = 8
SMALL_PRIMES = [n for n in range(3, 5_000) if all(n % d for d in range(2, int(n**0.5) + 1))]


def new_key(*, seed: str | None) -> RSAPrivateKey:
    """An RSA key; the same one for the same seed. A seeded key is a toy: anybody can make it again."""
    return generate_private_key(EXPONENT, BITS) if seed is None else _seeded(seed)


def private_pem(key: RSAPrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def public_pem(key: RSAPublicKey) -> str:
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def load_private(pem: str) -> RSAPrivateKey:
    key = load_pem_private_key(pem.encode(), password=None, unsafe_skip_rsa_key_validation=True)  # we made it
    if not isinstance(key, RSAPrivateKey):
        raise ValueError("not an RSA key")
    return key


def _seeded(seed: str) -> RSAPrivateKey:
    p = _prime(f"{seed}:p")
    q = _prime(f"{seed}:q")
    d = pow(EXPONENT, -1, (p - 1) * (q - 1))
    public = RSAPublicNumbers(EXPONENT, p * q)
    halves = rsa_crt_dmp1(d, p), rsa_crt_dmq1(d, q), rsa_crt_iqmp(p, q)
    return RSAPrivateNumbers(p, q, d, *halves, public).private_key()


def _prime(seed: str) -> int:
    """The first prime at or above the number that the seed stands for; both top bits are set."""
    digest = b"".join(sha512(f"{seed}:{n}".encode()).digest() for n in range(BITS // 1024))
    candidate = int.from_bytes(digest, "big") | (3 << (BITS // 2 - 2)) | 1
    while not _is_prime(candidate):
        candidate += 2
    return candidate


def _is_prime(n: int) -> bool:
    if any(n % prime == 0 for prime in SMALL_PRIMES) or (n - 1) % EXPONENT == 0:
        return False
    return all(_passes(n, base) for base in SMALL_PRIMES[:ROUNDS])


def _passes(n: int, base: int) -> bool:
    """Miller and Rabin's test."""
    twos = ((n - 1) & -(n - 1)).bit_length() - 1
    x = pow(base, (n - 1) >> twos, n)
    if x in {1, n - 1}:
        return True
    for _ in range(twos - 1):
        x = x * x % n
        if x == n - 1:
            return True
    return False
