from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from sqlite3 import Row
from threading import BoundedSemaphore, Event, Thread
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener

from sandbox import notices
from sandbox.box import Box

log = logging.getLogger("sandbox")
THREADS = 8
ANSWER_LIMIT = 4_096
PATIENCE = 10.0  # seconds for the merchant to answer
NAP = 0.25  # the longest sleep between two looks at what is due; the clock may jump


@dataclass(frozen=True)
class Letter:
    """A notification made up and signed."""

    url: str
    body: bytes
    content_type: str
    headers: Mapping[str, str] = field(default_factory=dict)
    patience: float = PATIENCE


@dataclass(frozen=True)
class Answer:
    status: int = 0
    text: str = ""
    error: str = ""


@dataclass(frozen=True)
class Sender:
    """How one gateway notifies."""

    write: Callable[[Box, Row], Letter]
    accepts: Callable[[Answer], bool]
    gaps: Sequence[float]  # seconds between one try and the next


class _NoRedirect(HTTPRedirectHandler):
    def redirect_request(self, *args: object, **kwargs: object) -> None:
        return None


OPENER = build_opener(ProxyHandler({}), _NoRedirect)


def post(letter: Letter) -> Answer:
    """Send a notification over HTTP; what went wrong on the way is in the answer."""
    headers = {
        "User-Agent": "Mozilla/4.0",
        **letter.headers,
        "Content-Type": letter.content_type,
        "Connection": "close",
    }
    try:
        request = Request(letter.url, data=letter.body, headers=headers, method="POST")  # noqa: S310
        with OPENER.open(request, timeout=letter.patience) as response:
            return Answer(response.status, response.read(ANSWER_LIMIT).decode("utf-8", "replace"))
    except HTTPError as error:
        return Answer(error.code, error.read(ANSWER_LIMIT).decode("utf-8", "replace"))
    except (OSError, ValueError) as error:
        return Answer(error=f"{type(error).__name__}: {error}")


@dataclass
class Courier:
    """Sends what is due, several at a time, and goes on after a restart where it stopped."""

    box: Box
    senders: Mapping[str, Sender]
    post: Callable[[Letter], Answer] = post
    stopping: Event = field(default_factory=Event)
    thread: Thread | None = None

    def start(self) -> None:
        notices.take_back(self.box)
        self.thread = Thread(target=self._run, name="courier", daemon=True)
        self.thread.start()

    def stop(self) -> None:
        self.stopping.set()
        self.box.bell.set()
        if self.thread is not None:
            self.thread.join(timeout=PATIENCE)

    def deliver_due(self) -> int:
        """Send what is due now, one after the other, in this thread; how many."""
        rows = notices.claim_due(self.box, limit=1_000)
        for row in rows:
            self._deliver(row)
        return len(rows)

    def _run(self) -> None:
        slots = BoundedSemaphore(THREADS)
        with ThreadPoolExecutor(THREADS, thread_name_prefix="courier") as pool:
            while not self.stopping.is_set():
                slots.acquire()
                self.box.bell.clear()
                rows = notices.claim_due(self.box, limit=1)
                for row in rows:
                    pool.submit(self._deliver, row).add_done_callback(lambda _: slots.release())
                if not rows:
                    slots.release()
                    self.box.bell.wait(self._until_next())

    def _until_next(self) -> float:
        due = notices.next_due(self.box)
        return NAP if due is None else min(NAP, max(0.01, due - self.box.clock.now()))

    def _deliver(self, row: Row) -> None:
        sender = self.senders[row["gateway"]]
        try:
            attempt = self._send(row, sender)
        except Exception as error:
            log.exception("notification %s could not be made", row["id"])
            attempt = notices.Attempt("", self.box.clock.now(), 0, "", repr(error), accepted=False)
        notices.record(self.box, row, attempt, gaps=sender.gaps)
        log.info("notification %s of %s: %s", row["id"], row["out_trade_no"], attempt.answer or attempt.error)

    def _send(self, row: Row, sender: Sender) -> notices.Attempt:
        sent_at = self.box.clock.now()
        letter = sender.write(self.box, row)
        answer = self.post(letter)
        return notices.Attempt(
            body=letter.body.decode("utf-8", "replace"),
            headers=json.dumps(dict(letter.headers)),
            sent_at=sent_at,
            status=answer.status,
            answer=answer.text[:400],
            error=answer.error,
            accepted=sender.accepts(answer),
        )
