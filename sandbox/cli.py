from __future__ import annotations

import logging
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from pathlib import Path

from sandbox.box import CLOCK_WINDOW, Options
from sandbox.server import bind, serve

PORT = 8900
STATE_DIR = Path("var/sandbox")
Translate = Callable[[str], str]  # `manage.py sandbox` brings the product's languages; alone it speaks English


def add_arguments(parser: ArgumentParser, *, _: Translate = str) -> None:
    def add(name: str, help: str, **more: object) -> None:  # noqa: A002
        parser.add_argument(name, help=help, **more)  # type: ignore[arg-type]

    add("--host", _("address to listen on (default: %(default)s)"), default="127.0.0.1")
    add("--port", _("port, 0 for any free one (default: %(default)s)"), type=int, default=PORT)
    add("--public-url", _("how browsers reach it, if not by host and port"), default="")
    add("--state", _("where keys and trades are kept (default: %(default)s)"), type=Path, default=STATE_DIR)
    add("--seed", _("makes the same keys and numbers in a new folder"), type=int)
    add("--speed", _("how much faster retries come; 3600: an hour is a second"), type=_positive, default=1.0)
    add(
        "--clock-window",
        _("seconds by which a request's timestamp may be off, 0 for any (default: %(default)s)"),
        type=float,
        default=CLOCK_WINDOW,
    )


def _positive(text: str) -> float:
    number = float(text)
    if number <= 0:
        raise ValueError(text)
    return number


def run(chosen: Namespace, *, _: Translate = str) -> int:
    """Serve as asked on the command line; 1 if the port is in use."""
    options = Options(
        state_dir=chosen.state,
        public_url=chosen.public_url.rstrip("/"),
        seed=chosen.seed,
        speed=chosen.speed,
        clock_window=chosen.clock_window,
    )
    address = f"{chosen.host}:{chosen.port}"
    try:
        server = bind(host=chosen.host, port=chosen.port)
    except OSError as error:
        refused = _("The sandbox cannot listen on %(address)s (%(reason)s). Choose another --port.")
        sys.stderr.write(refused % {"address": address, "reason": error.strerror} + "\n")
        return 1
    serve(server, options, ready=lambda url: _announce(_("Sandbox ready: %(url)s") % {"url": url}))
    return 0


def main() -> int:
    parser = ArgumentParser(prog="python -m sandbox", description="The gateways' side of the payment protocols.")
    add_arguments(parser)
    parser.add_argument("--verbose", action="store_true", help="say what is sent and answered")
    chosen = parser.parse_args()
    logging.basicConfig(level=logging.INFO if chosen.verbose else logging.WARNING, format="%(message)s")
    return run(chosen)


def _announce(words: str) -> None:
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()
