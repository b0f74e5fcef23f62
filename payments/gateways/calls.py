"""What our side asks of a gateway: plain values, chosen and stored by the caller before the call."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """
    :param methods: `qr` a code to scan, `page` a desktop browser, `wap` a phone's browser
    :param refund_notifies_payment_url: news of refunds comes to the payment's own address
    :param confirm_by_query: a notified success counts only once a query says the same
    """

    methods: frozenset[str]
    number: re.Pattern[str]
    min_fen: int
    max_fen: int
    can_close: bool
    partial_refund: bool
    refund_is_async: bool
    refund_notifies_payment_url: bool
    confirm_by_query: bool
    max_refunds: int | None = None
    refund_window: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NextAction:
    """
    What the customer does next.

    :param data: of `qr` the text to draw, as `content`; of `redirect` the address, as `url`; of `form` its `url`
        and the hidden fields
    """

    kind: Literal["qr", "redirect", "form", "none"] = "none"
    data: Mapping[str, str] = field(default_factory=dict)
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateRequest:
    """:param expires_at: when the gateway stops taking the money"""

    payment_no: str
    amount_fen: int
    subject: str
    method: str
    notify_url: str
    expires_at: datetime
    created_at: datetime
    return_url: str = ""
    client_ip: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentRef:
    payment_no: str
    created_at: datetime
    gateway_trade_no: str = ""
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundRequest:
    """
    :param refund_no: fixed and committed before the first call; a retry uses the same one
    :param total_fen: of the payment
    :param created_at: of the payment
    """

    refund_no: str
    payment_no: str
    amount_fen: int
    total_fen: int
    reason: str
    created_at: datetime
    gateway_trade_no: str = ""
    notify_url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundRef:
    """:param created_at: of the payment"""

    refund_no: str
    payment_no: str
    created_at: datetime
    gateway_trade_no: str = ""
