"""The sandbox as others meet it: a process of its own, spoken to over HTTP."""

from __future__ import annotations

import http.client
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.error import HTTPError
from urllib.parse import urlencode, urlsplit
from urllib.request import urlopen

import pytest

from sandbox.alipay.signing import REQUEST, sign, string_to_sign
from sandbox.keys import load_private
from sandbox.testing import ROOT, RunningSandbox, SandboxError

from .merchant import read_form

MANAGE = (
    "import sys; from django.conf import settings; from django.core.management import execute_from_command_line;"
    "settings.configure(INSTALLED_APPS=['sandbox']); execute_from_command_line(['manage.py', *sys.argv[1:]])"
)


class Shop(ThreadingHTTPServer):
    """A merchant's webhook: remembers what came, and answers `success` when it is willing."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), ShopHandler)
        self.willing = True
        self.forms: list[dict[str, str]] = []
        Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/webhooks/key/"


class ShopHandler(BaseHTTPRequestHandler):
    server: Shop

    def do_POST(self) -> None:
        self.server.forms.append(read_form(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200 if self.server.willing else 302)
        self.send_header("Location", "/elsewhere/")
        self.end_headers()
        self.wfile.write(b"success")

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def shop() -> Iterator[Shop]:
    server = Shop()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def running() -> Iterator[RunningSandbox]:
    with RunningSandbox() as sandbox:
        yield sandbox


def place(sandbox: RunningSandbox, shop: Shop, number: str) -> None:
    orders = [{"out_trade_no": number, "total_amount": "1.00"}]
    sandbox.post("/sandbox/trades/bulk_create", orders=orders, notify_url=shop.url)


def signed_query(sandbox: RunningSandbox) -> str:
    params = {
        "app_id": sandbox.credentials["app_id"],
        "method": "alipay.trade.query",
        "charset": "utf-8",
        "sign_type": "RSA2",
        "timestamp": sandbox.get("/sandbox/clock")["beijing"],
        "version": "1.0",
        "biz_content": '{"out_trade_no":"NONE"}',
    }
    key = load_private(sandbox.credentials["app_private_key"])
    return urlencode(params | {"sign": sign(string_to_sign(params, without=REQUEST).encode(), key)})


def ask(sandbox: RunningSandbox, query: str) -> str:
    connection = http.client.HTTPConnection(urlsplit(sandbox.url).netloc, timeout=20)
    connection.request("GET", f"/gateway.do?{query}")
    return connection.getresponse().read().decode()


def ask_in_vain(sandbox: RunningSandbox, query: str) -> None:
    with suppress(OSError, http.client.HTTPException):
        ask(sandbox, query)


class TestRunningSandbox:
    def test_notifies_a_webhook_over_http(self, running: RunningSandbox, shop: Shop) -> None:
        place(running, shop, "H1")
        running.pay("H1", copies=2)
        running.settle()

        assert [form["out_trade_no"] for form in shop.forms] == ["H1", "H1"]
        assert [it["state"] for it in running.notifications("H1")] == ["done", "done"]

    def test_tries_again_and_follows_no_redirect(self, running: RunningSandbox, shop: Shop) -> None:
        shop.willing = False
        place(running, shop, "H2")
        running.pay("H2")
        deadline = time.monotonic() + 10
        while len(shop.forms) < 2 and time.monotonic() < deadline:
            time.sleep(0.02)
        shop.willing = True
        running.advance(3_600)
        running.settle()

        told = running.notifications("H2")[0]
        assert told["attempts"][0]["status"] == 302
        assert told["state"] == "done"

    def test_goes_on_after_it_was_killed(self, tmp_path: Path, shop: Shop) -> None:
        shop.willing = False
        sandbox = RunningSandbox(state_dir=tmp_path, speed=3_600)
        with sandbox:
            place(sandbox, shop, "H3")
            sandbox.pay("H3")
            sandbox.settle()
            before = sandbox.credentials
            sandbox.kill()
            shop.willing = True
            sandbox.start()
            sandbox.advance(3_600)
            sandbox.settle()

            assert sandbox.trade("H3")["state"] == "TRADE_SUCCESS"
            assert sandbox.notifications("H3")[0]["state"] == "done"
            assert sandbox.get("/sandbox/credentials.json")["alipay"]["app_id"] == before["app_id"]

    def test_closes_the_connection_without_a_word(self, running: RunningSandbox) -> None:
        running.control("hang_up", count=1)
        query = signed_query(running)

        with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
            ask(running, query)
        assert "ACQ.TRADE_NOT_EXIST" in ask(running, query)

    def test_holds_up_nobody_else_while_one_call_hangs(self, running: RunningSandbox) -> None:
        running.control("timeout", value=60, count=1)
        Thread(target=ask_in_vain, args=(running, signed_query(running)), daemon=True).start()
        deadline = time.monotonic() + 10
        while running.get("/sandbox/controls")[-1]["used"] == 0 and time.monotonic() < deadline:
            time.sleep(0.02)

        assert "ACQ.TRADE_NOT_EXIST" in ask(running, signed_query(running))

    def test_serves_the_page(self, running: RunningSandbox) -> None:
        with urlopen(running.url + "/?lang=en", timeout=10) as page:
            assert b"Payment gateway sandbox" in page.read()

    def test_says_what_is_not_there(self, running: RunningSandbox) -> None:
        with pytest.raises(HTTPError, match="404"):
            urlopen(running.url + "/nowhere", timeout=10)
        with pytest.raises(SandboxError, match="Nothing is known as P0"):
            running.pay("P0")

    @pytest.mark.parametrize("command", [["-m", "sandbox"], ["-c", MANAGE, "sandbox"]], ids=["alone", "manage.py"])
    def test_names_a_port_that_is_in_use(self, tmp_path: Path, command: list[str]) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            started = [sys.executable, *command, f"--port={port}", f"--state={tmp_path}"]
            done = subprocess.run(started, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)

        assert done.returncode == 1
        assert f"127.0.0.1:{port}" in done.stderr

    def test_is_a_command_of_the_product_that_explains_itself(self) -> None:
        asked = [sys.executable, "-c", MANAGE, "sandbox", "--help"]
        done = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, timeout=30, check=True)

        for shown in ("Play the payment gateways' side", "--port", "(default: 8900)", "--speed", "--clock-window"):
            assert shown in done.stdout

    def test_ends_in_good_order(self, tmp_path: Path) -> None:
        sandbox = RunningSandbox(state_dir=tmp_path).start()
        process = sandbox.process
        sandbox.stop()

        assert process is not None
        assert process.returncode == 0


def test_it_needs_no_django_and_none_of_the_product() -> None:
    code = (
        "import sys, sandbox.cli, sandbox.testing;"
        "print(sorted({name.split('.')[0] for name in sys.modules}"
        " & {'django', 'kernel', 'customers', 'orders', 'payments', 'aftersales', 'backoffice', 'httpx', 'requests'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
