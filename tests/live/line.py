"""The line between a program and its database: it can be cut, and mended."""

from __future__ import annotations

import socket
from contextlib import suppress
from threading import Lock, Thread


class Line:
    """Passes bytes on to `host:port`; `port` is where it listens itself."""

    def __init__(self, host: str, port: int) -> None:
        self.target = host, port
        self.port = 0
        self.listener: socket.socket | None = None
        self.open: set[socket.socket] = set()
        self.lock = Lock()
        self.mend()

    def mend(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self.listener.getsockname()[1]
        Thread(target=self._accept, args=(self.listener,), daemon=True).start()

    def cut(self) -> None:
        """Nobody gets through any more, and whoever was through hears nothing but the end."""
        if self.listener is not None:
            _close(self.listener)
        with self.lock:
            ends, self.open = self.open, set()
        for end in ends:
            _close(end)

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                near, _address = listener.accept()
                self._connect(near)

    def _connect(self, near: socket.socket) -> None:
        try:
            far = socket.create_connection(self.target)
        except OSError:
            near.close()
            return
        with self.lock:
            self.open |= {near, far}
        for source, sink in ((near, far), (far, near)):
            Thread(target=self._pass_on, args=(source, sink), daemon=True).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while some := source.recv(65_536):
                sink.sendall(some)
        for end in (source, sink):
            _close(end)
        with self.lock:
            self.open -= {source, sink}


def _close(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()
