"""The keys of a shop that tries things out: made once, kept beside its database. Production brings its own."""

from __future__ import annotations

import os
import secrets
from base64 import urlsafe_b64encode
from pathlib import Path

from .env import RING_KEY_BYTES, BadSetting

NAMES = ("SECRET_KEY", "LOOKUP_KEY", "ENCRYPTION_KEYS")


def demo_keys(folder: Path, *, database: Path | None) -> dict[str, str]:
    """
    The keys kept in `folder`, made there if this is the first start.

    :param database: the SQLite file these keys belong to, if it is one
    :raises BadSetting: if the file of keys is gone while the database they encrypted is still there, or is damaged
    """
    path = folder / "keys.env"
    if not path.exists():
        if database is not None and database.exists() and database.stat().st_size:
            raise BadSetting(
                "ENCRYPTION_KEYS",
                why=f"cannot be found: {path} is gone, while {database} holds what was encrypted with it",
                write=f"Put {path.name} back, or delete both to start an empty demo.",
            )
        _make(path)
    return _read(path)


def _make(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    ring_key = urlsafe_b64encode(os.urandom(RING_KEY_BYTES)).decode()
    lines = (
        f"SECRET_KEY={secrets.token_urlsafe(50)}",
        f"LOOKUP_KEY={secrets.token_urlsafe(50)}",
        f"ENCRYPTION_KEYS=k1:{ring_key}",
    )
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.touch(mode=0o600)
    draft.write_text("\n".join(lines) + "\n")
    try:
        os.link(draft, path)  # whole or not at all, and never over the keys another process has just made
    except FileExistsError:
        pass
    finally:
        draft.unlink()


def _read(path: Path) -> dict[str, str]:
    pairs = (line.partition("=") for line in path.read_text().splitlines())
    keys = {name: value for name, _equals, value in pairs if name in NAMES}
    if missing := [name for name in NAMES if not keys.get(name)]:
        raise BadSetting(
            missing[0], why=f"is missing in {path}", write="Put the file back, or delete it and the demo database."
        )
    return keys
