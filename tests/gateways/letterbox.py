"""A web server that keeps what gateways post to it, and acknowledges it."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread

from kernel.clock import now
from payments.gateways import Ack, InboundRequest


class Letterbox:
    def __init__(self, *, ack: Ack) -> None:
        self._received: list[InboundRequest] = []
        self._lock = Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler(ack))
        self._thread = Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/webhooks/k/"

    @property
    def received(self) -> list[InboundRequest]:
        with self._lock:
            return list(self._received)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self, ack: Ack) -> type[BaseHTTPRequestHandler]:
        box = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                request = InboundRequest(headers=dict(self.headers.items()), body=body, received_at=now())
                with box._lock:
                    box._received.append(request)
                self.send_response(ack.status)
                self.send_header("Content-Type", ack.content_type)
                self.send_header("Content-Length", str(len(ack.body)))
                self.end_headers()
                self.wfile.write(ack.body)

            def log_message(self, *_args: object) -> None:
                pass

        return Handler
