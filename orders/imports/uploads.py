"""Files between their upload and the word to import them. They hold what customers wrote, so none stays for long."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core import signing
from django.core.files.base import File
from django.utils.translation import gettext_lazy as _

from kernel.errors import DomainError
from kernel.models import User

SALT = "orders.imports.uploads"
KEPT = timedelta(days=1)


class UploadGone(DomainError):
    text = _("The uploaded file is not here any more. Upload it again.")


@dataclass(frozen=True, slots=True)
class Upload:
    """:param name: as whoever uploaded it calls it"""

    path: Path
    name: str


def keep_upload(file: File[Any], *, name: str, by: User) -> str:
    """:return: the token that brings it back, good for this person"""
    folder = _folder()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = secrets.token_hex(16)
    with (folder / key).open("xb") as kept:
        (folder / key).chmod(0o600)
        for chunk in file.chunks():
            kept.write(chunk)
    return signing.dumps({"key": key, "name": name, "by": by.pk}, salt=SALT, compress=True)


def find_upload(token: str, *, by: User) -> Upload:
    """:raises UploadGone: if it was imported, is too old, or somebody else's"""
    try:
        told = signing.loads(token, salt=SALT, max_age=KEPT)
    except signing.BadSignature as error:
        raise UploadGone from error
    path = _folder() / told["key"]
    if told["by"] != by.pk or not path.is_file():
        raise UploadGone
    return Upload(path, told["name"])


def drop_upload(upload: Upload) -> None:
    upload.path.unlink(missing_ok=True)


def prune_uploads(*, at: datetime) -> int:
    """
    Throw away what nobody said a word about for a day.

    :return: how many files
    """
    folder = _folder()
    old = [path for path in folder.iterdir() if _age(path, at) > KEPT] if folder.is_dir() else []
    for path in old:
        path.unlink(missing_ok=True)
    return len(old)


def _age(path: Path, at: datetime) -> timedelta:
    try:
        return at - datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except FileNotFoundError:  # another worker was faster
        return timedelta()


def _folder() -> Path:
    return Path(settings.MEDIA_ROOT) / "uploads"
