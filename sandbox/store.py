from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import RLock

from sandbox.unionpay.tables import SCHEMA as UNIONPAY
from sandbox.wechatpay.schema import SCHEMA as WECHATPAY

SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS trade (
    id INTEGER PRIMARY KEY, app_id TEXT NOT NULL, out_trade_no TEXT NOT NULL, code TEXT NOT NULL UNIQUE,
    product TEXT NOT NULL, subject TEXT NOT NULL, body TEXT NOT NULL, total_fen INTEGER NOT NULL,
    notify_url TEXT NOT NULL, return_url TEXT NOT NULL, passback_params TEXT NOT NULL, charset TEXT NOT NULL,
    offered_at REAL NOT NULL, expires_at REAL NOT NULL, state TEXT NOT NULL, trade_no TEXT UNIQUE,
    buyer INTEGER NOT NULL, created_at REAL, paid_at REAL, closed_at REAL,
    paid_fen INTEGER NOT NULL DEFAULT 0 CHECK (paid_fen >= 0),
    refunded_fen INTEGER NOT NULL DEFAULT 0 CHECK (refunded_fen BETWEEN 0 AND paid_fen),
    UNIQUE (app_id, out_trade_no));
CREATE TABLE IF NOT EXISTS refund (
    id INTEGER PRIMARY KEY, trade_id INTEGER NOT NULL REFERENCES trade (id), out_request_no TEXT NOT NULL,
    amount_fen INTEGER NOT NULL CHECK (amount_fen > 0), reason TEXT NOT NULL, state TEXT NOT NULL,
    asked_at REAL NOT NULL, done_at REAL, UNIQUE (trade_id, out_request_no));
CREATE TABLE IF NOT EXISTS notification (
    id INTEGER PRIMARY KEY, gateway TEXT NOT NULL, app_id TEXT NOT NULL, out_trade_no TEXT NOT NULL,
    notify_id TEXT NOT NULL, url TEXT NOT NULL, charset TEXT NOT NULL, fields TEXT NOT NULL, forge TEXT NOT NULL,
    faults TEXT NOT NULL, state TEXT NOT NULL, created_at REAL NOT NULL, due_at REAL NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0, max_attempts INTEGER NOT NULL, held TEXT NOT NULL DEFAULT '');
CREATE INDEX IF NOT EXISTS notification_due ON notification (state, due_at);
CREATE INDEX IF NOT EXISTS notification_trade ON notification (out_trade_no);
CREATE TABLE IF NOT EXISTS attempt (
    id INTEGER PRIMARY KEY, notification_id INTEGER NOT NULL REFERENCES notification (id),
    number INTEGER NOT NULL, sent_at REAL NOT NULL, answered_at REAL NOT NULL, status INTEGER NOT NULL,
    answer TEXT NOT NULL, error TEXT NOT NULL, accepted INTEGER NOT NULL, body TEXT NOT NULL,
    headers TEXT NOT NULL DEFAULT '{}');
CREATE INDEX IF NOT EXISTS attempt_notification ON attempt (notification_id);
CREATE TABLE IF NOT EXISTS control (
    id INTEGER PRIMARY KEY, scope TEXT NOT NULL, fault TEXT NOT NULL, api TEXT NOT NULL, value TEXT NOT NULL,
    percent REAL NOT NULL, executed INTEGER NOT NULL, remaining INTEGER, used INTEGER NOT NULL DEFAULT 0,
    seen INTEGER NOT NULL DEFAULT 0, source TEXT NOT NULL, created_at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS request (
    id INTEGER PRIMARY KEY, at REAL NOT NULL, gateway TEXT NOT NULL, app_id TEXT NOT NULL, api TEXT NOT NULL,
    out_trade_no TEXT NOT NULL, code TEXT NOT NULL, sub_code TEXT NOT NULL, faults TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS statement_link (
    token TEXT PRIMARY KEY, app_id TEXT NOT NULL, day TEXT NOT NULL, expires_at REAL NOT NULL);
"""
ADDED = (("attempt", "headers", "TEXT NOT NULL DEFAULT '{}'"),)  # columns that an older file lacks
Value = str | int | float | None


class Store:
    """The sandbox's own SQLite file: one connection that the threads share, one transaction at a time."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=30)
        self.connection.row_factory = sqlite3.Row
        schema = SCHEMA + WECHATPAY + UNIONPAY
        self.connection.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; " + schema)
        self.lock = RLock()
        self.depth = 0
        self._add_columns()

    def _add_columns(self) -> None:
        for table, column, kind in ADDED:
            if column not in {row["name"] for row in self.all(f"PRAGMA table_info({table})")}:
                self.run(f"ALTER TABLE {table} ADD COLUMN {column} {kind}")

    @contextmanager
    def transaction(self) -> Iterator[None]:
        with self.lock:
            if self.depth:
                yield
                return
            self.connection.execute("BEGIN IMMEDIATE")
            self.depth = 1
            try:
                yield
            except BaseException:
                self.connection.execute("ROLLBACK")
                raise
            else:
                self.connection.execute("COMMIT")
            finally:
                self.depth = 0

    def all(self, sql: str, *values: Value) -> list[sqlite3.Row]:
        with self.lock:
            return self.connection.execute(sql, values).fetchall()

    def one(self, sql: str, *values: Value) -> sqlite3.Row | None:
        rows = self.all(sql, *values)
        return rows[0] if rows else None

    def run(self, sql: str, *values: Value) -> int:
        """How many rows it touched."""
        with self.lock:
            return self.connection.execute(sql, values).rowcount

    def insert(self, table: str, **columns: Value) -> int:
        """The id of the new row. Table and column names come from this package alone, values are bound."""
        names = ", ".join(columns)
        marks = ", ".join("?" * len(columns))
        with self.lock:
            sql = f"INSERT INTO {table} ({names}) VALUES ({marks})"  # noqa: S608
            return self.connection.execute(sql, tuple(columns.values())).lastrowid or 0

    def change(self, table: str, row_id: int, **columns: Value) -> int:
        assignments = ", ".join(f"{name} = ?" for name in columns)
        return self.run(f"UPDATE {table} SET {assignments} WHERE id = ?", *columns.values(), row_id)  # noqa: S608

    def close(self) -> None:
        with self.lock:
            self.connection.close()
