"""
DATABASE_URL turned into Django's DATABASES. We read it ourselves: django-environ makes an unknown engine of
`mariadb://` and nothing at all of nonsense.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from .env import BadSetting

EXAMPLES = (
    "Write sqlite:////path/to/file.sqlite3, postgres://user:password@host:5432/name "
    "or mysql://user:password@host:3306/name (MariaDB too)."
)
LOCK_SECONDS = 3  # waiting for a row longer than this is an answer of its own
POOL_SECONDS = 3  # a gateway waits five for its answer: without a database it hears in time that it must send again
SQLITE_BUSY_SECONDS = 15  # one writer at a time: the others queue

MARIADB_COLLATION = "utf8mb4_nopad_bin"  # the default one takes abcD for ABCd, and numbers and tokens would collide


def database(url: str, *, pool_size: int) -> dict[str, Any]:
    """
    Django's settings for the database at `url`.

    :param pool_size: connections each process may keep open to PostgreSQL; 0 opens one for each request
    :raises BadSetting: if the URL names no database that we run on
    """
    parts = _parts(url)
    match parts.scheme:
        case "sqlite":
            return _sqlite(parts)
        case "postgres" | "postgresql":
            return _postgresql(parts, pool_size=pool_size)
        case "mysql":
            return _mysql(parts)
        case "mariadb":
            raise BadSetting(
                "DATABASE_URL", why="starts with mariadb://", write="Write mysql://… instead: it serves MariaDB too."
            )
    raise BadSetting("DATABASE_URL", why=f"starts with “{parts.scheme}”, which is no database here", write=EXAMPLES)


def _parts(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _port = parts.port  # looked at, because a bad port is found only then
    except ValueError as error:
        raise BadSetting("DATABASE_URL", why=f"cannot be read ({error})", write=EXAMPLES) from error
    if not parts.scheme or "://" not in url:
        raise BadSetting("DATABASE_URL", why="is no URL", write=EXAMPLES)
    return parts


def _sqlite(parts: SplitResult) -> dict[str, Any]:
    path = unquote(parts.path)
    if parts.netloc or (path and not path.removeprefix("/")):
        raise BadSetting("DATABASE_URL", why="names no SQLite file", write="Write sqlite:////path/to/file.sqlite3.")
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": path.removeprefix("/") or ":memory:",  # sqlite:///file is relative, sqlite:////file is not
        "OPTIONS": {
            # A transaction that reads first and writes later cannot wait for its turn: it fails at once.
            "transaction_mode": "IMMEDIATE",
            "timeout": SQLITE_BUSY_SECONDS,
            # FULL: what we acknowledged to a gateway survives a power cut, not only a crash.
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-20000;",
        },
    }


def _postgresql(parts: SplitResult, *, pool_size: int) -> dict[str, Any]:
    options: dict[str, Any] = {
        "application_name": "merchant-backoffice",
        "options": f"-c lock_timeout={LOCK_SECONDS}s -c idle_in_transaction_session_timeout=60s",
        **_query(parts),
    }
    if pool_size:
        options["pool"] = {"min_size": 1, "max_size": pool_size, "timeout": POOL_SECONDS}
    checked = {"CONN_HEALTH_CHECKS": True}  # a database that was restarted costs nobody a request
    return {"ENGINE": "django.db.backends.postgresql", "OPTIONS": options, **checked, **_server(parts)}


def _mysql(parts: SplitResult) -> dict[str, Any]:
    query = _query(parts)
    collation = query.pop("collation", MARIADB_COLLATION)
    return {
        "ENGINE": "django.db.backends.mysql",
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {
            "charset": "utf8mb4",
            "isolation_level": "read committed",
            "collation": collation,
            "init_command": (
                "SET SESSION sql_mode='STRICT_TRANS_TABLES,ONLY_FULL_GROUP_BY,NO_ZERO_DATE,NO_ZERO_IN_DATE',"
                f" innodb_lock_wait_timeout={LOCK_SECONDS}"
            ),
            **query,
        },
        "TEST": {"CHARSET": "utf8mb4", "COLLATION": collation},
        **_server(parts),
    }


def _server(parts: SplitResult) -> dict[str, Any]:
    name = unquote(parts.path.removeprefix("/"))
    if not name or "/" in name:
        raise BadSetting("DATABASE_URL", why="does not say which database to use", write=EXAMPLES)
    return {
        "NAME": name,
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": unquote(parts.hostname or ""),
        "PORT": parts.port or "",
    }


def _query(parts: SplitResult) -> dict[str, str]:
    """What stands behind the `?` goes to the driver as it is, such as sslmode or unix_socket."""
    return dict(parse_qsl(parts.query))
