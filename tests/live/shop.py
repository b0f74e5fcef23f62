"""A whole shop beside a test: web, worker with scheduler, Redis and the payment gateway's sandbox, each a process."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import httpx
import pytest
import redis

from sandbox.testing import RunningSandbox
from tests.hands import Hand
from tests.processes import own_database

from .line import Line
from .programs import PATIENCE, Program, answers, free_port, wait_until

SCENES = "tests.live.scenes"
DEFAULT_PORTS = {"postgres": 5432, "postgresql": 5432, "mysql": 3306}


class LiveShop:
    """
    :param with_redis: False for the embedded mode, in which files are the bell
    :param speed: the gateway's retry table runs this much faster
    """

    def __init__(self, folder: Path, database: dict[str, str], *, with_redis: bool, speed: float = 3_600) -> None:
        self.folder = folder
        self.port, self.redis_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.line = self._line(database["DATABASE_URL"])
        self.environment = {
            **{name: value for name, value in database.items() if name not in ("PORT", "PUBLIC_URL", "REDIS_URL")},
            "BACKOFFICE_MODE": "demo",
            "DJANGO_SETTINGS_MODULE": "backoffice.settings",
            "DATABASE_POOL_SIZE": "5",
            "DATABASE_URL": self._through_line(database["DATABASE_URL"]),
            "PORT": str(self.port),
            "PUBLIC_URL": self.url,
            "REDIS_URL": f"redis://127.0.0.1:{self.redis_port}/0" if with_redis else "",
            "EMAIL_URL": "dummymail://",
            "PYTHONUNBUFFERED": "1",
        }
        self.bank = RunningSandbox(seed=1, speed=speed)
        self.redis = self._program("redis", *_redis_arguments(self.redis_port, folder)) if with_redis else None
        gunicorn = ("-m", "gunicorn", "backoffice.wsgi", "--bind", f"127.0.0.1:{self.port}", "--no-control-socket")
        self.web = self._program("web", sys.executable, *gunicorn, "--workers", "2", "--threads", "4", "--preload")
        celery = ("-m", "celery", "-A", "backoffice", "worker", "--beat", "--concurrency", "2", "--loglevel", "INFO")
        self.worker = self._program("worker", sys.executable, *celery, "--schedule", str(folder / "beat"))
        self.hand: Hand
        self.account: dict[str, Any] = {}

    def open(self) -> None:
        """Everything starts, and the shop has an account at the gateway."""
        self.bank.start()
        if self.redis is not None:
            self.start_redis()
        self.hand = Hand(SCENES, self.environment).ready()
        self.account = self.hand.do("prepare", state_dir=str(self.bank.state_dir), url=self.bank.url)
        self.start_web()
        self.worker.start()

    def close(self) -> None:
        for program in (self.worker, self.web, self.redis):
            if program is not None:
                program.stop()
        if hasattr(self, "hand"):
            self.hand.leave()
        self.bank.stop()
        if self.line is not None:
            self.line.cut()

    def start_web(self, **changes: str) -> None:
        self.web.start(**changes)
        wait_until(lambda: answers(f"{self.url}/healthz") == httpx.codes.OK, what=f"web\n{self.web.last_words()}")

    def start_redis(self) -> None:
        assert self.redis is not None
        self.redis.start()
        wait_until(self._redis_answers, what="Redis answers")

    def wait_for(self, name: str, *, patience: float = PATIENCE, **facts: Any) -> Any:
        """The first answer of a scene that is true."""
        return wait_until(lambda: self.hand.do(name, **facts), what=f"{name} {facts}", patience=patience, pause=0.25)

    def get(self, path: str) -> httpx.Response:
        return httpx.get(self.url + path, trust_env=False, timeout=60, follow_redirects=True)

    def post(self, path: str, **form: str) -> httpx.Response:
        return httpx.post(self.url + path, data=form, trust_env=False, timeout=60, follow_redirects=True)

    def redis_client(self) -> redis.Redis:
        return redis.Redis(port=self.redis_port)

    def _redis_answers(self) -> bool:
        try:
            return bool(self.redis_client().ping())
        except redis.RedisError:
            return False

    def _program(self, name: str, *argv: str) -> Program:
        return Program(argv, environment=self.environment, log=self.folder / f"{name}.log")

    def _line(self, url: str) -> Line | None:
        parts = urlsplit(url)
        if parts.hostname is None:
            return None  # a file
        return Line(parts.hostname, parts.port or DEFAULT_PORTS[parts.scheme])

    def _through_line(self, url: str) -> str:
        if self.line is None:
            return url
        parts = urlsplit(url)
        signed_in = parts.netloc.rpartition("@")[0]
        return urlunsplit(parts._replace(netloc=f"{signed_in}@127.0.0.1:{self.line.port}".lstrip("@")))


@contextmanager
def live_shop(folder: Path, *, with_redis: bool = True, speed: float = 3_600) -> Iterator[LiveShop]:
    """Open a shop on a database of its own, and leave nothing behind."""
    if with_redis and shutil.which("redis-server") is None:
        pytest.skip("needs redis-server (apt install redis-server)")
    with ExitStack() as stack:
        database = stack.enter_context(own_database(folder))
        shop = LiveShop(folder, database, with_redis=with_redis, speed=speed)
        stack.callback(shop.close)
        shop.open()
        yield shop


def _redis_arguments(port: int, folder: Path) -> tuple[str, ...]:
    where = ("--bind", "127.0.0.1", "--port", str(port), "--dir", str(folder))
    return ("redis-server", *where, "--save", "", "--appendonly", "no")
