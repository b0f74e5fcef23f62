from __future__ import annotations

SCHEMA = """
CREATE TABLE IF NOT EXISTS unionpay_trade (
    id INTEGER PRIMARY KEY, mer_id TEXT NOT NULL, order_id TEXT NOT NULL, txn_time TEXT NOT NULL,
    code TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, biz_type TEXT NOT NULL, subject TEXT NOT NULL,
    total_fen INTEGER NOT NULL, front_url TEXT NOT NULL, back_url TEXT NOT NULL, reserved TEXT NOT NULL,
    offered_at REAL NOT NULL, expires_at REAL NOT NULL, state TEXT NOT NULL, query_id TEXT UNIQUE,
    card INTEGER NOT NULL, paid_at REAL, paid_fen INTEGER NOT NULL DEFAULT 0 CHECK (paid_fen >= 0),
    UNIQUE (mer_id, order_id));
CREATE TABLE IF NOT EXISTS unionpay_refund (
    id INTEGER PRIMARY KEY, trade_id INTEGER NOT NULL REFERENCES unionpay_trade (id), mer_id TEXT NOT NULL,
    order_id TEXT NOT NULL, txn_time TEXT NOT NULL, txn_type TEXT NOT NULL, query_id TEXT UNIQUE,
    amount_fen INTEGER NOT NULL CHECK (amount_fen > 0), back_url TEXT NOT NULL, reserved TEXT NOT NULL,
    asked_at REAL NOT NULL, done_at REAL NOT NULL, outcome TEXT NOT NULL, UNIQUE (mer_id, order_id));
"""
