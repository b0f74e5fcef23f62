from __future__ import annotations

SCHEMA = """
CREATE TABLE IF NOT EXISTS wechatpay_trade (
    id INTEGER PRIMARY KEY, mchid TEXT NOT NULL, appid TEXT NOT NULL, out_trade_no TEXT NOT NULL,
    code TEXT NOT NULL UNIQUE, product TEXT NOT NULL, description TEXT NOT NULL, attach TEXT NOT NULL,
    total_fen INTEGER NOT NULL, notify_url TEXT NOT NULL, openid TEXT NOT NULL, request TEXT NOT NULL,
    offered_at REAL NOT NULL, expires_at REAL NOT NULL, state TEXT NOT NULL, transaction_id TEXT UNIQUE,
    paid_at REAL, closed_at REAL, paid_fen INTEGER NOT NULL DEFAULT 0 CHECK (paid_fen >= 0),
    coupon_fen INTEGER NOT NULL DEFAULT 0,
    refunded_fen INTEGER NOT NULL DEFAULT 0 CHECK (refunded_fen BETWEEN 0 AND paid_fen),
    UNIQUE (mchid, out_trade_no));
CREATE TABLE IF NOT EXISTS wechatpay_refund (
    id INTEGER PRIMARY KEY, trade_id INTEGER NOT NULL REFERENCES wechatpay_trade (id), mchid TEXT NOT NULL,
    out_refund_no TEXT NOT NULL, refund_id TEXT NOT NULL, amount_fen INTEGER NOT NULL CHECK (amount_fen > 0),
    reason TEXT NOT NULL, notify_url TEXT NOT NULL, request TEXT NOT NULL, state TEXT NOT NULL,
    fate TEXT NOT NULL, asked_at REAL NOT NULL, due_at REAL, done_at REAL, UNIQUE (mchid, out_refund_no));
CREATE TABLE IF NOT EXISTS wechatpay_nonce (
    mchid TEXT NOT NULL, nonce TEXT NOT NULL, at REAL NOT NULL, PRIMARY KEY (mchid, nonce));
CREATE TABLE IF NOT EXISTS wechatpay_sign_in (
    code TEXT PRIMARY KEY, appid TEXT NOT NULL, openid TEXT NOT NULL, expires_at REAL NOT NULL,
    used INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS wechatpay_bill (
    token TEXT PRIMARY KEY, mchid TEXT NOT NULL, content TEXT NOT NULL, gzip INTEGER NOT NULL,
    expires_at REAL NOT NULL);
"""
