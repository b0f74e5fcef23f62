"""What doors and upper apps may have orders do. Each call is one transaction, or part of the caller's."""

from . import timeline
from .carriers import (
    UnknownCarrier,
    carriers_by_name,
    ensure_carriers,
    find_carrier,
    normalise_tracking_no,
    suggest_carrier,
)
from .closing import CannotRevive, OrderHasMoney, OrderMovedOn, close, request_closing, revive
from .drafting import ExternalNumberTaken, OrderDraft, PostalDraft, create_order
from .editing import EditConflict, OrderChange, OrderNotEditable, edit_order
from .guards import check_edit_guards, register_edit_guard
from .letters import Contact, contact_of
from .lines import DraftLine, LineIncomplete, NoGoods, NoSuchProduct, WrongQuantity
from .locks import OrderNotFound, lock_order, lock_orders
from .money import OrderIsClosed, RefundDoesNotAddUp, RefundExceedsShare, record_payment, record_refund
from .moving import CannotMove, ClosesThroughGateway, OrderChanged, complete, move
from .notes import EmptyNote, NoteTooLong, add_note, set_flag, set_flags, set_staff_note, tag
from .pricing import (
    AdjustmentTooLarge,
    AmountTooLarge,
    DiscountTooLarge,
    Goods,
    NegativeAmount,
    Quote,
    quote,
)
from .shipping import (
    CannotShip,
    NothingToShip,
    ShipmentNotFound,
    TrackingNoUsed,
    WrongShipQuantity,
    WrongTrackingNo,
    correct_tracking,
    ship,
)
from .timeouts import remind_unpaid, request_overdue_closings, run_order_timers
from .workflows import PAYMENT_ORDER, NoWorkflow, current_version, ensure_default_workflows

__all__ = [
    "PAYMENT_ORDER",
    "AdjustmentTooLarge",
    "AmountTooLarge",
    "CannotMove",
    "CannotRevive",
    "CannotShip",
    "ClosesThroughGateway",
    "Contact",
    "DiscountTooLarge",
    "DraftLine",
    "EditConflict",
    "EmptyNote",
    "ExternalNumberTaken",
    "Goods",
    "LineIncomplete",
    "NegativeAmount",
    "NoGoods",
    "NoSuchProduct",
    "NoWorkflow",
    "NoteTooLong",
    "NothingToShip",
    "OrderChange",
    "OrderChanged",
    "OrderDraft",
    "OrderHasMoney",
    "OrderIsClosed",
    "OrderMovedOn",
    "OrderNotEditable",
    "OrderNotFound",
    "PostalDraft",
    "Quote",
    "RefundDoesNotAddUp",
    "RefundExceedsShare",
    "ShipmentNotFound",
    "TrackingNoUsed",
    "UnknownCarrier",
    "WrongQuantity",
    "WrongShipQuantity",
    "WrongTrackingNo",
    "add_note",
    "carriers_by_name",
    "check_edit_guards",
    "close",
    "complete",
    "contact_of",
    "correct_tracking",
    "create_order",
    "current_version",
    "edit_order",
    "ensure_carriers",
    "ensure_default_workflows",
    "find_carrier",
    "lock_order",
    "lock_orders",
    "move",
    "normalise_tracking_no",
    "quote",
    "record_payment",
    "record_refund",
    "register_edit_guard",
    "remind_unpaid",
    "request_closing",
    "request_overdue_closings",
    "revive",
    "run_order_timers",
    "set_flag",
    "set_flags",
    "set_staff_note",
    "ship",
    "suggest_carrier",
    "tag",
    "timeline",
]
