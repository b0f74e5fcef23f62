"""WeChat Pay, APIv3. Everything of it is in this folder; nothing of it is elsewhere."""

from __future__ import annotations

from .gateway import WechatpayGateway

__all__ = ["WechatpayGateway"]
