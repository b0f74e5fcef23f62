from __future__ import annotations

import logging
import signal
import socket
import threading
from collections.abc import Callable
from dataclasses import replace
from socketserver import TCPServer, ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from sandbox.app import Sandbox
from sandbox.box import Options

log = logging.getLogger("sandbox")


class Server(ThreadingMixIn, WSGIServer):
    """A thread for each request; one that hangs on purpose holds up nobody and no shutdown."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 256
    allow_reuse_address = True

    def server_bind(self) -> None:
        # without asking a name server who 127.0.0.1 is, as http.server does
        TCPServer.server_bind(self)
        host, port = self.server_address[:2]
        self.server_name, self.server_port = str(host), int(port)
        self.setup_environ()


class Handler(WSGIRequestHandler):
    """Quiet, and able to hang up without a word."""

    timeout = 30

    def get_environ(self) -> dict[str, object]:
        return super().get_environ() | {"sandbox.hang_up": self._hang_up, "sandbox.target": self.path}

    def _hang_up(self) -> None:
        self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        log.debug(format, *args)


def bind(*, host: str, port: int) -> Server:
    """
    Listen; port 0 lets the system choose.

    :raises OSError: if the port is in use
    """
    return Server((host, port), Handler)


def serve(server: Server, options: Options, *, ready: Callable[[str], None]) -> None:
    """Answer until a signal to stop; `ready` is told the address once."""
    host, port = server.server_address[:2]
    url = options.public_url or f"http://{host!s}:{port}"
    sandbox = Sandbox.open(replace(options, public_url=url))
    server.set_app(sandbox)
    sandbox.courier.start()
    _stop_on_signals(server)
    ready(url)
    try:
        server.serve_forever(poll_interval=0.1)
    finally:
        server.server_close()
        sandbox.close()


def _stop_on_signals(server: Server) -> None:
    """Signals reach the main thread only, where the demo's other processes are stopped too."""
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: threading.Thread(target=server.shutdown, daemon=True).start())
