"""What payments writes into the timeline of an order, and how it reads there."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.utils.translation import gettext_lazy as _

from kernel.models import User
from orders.models import Order
from orders.queries import register_sentence
from orders.services import timeline

from ..models import UnappliedMoney

Reason = UnappliedMoney.Reason

SENTENCES = {
    "payment_started": _("Payment %(payment_no)s of %(amount)s was opened."),
    f"unapplied_{Reason.PAYMENT_NOT_FOUND}": _("%(amount)s came for a payment nobody knows (%(trade_no)s)."),
    f"unapplied_{Reason.OTHER_AMOUNT}": _("%(amount)s came, which is not what was asked for (%(trade_no)s)."),
    f"unapplied_{Reason.OTHER_CURRENCY}": _("%(amount)s came in another currency (%(trade_no)s)."),
    f"unapplied_{Reason.ORDER_CLOSED}": _("%(amount)s came after the order was closed (%(trade_no)s)."),
    f"unapplied_{Reason.ALREADY_PAID}": _("%(amount)s came although the order was paid (%(trade_no)s)."),
    "unapplied_resolved": _("Unapplied money of %(amount)s was dealt with (%(trade_no)s)."),
    "unapplied_kept": _("Unapplied money of %(amount)s was kept as other income (%(trade_no)s): %(reason)s"),
    "unapplied_taken_up": _(
        "Unapplied money of %(amount)s that was kept is looked at again (%(trade_no)s): %(reason)s"
    ),
    "refund_requested": _("Refund %(refund_no)s of %(amount)s was requested: %(reason)s"),
    "refund_awaits_approval": _("Refund %(refund_no)s of %(amount)s was requested and awaits approval: %(reason)s"),
    "refund_approved": _("Refund %(refund_no)s of %(amount)s was approved."),
    "refund_rejected": _("Refund %(refund_no)s of %(amount)s was rejected: %(words)s"),
    "refund_withdrawn": _("The request to refund %(amount)s (%(refund_no)s) was withdrawn."),
    "refund_approval_expired": _("Refund %(refund_no)s of %(amount)s lapsed: nobody approved it within a day."),
    "refund_succeeded": _("Refund %(refund_no)s: %(amount)s went back to the customer."),
    "refund_failed": _("Refund %(refund_no)s of %(amount)s failed. %(words)s"),
    "refund_offline": _("%(amount)s was paid back outside the gateway (%(refund_no)s): %(reason)s"),
    "refund_settled_by_hand": _("Refund %(refund_no)s: staff saw that %(amount)s went back. %(reason)s"),
    "refund_undone": _("Refund %(refund_no)s of %(amount)s did not go back after all. %(words)s"),
    "refund_external": _("%(amount)s went back to the customer from the gateway's own console (%(refund_no)s)."),
    "invoice_requested": _("An invoice of %(amount)s was requested (%(request_no)s)."),
    "invoice_issued": _("Invoice %(invoice_no)s of %(amount)s is issued."),
    "invoice_sent": _("Invoice %(invoice_no)s was sent to the customer."),
    "invoice_canceled": _("The invoice request %(request_no)s of %(amount)s was canceled: %(reason)s"),
    "invoice_lowered": _("After a refund, the invoice %(request_no)s is to be issued for %(amount)s."),
    "invoice_red_pending": _("After a refund, a red-letter invoice of %(amount)s is to be issued."),
    "invoice_link_sent": _("A link to ask for an invoice was sent to the customer."),
    "invoice_link_opened": _("The customer opened the link to invoices and receipt."),
    "receipt_sent": _("The receipt was sent to the customer."),
    "pay_link_created": _("A pay link was made."),
    "pay_link_sent": _("A pay link was sent to the customer."),
    "payment_reminder_sent": _("The customer was reminded to pay."),
}

for _code, _sentence in SENTENCES.items():
    register_sentence(_code, _sentence)


def note(
    *, order: Order, code: str, facts: Mapping[str, object], by: User | None = None, kind: str = "payment", at: datetime
) -> None:
    """Append to the timeline of an order that the caller has locked."""
    timeline.append(order=order, kind=kind, code=code, facts=dict(facts), by=by, at=at)
