"""
Settings read from the environment. A bad or missing one is answered in a sentence: which, why, and what to write.

Each setting `X` may also come from a file named by `X_FILE`, the way container secrets are handed over.
"""

from __future__ import annotations

import binascii
import os
from base64 import urlsafe_b64decode
from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured
from environ.fileaware_mapping import FileAwareMapping

Network = IPv4Network | IPv6Network

RING_KEY_BYTES = 32
SECRET_CHARS = 50
MAKE_RING_KEY = (
    "Make one with: python3 -c \"import base64, os; print('k1:' + base64.urlsafe_b64encode(os.urandom(32)).decode())\""
)
MAKE_SECRET = 'Make one with: python3 -c "import secrets; print(secrets.token_urlsafe(50))"'  # noqa: S105 - a sentence, no secret


class BadSetting(ImproperlyConfigured):
    """One setting keeps the start from going on; the text says which, why, and what to write instead."""

    def __init__(self, name: str, *, why: str, write: str) -> None:
        super().__init__(f"{name} {why}. {write}")
        self.name = name


class Environment:
    """The process environment, after the lines of a `.env` file for whatever it does not set itself."""

    def __init__(self, *, dotenv: Path | None = None) -> None:
        if dotenv is not None and dotenv.is_file():
            environ.Env.read_env(dotenv)
        self._values = FileAwareMapping(cache=False)

    def text(self, name: str, default: str | None = None, *, write: str = "") -> str:
        """The setting, stripped; empty counts as unset. Without a default it must be there."""
        value = self._raw(name) or default
        if value is None:
            raise BadSetting(name, why="is not set", write=write)
        return value

    def flag(self, name: str, *, default: bool) -> bool:
        word = self.text(name, "yes" if default else "no").lower()
        if word in {"1", "true", "yes", "on"}:
            return True
        if word in {"0", "false", "no", "off"}:
            return False
        raise BadSetting(name, why=f"is “{word}”, which is neither yes nor no", write=f"Write {name}=yes or {name}=no.")

    def number(self, name: str, default: int, *, low: int, high: int) -> int:
        word = self.text(name, str(default))
        if not word.isascii() or not word.isdigit() or not low <= int(word) <= high:
            raise BadSetting(
                name, why=f"is “{word}”", write=f"Write a whole number from {low} to {high}, as in {name}={default}."
            )
        return int(word)

    def choice(self, name: str, options: Sequence[str], *, default: str) -> str:
        word = self.text(name, default)
        if word not in options:
            raise BadSetting(name, why=f"is “{word}”", write=f"Write one of: {', '.join(options)}.")
        return word

    def words(self, name: str) -> list[str]:
        return [word for word in (part.strip() for part in self.text(name, "").split(",")) if word]

    def networks(self, name: str) -> tuple[Network, ...]:
        try:
            return tuple(ip_network(word) for word in self.words(name))
        except ValueError as error:
            raise BadSetting(
                name,
                why=f"holds something that is no address or network ({error})",
                write=f"Write addresses or networks with commas between, as in {name}=127.0.0.1,10.0.0.0/8.",
            ) from error

    def origin(self, name: str, default: str | None = None) -> str:
        """An address such as https://shop.example.com: scheme, host and port, nothing behind."""
        write = f"Write the address people open, without a path, as in {name}=https://shop.example.com"
        text = self.text(name, default, write=write).rstrip("/")
        parts = _split(text)
        if (
            not parts
            or parts.scheme not in {"http", "https"}
            or not parts.hostname
            or text != f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
        ):
            raise BadSetting(name, why=f"is “{text}”, which is no such address", write=write)
        return text

    def redis(self, name: str) -> str:
        """The address of a Redis server, or "" for none."""
        text = self.text(name, "")
        parts = _split(text)
        if text and (not parts or parts.scheme not in {"redis", "rediss", "unix"} or not (parts.netloc or parts.path)):
            raise BadSetting(
                name,
                why="is no address of a Redis server",
                write=f"Write {name}=redis://127.0.0.1:6379/0, or leave it out to run without Redis.",
            )
        return text

    def mail(self, name: str, default: str | None = None) -> dict[str, object]:
        """Django's EMAIL_* settings from an address such as smtp+tls://user:password@host:587."""
        write = f"Write {name}=smtp+tls://user:password@smtp.example.com:587, or {name}=consolemail:// to print mail."
        text = self.text(name, default, write=write)
        parts = _split(text)
        if not parts or parts.scheme not in environ.Env.EMAIL_SCHEMES:
            raise BadSetting(name, why="is no address of a mail server", write=write)
        return dict(environ.Env.email_url_config(text))

    def secret(self, name: str, default: str | None = None) -> str:
        value = self.text(name, default, write=MAKE_SECRET)
        if len(value) < SECRET_CHARS:
            raise BadSetting(name, why=f"is shorter than {SECRET_CHARS} characters", write=MAKE_SECRET)
        return value

    def key_ring(self, name: str, default: str | None = None) -> str:
        """`id:base64,id:base64`, newest first; each key is 32 bytes."""
        ring = self.text(name, default, write=f"Write {name}=k1:… with 32 random bytes in base64. {MAKE_RING_KEY}")
        seen: set[str] = set()
        for position, entry in enumerate(ring.split(","), start=1):
            key_id, _colon, key = entry.strip().partition(":")
            if not key_id or "." in key_id or key_id in seen or _key_bytes(key) != RING_KEY_BYTES:
                raise BadSetting(
                    name,
                    why=f"has an entry (number {position}) that is not id:key with 32 bytes, or names an id twice",
                    write=f"Write id:base64 with commas between, newest first. {MAKE_RING_KEY}",
                )
            seen.add(key_id)
        return ring

    def _raw(self, name: str) -> str:
        try:
            return str(self._values.get(name, "")).strip()
        except (OSError, ValueError) as error:
            path = os.environ.get(f"{name}_FILE", "")
            raise BadSetting(
                f"{name}_FILE",
                why=f"names {path}, which cannot be read",
                write=f"Write the path of a readable file that holds {name}, or set {name} itself.",
            ) from error


def _split(text: str) -> SplitResult | None:
    try:
        parts = urlsplit(text)
        _port = parts.port  # looked at, because a bad port is found only then
    except ValueError:
        return None
    return parts


def _key_bytes(key: str) -> int:
    try:
        return len(urlsafe_b64decode(key))
    except (ValueError, binascii.Error):
        return 0
