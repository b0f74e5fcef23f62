"""The bell without Redis: kombu's folder of files, made safe for several processes.

kombu opens a message's file before it locks and fills it, so that a reader can move it away empty; reading it then ends
the worker (celery/kombu#1551). Here a message appears under its name only when it is whole, tables are changed by one
process at a time, and what is damaged all the same is thrown away: the row it told of is found by the sweeper.
"""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any

from kombu import transport
from kombu.transport import filesystem
from kombu.utils.json import dumps

SCHEME = "folder"

log = logging.getLogger(__name__)


class Channel(filesystem.Channel):
    # kombu's stubs name the payload in two ways, of which no override can have both
    def _put(self, queue: str, payload: Any, **_options: Any) -> None:  # type: ignore[override]
        put_at = round(monotonic() * 1000)  # sorts by the clock of the machine, which all its processes share
        name = f"{put_at}_{os.urandom(16).hex()}.{queue}.msg"
        whole = Path(self.data_folder_out) / name
        partly = whole.with_suffix(".partly")  # no queue's reader looks at these
        partly.write_text(dumps(payload), encoding="utf-8")
        partly.replace(whole)

    def _get(self, queue: str, timeout: float | None = None) -> Any:
        while True:
            try:
                return super()._get(queue)
            except ValueError:
                log.warning("broker: a message of %s was unreadable and is thrown away", queue)

    def get_table(self, exchange: str) -> Any:
        return self._of_table(exchange, lambda: super(Channel, self).get_table(exchange))

    def _queue_bind(self, exchange: str, *binding: Any) -> None:
        self._of_table(exchange, lambda: super(Channel, self)._queue_bind(exchange, *binding))

    def _delete(self, queue: str, exchange: str, *binding: Any, **options: Any) -> None:
        self._of_table(exchange, lambda: super(Channel, self)._delete(queue, exchange, *binding, **options))

    def _of_table(self, exchange: str, act: Callable[[], Any]) -> Any:
        """Nobody else reads or changes a table meanwhile; one that a killed process left unreadable is begun anew."""
        with self._alone():
            try:
                return act()
            except ValueError:
                log.warning("broker: the table of %s was unreadable and is begun anew", exchange)
                (self.control_folder / f"{exchange}.exchange").unlink(missing_ok=True)
                return act()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        self.control_folder.mkdir(parents=True, exist_ok=True)
        with (self.control_folder / "lock").open("w") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            yield


class Transport(filesystem.Transport):
    Channel = Channel


def register() -> None:
    """Make `folder://` a broker's address."""
    transport.TRANSPORT_ALIASES[SCHEME] = f"{__name__}:Transport"
