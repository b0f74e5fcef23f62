"""Alipay. Everything of it is in this folder; nothing of it is elsewhere."""

from __future__ import annotations

from .gateway import AlipayGateway

__all__ = ["AlipayGateway"]
