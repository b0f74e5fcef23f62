from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from sqlite3 import Row

from sandbox.box import Box
from sandbox.faults import Control

WAITING, SENDING, DONE, GIVEN_UP, DROPPED = "waiting", "sending", "done", "given_up", "dropped"
ANY_TRADE = "*"
PATIENCE = 10.0  # seconds that an answer waits for the notification that should come first


@dataclass(frozen=True)
class Message:
    """A notification as the gateway wants to say it; it is signed when it is sent."""

    gateway: str
    app_id: str
    out_trade_no: str
    notify_id: str
    url: str
    charset: str
    fields: Mapping[str, object]
    max_attempts: int


def enqueue(box: Box, message: Message, controls: Sequence[Control] = (), *, after: float = 0) -> list[int]:
    """
    Write a notification down to be sent, as often and as late as the faults say; the ids of its copies.

    :param after: seconds until it is true
    """
    values = {control.fault: control.value for control in controls}
    held = next((c.scope for c in controls if c.fault == "reorder_notify"), "")
    delay = max(float(values.get("delay_notify", 0)), float(values.get("reorder_notify", 0)))
    now = box.clock.now()
    copies = max(1, int(values.get("duplicate_notify", 1)))
    ids = [
        box.store.insert(
            "notification",
            **(vars(message) | {"fields": json.dumps(message.fields, ensure_ascii=False)}),
            forge=values.get("forge_notify", ""),
            faults=json.dumps(values),
            state=DROPPED if "drop_notify" in values else WAITING,
            created_at=now,
            due_at=now + after + delay,
            held=ANY_TRADE if held == "all" else held,
        )
        for _ in range(copies)
    ]
    box.bell.set()
    return ids


def claim_due(box: Box, *, limit: int) -> list[Row]:
    """Take what is to be sent now; nobody else gets it."""
    with box.store.transaction():
        due = "SELECT * FROM notification WHERE state = ? AND due_at <= ? ORDER BY due_at, id LIMIT ?"
        rows = box.store.all(due, WAITING, box.clock.now(), limit)
        for row in rows:
            box.store.change("notification", row["id"], state=SENDING)
        return rows


def next_due(box: Box) -> float | None:
    row = box.store.one("SELECT MIN(due_at) AS at FROM notification WHERE state = ?", WAITING)
    return None if row is None else row["at"]


def unfinished(box: Box) -> int:
    """How many are being sent, or are due now."""
    sql = "SELECT COUNT(*) AS n FROM notification WHERE state = ? OR (state = ? AND due_at <= ?)"
    row = box.store.one(sql, SENDING, WAITING, box.clock.now())
    return row["n"] if row else 0


def take_back(box: Box) -> int:
    """After a crash: what was being sent is sent again."""
    return box.store.run("UPDATE notification SET state = ? WHERE state = ?", WAITING, SENDING)


def resend(box: Box, notification_id: int) -> bool:
    """Send one again from the start of its table, whatever became of it."""
    sql = "UPDATE notification SET state = ?, due_at = ?, attempts = 0 WHERE id = ? AND state != ?"
    found = box.store.run(sql, WAITING, box.clock.now(), notification_id, SENDING) == 1
    box.bell.set()
    return found


@dataclass(frozen=True)
class Attempt:
    """One sending of a notification, and what came back."""

    body: str
    sent_at: float
    status: int
    answer: str
    error: str
    accepted: bool
    headers: str = "{}"


def record(box: Box, row: Row, attempt: Attempt, *, gaps: Sequence[float]) -> None:
    """Keep what was sent and answered, and when to try again."""
    with box.store.transaction():
        number = row["attempts"] + 1
        box.store.insert(
            "attempt", notification_id=row["id"], number=number, answered_at=box.clock.now(), **vars(attempt)
        )
        gone = attempt.accepted or number >= row["max_attempts"] or number > len(gaps)
        due_at = row["due_at"] if gone else box.clock.now() + gaps[number - 1] / box.options.speed
        state = DONE if attempt.accepted else GIVEN_UP if gone else WAITING
        box.store.change("notification", row["id"], state=state, attempts=number, due_at=due_at, held="")
        _release(box, row)


def _release(box: Box, row: Row) -> None:
    """Let go what waited for this one to be sent first."""
    sql = (
        "UPDATE notification SET due_at = ?, held = '' WHERE state = ? AND held != '' AND id < ?"
        " AND (held = out_trade_no AND out_trade_no = ? OR held = ? AND app_id = ?)"
    )
    now = box.clock.now()
    box.store.run(sql, now, WAITING, row["id"], row["out_trade_no"], ANY_TRADE, row["app_id"])


def wait_until_tried(box: Box, ids: Sequence[int]) -> None:
    """Until the courier has sent the first of them, whatever came of it; not for ever."""
    deadline = time.monotonic() + PATIENCE
    while ids and time.monotonic() < deadline and not was_tried(box, ids[0]):
        time.sleep(0.02)


def was_tried(box: Box, notification_id: int) -> bool:
    return box.store.one("SELECT 1 FROM attempt WHERE notification_id = ?", notification_id) is not None
