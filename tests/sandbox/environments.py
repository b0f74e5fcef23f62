"""Virtual environments for client libraries that other people wrote; each is made from a lock file, once."""

from __future__ import annotations

import fcntl
import subprocess
import sys
import venv
from hashlib import sha256
from pathlib import Path

from sandbox.testing import ROOT

CLIENTS = Path(__file__).parent / "clients"
CACHE = ROOT / ".cache" / "clients"
NOWHERE = "http://127.0.0.1:9/webhooks/key/"


def install(name: str) -> Path:
    """The Python of an environment that holds exactly what the client's lock file names; made once for each lock."""
    lock = CLIENTS / f"{name}.lock"
    home = CACHE / f"{name}-{sha256(lock.read_bytes() + sys.version.encode()).hexdigest()[:12]}"
    python, ready = home / "bin" / "python", home / "ready"
    CACHE.mkdir(parents=True, exist_ok=True)
    (CACHE / ".gitignore").write_text("*\n")
    with (CACHE / ".lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        if not ready.exists():
            _make(home, lock)
            ready.touch()
    return python


def _make(home: Path, lock: Path) -> None:
    """By uv where it is there: it installs the official SDK's 36,603 files in seconds, and pip in most of a minute."""
    uv = Path(sys.executable).parent / "uv"
    if uv.exists():
        subprocess.run([str(uv), "venv", "--quiet", "--clear", "--python", sys.executable, str(home)], check=True)
        install = [str(uv), "pip", "install", "--quiet", "--python", str(home / "bin" / "python")]
    else:
        venv.create(home, with_pip=True, clear=True)
        install = [str(home / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*install, "--require-hashes", "-r", str(lock)], check=True, timeout=300)
