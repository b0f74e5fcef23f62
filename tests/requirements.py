"""What a test needs beyond this repository. Missing, the test is skipped with a reason; with REQUIRE_ALL=1 it fails."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
import redis

ROOT = Path(__file__).resolve().parents[1]
REDIS_URL = os.environ.get("TEST_REDIS_URL", "redis://127.0.0.1:6379/9")


def shared(*parts: str) -> Path:
    """A file of the folder beside the repository: published test vectors and a real shop's order file."""
    path = Path(os.environ.get("SHARED_DIR", ROOT.parent / "shared")).joinpath(*parts)
    if not path.exists():
        pytest.skip(f"needs {'/'.join(parts)} in the shared folder (SHARED_DIR says where it is)")
    return path


def redis_url() -> str:
    """A Redis database of our own, that tests may empty."""
    try:
        redis.Redis.from_url(REDIS_URL, socket_connect_timeout=1).ping()
    except redis.RedisError as error:
        pytest.skip(f"needs Redis at {REDIS_URL} (TEST_REDIS_URL says where): {error}")
    return REDIS_URL


def chromium() -> str:
    """The system's Chromium: Playwright's own is never downloaded."""
    path = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if not path:
        pytest.skip("needs Chromium (apt install chromium fonts-noto-cjk)")
    pytest.importorskip("playwright", reason="needs the browser group of pyproject.toml")
    return path


def fuzzer() -> None:
    """Atheris, of which there are wheels for Linux on x86 alone."""
    pytest.importorskip("atheris", reason="needs atheris, which is made for Linux on x86-64")


def pdf() -> None:
    """What makes receipts into PDFs, with Pango and a font with Chinese characters beside it."""
    pytest.importorskip("weasyprint", reason="needs requirements-pdf.lock (make .venv/.pdf) and libpango")
