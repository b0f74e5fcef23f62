"""UnionPay. Everything of it is in this folder; nothing of it is elsewhere."""

from __future__ import annotations

from .gateway import UnionpayGateway

__all__ = ["UnionpayGateway"]
