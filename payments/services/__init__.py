"""What other apps and the doors of this one may ask of payments. Amounts are fen, `at` is an aware moment."""

from __future__ import annotations

from . import guards as _guards  # noqa: F401 - orders asks it before an edit
from .accounts import (
    AccountDraft,
    AccountNotFound,
    NoSuchField,
    NoSuchMethod,
    WrongSetup,
    check_account,
    gateway_of,
    get_account,
    notify_url,
    save_account,
    set_credential,
)
from .applying import apply_notifications, replay
from .attempts import PaymentNotFound
from .automation import refund_rest, write_plainly
from .books import Offender, check_books, count_stretches
from .closing import (
    AttemptStillOpen,
    CustomerIsPaying,
    OrderJustPaid,
    close_attempt,
    close_order,
    finish_closing,
    release_for_edit,
)
from .elsewhere import book_imported
from .links import LinkExpired, LinkNotFound, NoContact, create_link, open_link, pay_path, remind, send_link
from .notifications import WebhookNotFound, receive_notification
from .pruning import prune_bodies
from .querying import ask_soon, bring_forward, hear_about, query_payment, run_query_ladder
from .refund_calls import ask_refund, resolve_refunds, send_refund
from .refunding import (
    KeyUsedOtherwise,
    MoneyStillUnapplied,
    NothingCollected,
    ReasonMissing,
    RefundAboveCap,
    RefundAboveRest,
    RefundTooLate,
    request_refund,
)
from .settle import settle
from .shares import (
    GoodsAboveRest,
    LineAboveRest,
    LinesDoNotAddUp,
    NothingToRefund,
    Share,
    ShippingAboveRest,
)
from .starting import (
    Ask,
    GatewayNotAnswering,
    GatewayRefused,
    MethodNotAvailable,
    OrderIsClosing,
    OrderNotPayable,
    PaymentTimeOver,
    accounts_offering,
    start_attempt,
)
from .suspense import (
    AlreadyResolved,
    DoesNotFitOrder,
    NoOrderNamed,
    NotForThisOrder,
    resolve_unapplied,
    take_ownership,
)

__all__ = [
    "AccountDraft",
    "AccountNotFound",
    "AlreadyResolved",
    "Ask",
    "AttemptStillOpen",
    "CustomerIsPaying",
    "DoesNotFitOrder",
    "GatewayNotAnswering",
    "GatewayRefused",
    "GoodsAboveRest",
    "KeyUsedOtherwise",
    "LineAboveRest",
    "LinesDoNotAddUp",
    "LinkExpired",
    "LinkNotFound",
    "MethodNotAvailable",
    "MoneyStillUnapplied",
    "NoContact",
    "NoOrderNamed",
    "NoSuchField",
    "NoSuchMethod",
    "NotForThisOrder",
    "NothingCollected",
    "NothingToRefund",
    "Offender",
    "OrderIsClosing",
    "OrderJustPaid",
    "OrderNotPayable",
    "PaymentNotFound",
    "PaymentTimeOver",
    "ReasonMissing",
    "RefundAboveCap",
    "RefundAboveRest",
    "RefundTooLate",
    "Share",
    "ShippingAboveRest",
    "WebhookNotFound",
    "WrongSetup",
    "accounts_offering",
    "apply_notifications",
    "ask_refund",
    "ask_soon",
    "book_imported",
    "bring_forward",
    "check_account",
    "check_books",
    "close_attempt",
    "close_order",
    "count_stretches",
    "create_link",
    "finish_closing",
    "gateway_of",
    "get_account",
    "hear_about",
    "notify_url",
    "open_link",
    "pay_path",
    "prune_bodies",
    "query_payment",
    "receive_notification",
    "refund_rest",
    "release_for_edit",
    "remind",
    "replay",
    "request_refund",
    "resolve_refunds",
    "resolve_unapplied",
    "run_query_ladder",
    "save_account",
    "send_link",
    "send_refund",
    "set_credential",
    "settle",
    "start_attempt",
    "take_ownership",
    "write_plainly",
]
