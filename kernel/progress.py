"""How far a long run is: a bar on a terminal, a line every ten seconds elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Protocol, TypeVar

from django.utils.translation import gettext as _

T = TypeVar("T")

BAR_CELLS = 20
REDRAW_SECONDS = 0.1
LINE_SECONDS = 10.0
CLEAR = "\r\x1b[K"


class Terminal(Protocol):
    def write(self, text: str, /) -> object: ...
    def flush(self) -> object: ...
    def isatty(self) -> bool: ...


def show(items: Iterable[T], *, total: int | None, on: Terminal) -> Iterator[T]:
    """Hand the items on, and show how many there were."""
    is_bar = on.isatty()
    started = shown = time.monotonic()
    pause, count = (REDRAW_SECONDS if is_bar else LINE_SECONDS), 0
    try:
        for item in items:
            yield item
            count += 1
            if time.monotonic() - shown >= pause:
                shown = time.monotonic()
                _write(on, _line(count, total, shown - started), is_bar=is_bar)
    finally:
        if is_bar:
            on.write(CLEAR)
            on.flush()


def _write(on: Terminal, line: str, *, is_bar: bool) -> None:
    on.write(f"{CLEAR}{line}" if is_bar else f"{line}\n")
    on.flush()


def _line(count: int, total: int | None, seconds: float) -> str:
    minutes, second = divmod(int(seconds), 60)
    clock = f"{minutes // 60}:{minutes % 60:02d}:{second:02d}"
    if not total:
        return _("%(count)s done  %(clock)s") % {"count": f"{count:,}", "clock": clock}
    filled = min(BAR_CELLS * count // total, BAR_CELLS)
    return f"{'█' * filled}{'░' * (BAR_CELLS - filled)} {count:,}/{total:,}  {clock}"
