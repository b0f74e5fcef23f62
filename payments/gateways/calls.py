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
    :param methods: `qr` a code to scan, `page` a desktop browser, `wap` or `h5` a phone's browser, `jsapi` a page
        inside the wallet's own app
    :param asks_payer: of these, the ones that must be told who pays, see `Gateway.payer_login`
    :param has_statements: whether the gateway gives statements to fetch and read
    :param refund_notifies_payment_url: news of refunds comes to the payment's own address
    :param confirm_by_query: a notified success counts only once a query says the same
    :param redirects_refunds: a refund that does not reach the payer can be sent elsewhere: `Gateway.redirect_refund`
    :param signs_time: its notifications are signed with the time, and old ones are refused
    :param repeats_codes: asked again under the same number, it gives the same code to scan; otherwise a code is given
        once, and one whose answer was lost stays lost
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
    asks_payer: frozenset[str] = frozenset()
    has_statements: bool = False
    redirects_refunds: bool = False
    repeats_codes: bool = True
    signs_time: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class NextAction:
    """
    What the customer does next.

    :param data: of `qr` the text to draw, as `content`; of `redirect` the address, as `url`; of `form` its `url`
        and the hidden fields, to be posted unchanged; of `jsapi` the arguments of the wallet's own call, as strings
    """

    kind: Literal["qr", "redirect", "form", "jsapi", "none"] = "none"
    data: Mapping[str, str] = field(default_factory=dict)
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateRequest:
    """
    :param expires_at: when the gateway stops taking the money
    :param payer_ref: who pays, as `Gateway.payer_of` told; for methods that ask for it
    """

    payment_no: str
    amount_fen: int
    subject: str
    method: str
    notify_url: str
    expires_at: datetime
    created_at: datetime
    return_url: str = ""
    client_ip: str = ""
    payer_ref: str = ""


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
    :param requested_at: when the refund was first sent: part of its key at some gateways, so it never changes
    """

    refund_no: str
    payment_no: str
    amount_fen: int
    total_fen: int
    reason: str
    created_at: datetime
    requested_at: datetime | None = None
    gateway_trade_no: str = ""
    notify_url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundRef:
    """
    :param created_at: of the payment
    :param requested_at: of the refund, as in `RefundRequest`
    """

    refund_no: str
    payment_no: str
    created_at: datetime
    requested_at: datetime | None = None
    gateway_trade_no: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundDetour:
    """
    Where a refund goes that did not reach the payer: to a card of theirs, or, without one, back to the shop.

    :param bank: the gateway's name of the card's bank
    """

    ref: RefundRef
    bank: str = ""
    bank_account: str = field(default="", repr=False)
    holder: str = field(default="", repr=False)
