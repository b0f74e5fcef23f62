"""What Django's own checks do not know about this product; each says what to do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error
from django.core.checks import Warning as Warned
from django.db import connections

from .databases import MARIADB_COLLATION


def check_mode(**_options: Any) -> list[CheckMessage]:
    found: list[CheckMessage] = []
    if not settings.PRODUCTION:
        found.append(
            Warned(
                f"This is {settings.MODE} mode: keys are made up and mail is printed.",
                hint="Set BACKOFFICE_MODE=production before real orders come in.",
                id="backoffice.W001",
            )
        )
    if settings.PRODUCTION and settings.EMAIL_BACKEND.endswith("console.EmailBackend"):
        found.append(
            Warned(
                "Mail is printed, not sent.",
                hint="Write EMAIL_URL=smtp+tls://user:password@smtp.example.com:587.",
                id="backoffice.W002",
            )
        )
    if settings.PRODUCTION and settings.EMBEDDED:
        found.append(
            Warned(
                "Without Redis every process must run on this one machine.",
                hint="Write REDIS_URL=redis://127.0.0.1:6379/0, or leave it if one machine is meant.",
                id="backoffice.W003",
            )
        )
    return found


def check_static_files(**_options: Any) -> list[CheckMessage]:
    root: Path | None = settings.STATIC_ROOT
    if root is None or (root / "staticfiles.json").is_file():
        return []
    return [
        Error(
            f"Style sheets and scripts are not in {root}, and every page would fail.",
            hint="Run: python manage.py collectstatic --noinput",
            id="backoffice.E001",
        )
    ]


def check_database(*, databases: Sequence[str] | None = None, **_options: Any) -> list[CheckMessage]:
    """On MariaDB and MySQL the database's own collation decides which texts are equal in tables made from now on."""
    return [
        Error(
            f"The database compares text by {collation}, which takes abcD for ABCd: numbers and tokens would collide.",
            hint=f"ALTER DATABASE … CHARACTER SET utf8mb4 COLLATE {MARIADB_COLLATION}, then migrate.",
            id="backoffice.E002",
        )
        for alias in databases or ()
        if connections[alias].vendor == "mysql" and not (collation := _collation(alias)).endswith("_bin")
    ]


def _collation(alias: str) -> str:
    with connections[alias].cursor() as cursor:
        cursor.execute("SELECT @@collation_database")
        return str(cursor.fetchone()[0])
