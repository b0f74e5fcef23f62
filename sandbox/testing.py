"""A sandbox in a process of its own, for tests; needs no Django."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

ROOT = Path(__file__).parent.parent
READY = "Sandbox ready: "
OPENER = build_opener(ProxyHandler({}))


class SandboxError(Exception):
    """The sandbox did not start, or refused; the text is its answer."""


class RunningSandbox:
    """
    Start a sandbox, talk to it, stop it; use it with `with`.

    :param state_dir: kept afterwards; without one the state is thrown away
    :param speed: the retry table runs this much faster (3600: 4 minutes are 67 ms)
    """

    def __init__(
        self,
        *,
        state_dir: Path | None = None,
        seed: int | None = 1,
        speed: float = 3_600,
        port: int = 0,
        clock_window: float = 600,
    ) -> None:
        self._temporary = None if state_dir else TemporaryDirectory(prefix="sandbox-", ignore_cleanup_errors=True)
        self.state_dir = state_dir or Path(self._temporary.name if self._temporary else "")
        self.options = {"port": port, "speed": speed, "clock-window": clock_window, "state": self.state_dir}
        if seed is not None:
            self.options["seed"] = seed
        self.process: subprocess.Popen[str] | None = None
        self.url = ""

    def __enter__(self) -> RunningSandbox:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> RunningSandbox:
        """:raises SandboxError: if it does not come up"""
        arguments = [f"--{name}={value}" for name, value in self.options.items()]
        self.process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", "sandbox", *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        first = self.process.stdout.readline() if self.process.stdout else ""
        if not first.startswith(READY):
            self.stop()
            raise SandboxError(f"It did not start: {first!r}")
        self.url = first.removeprefix(READY).strip()
        return self

    def stop(self) -> None:
        """Stop it in good order; the next `start` finds all as it was."""
        self._end(kill=False)
        if self._temporary is not None:
            self._temporary.cleanup()

    def kill(self) -> None:
        """Kill it outright, as a crash would; `start` it again to see what it remembers."""
        self._end(kill=True)

    def _end(self, *, kill: bool) -> None:
        if self.process is not None:
            self.process.kill() if kill else self.process.terminate()
            self.process.wait(timeout=20)
            if self.process.stdout:
                self.process.stdout.close()
            self.process = None

    @cached_property
    def credentials(self) -> dict[str, str]:
        """Of the first Alipay account: app_id, seller_id, app_private_key, alipay_public_key, gateway_url."""
        found: dict[str, str] = self.get("/sandbox/credentials.json?gateway=alipay")["alipay"]
        return found

    def credentials_of(self, gateway: str) -> dict[str, str]:
        """Of the first account at `alipay`, `wechatpay` or `unionpay`."""
        found: dict[str, str] = self.get(f"/sandbox/credentials.json?gateway={gateway}")[gateway]
        return found

    def get(self, path: str) -> Any:
        return self._ask("GET", path)

    def post(self, path: str, **content: object) -> Any:
        return self._ask("POST", path, content)

    def delete(self, path: str) -> Any:
        return self._ask("DELETE", path)

    def act(self, out_trade_no: str, action: str, **wishes: object) -> dict[str, Any]:
        """`scan`, `pay`, `fail`, `close`, `finish`, `settle`, `refund` or `notify` a trade."""
        done: dict[str, Any] = self.post(f"/sandbox/trades/{out_trade_no}/{action}", **wishes)
        return done

    def pay(self, out_trade_no: str, **wishes: object) -> dict[str, Any]:
        """`notify=False`, `copies=3`, `amount="1.00"`, `faults={"forge_notify": "corrupt"}`."""
        return self.act(out_trade_no, "pay", **wishes)

    def control(self, fault: str, **wishes: object) -> dict[str, Any]:
        """Switch a fault on: `scope`, `api`, `value`, `count`, `percent`, `executed`."""
        control: dict[str, Any] = self.post("/sandbox/controls", fault=fault, **wishes)
        return control

    def clear(self) -> None:
        self.delete("/sandbox/controls")

    def advance(self, seconds: float) -> None:
        """Put the sandbox's clock forward."""
        self.post("/sandbox/clock", advance_seconds=seconds)

    def trade(self, out_trade_no: str) -> dict[str, Any]:
        found: dict[str, Any] = self.get(f"/sandbox/trades/{out_trade_no}")
        return found

    def ledger(self, gateway: str = "alipay") -> dict[str, Any]:
        """`totals` and `trades`, in fen."""
        books: dict[str, Any] = self.get(f"/sandbox/ledger.json?gateway={gateway}")[gateway]
        return books

    def notifications(self, out_trade_no: str = "") -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.get(f"/sandbox/notifications.json?out_trade_no={out_trade_no}")
        return found

    def settle(self, *, timeout: float = 10) -> None:
        """
        Wait until nothing is being sent or due now (what is to be tried again later stays waiting).

        :raises SandboxError: if that takes too long
        """
        deadline = time.monotonic() + timeout
        while (status := self.get("/sandbox/status.json"))["unfinished"]:
            if time.monotonic() > deadline:
                raise SandboxError(f"Still sending: {status}")
            time.sleep(0.02)

    def _ask(self, method: str, path: str, content: object = None) -> Any:
        body = None if content is None else json.dumps(content).encode()
        request = Request(self.url + path, data=body, method=method)  # noqa: S310
        try:
            with OPENER.open(request, timeout=300) as response:
                return json.load(response)
        except HTTPError as error:
            raise SandboxError(f"{error.code}: {error.read().decode()}") from error
