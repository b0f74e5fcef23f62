"""What other apps and the doors of this one may ask of payments. Amounts are fen, `at` is an aware moment."""

from __future__ import annotations

from . import guards as _guards  # noqa: F401 - orders asks it before an edit
from .account_setup import AccountDraft, NoSuchChoice, NoSuchField, NoSuchMethod, WrongSetup, mode_of, save_account
from .accounts import AccountNotFound, check_account, gateway_of, get_account, in_order, notify_url
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
from .credentials import (
    ForceWithoutReason,
    KeyInUse,
    NewKey,
    NoSuchCredential,
    OnlyKey,
    retire_credential,
    set_credential,
    set_credentials,
)
from .doctor import examine
from .doctor_questions import Answer, answer_questions
from .elsewhere import book_imported
from .hand_settling import CannotSettle, StillBeingAsked, may_settle, settle_by_hand
from .key_expiry import label_of, step_of, warn_of_expiry
from .key_refresh import miss_key, refresh_account, refresh_keys
from .key_use import Use, flush_counts, prune_key_use, uses_of
from .links import LinkExpired, LinkNotFound, NoContact, create_link, open_link, pay_path, remind, send_link
from .notifications import WebhookNotFound, receive_notification
from .offline_refunds import NotPaidElsewhere, PaidBack, elsewhere_left, record_offline_refund
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
    MoneyArrived,
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
from .unapplied import proposal_now

__all__ = [
    "AccountDraft",
    "AccountNotFound",
    "AlreadyResolved",
    "Answer",
    "Ask",
    "AttemptStillOpen",
    "CannotSettle",
    "CustomerIsPaying",
    "DoesNotFitOrder",
    "ForceWithoutReason",
    "GatewayNotAnswering",
    "GatewayRefused",
    "GoodsAboveRest",
    "KeyInUse",
    "KeyUsedOtherwise",
    "LineAboveRest",
    "LinesDoNotAddUp",
    "LinkExpired",
    "LinkNotFound",
    "MethodNotAvailable",
    "MoneyArrived",
    "MoneyStillUnapplied",
    "NewKey",
    "NoContact",
    "NoOrderNamed",
    "NoSuchChoice",
    "NoSuchCredential",
    "NoSuchField",
    "NoSuchMethod",
    "NotForThisOrder",
    "NotPaidElsewhere",
    "NothingCollected",
    "NothingToRefund",
    "Offender",
    "OnlyKey",
    "OrderIsClosing",
    "OrderJustPaid",
    "OrderNotPayable",
    "PaidBack",
    "PaymentNotFound",
    "PaymentTimeOver",
    "ReasonMissing",
    "RefundAboveCap",
    "RefundAboveRest",
    "RefundTooLate",
    "Share",
    "ShippingAboveRest",
    "StillBeingAsked",
    "Use",
    "WebhookNotFound",
    "WrongSetup",
    "accounts_offering",
    "answer_questions",
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
    "elsewhere_left",
    "examine",
    "finish_closing",
    "flush_counts",
    "gateway_of",
    "get_account",
    "hear_about",
    "in_order",
    "label_of",
    "may_settle",
    "miss_key",
    "mode_of",
    "notify_url",
    "open_link",
    "pay_path",
    "proposal_now",
    "prune_bodies",
    "prune_key_use",
    "query_payment",
    "receive_notification",
    "record_offline_refund",
    "refresh_account",
    "refresh_keys",
    "refund_rest",
    "release_for_edit",
    "remind",
    "replay",
    "request_refund",
    "resolve_refunds",
    "resolve_unapplied",
    "retire_credential",
    "run_query_ladder",
    "save_account",
    "send_link",
    "send_refund",
    "set_credential",
    "set_credentials",
    "settle",
    "settle_by_hand",
    "start_attempt",
    "step_of",
    "take_ownership",
    "uses_of",
    "warn_of_expiry",
    "write_plainly",
]
