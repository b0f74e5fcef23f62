"""What the import says about single rows: refusals first, then what it assumed. Facts fill the placeholders."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

REASONS: Mapping[str, str | Promise] = {
    "damaged_number": _(
        "“%(value)s” in column “%(column)s” was damaged by Excel: its last digits are lost. "
        "Download the file again and import it without opening and saving it in Excel."
    ),
    "no_order_number": _("The order number is empty."),
    "too_long": _("“%(value)s” in column “%(column)s” is longer than %(limit)s characters."),
    "no_date": _("There is no time in column “%(column)s”."),
    "unreadable_date": _("“%(value)s” in column “%(column)s” is not a time. Write 2026-11-22 14:30:00."),
    "ambiguous_date": _(
        "“%(value)s” in column “%(column)s” may be a day and month or a month and day. Write 2026-11-22 14:30:00."
    ),
    "no_amount": _("There is no amount in column “%(column)s”."),
    "unreadable_amount": _("“%(value)s” in column “%(column)s” is not an amount."),
    "fraction_of_fen": _("“%(value)s” in column “%(column)s” has more than two decimals."),
    "negative_amount": _("“%(value)s” in column “%(column)s” is below zero."),
    "amount_too_large": _("“%(value)s” in column “%(column)s” is too large to be an amount."),
    "unreadable_number": _("“%(value)s” in column “%(column)s” is not a whole number above zero."),
    "no_state": _("The order's state is empty."),
    "unknown_state": _("“%(value)s” is not a state this layout knows."),
    "unknown_value": _("“%(value)s” is not possible in column “%(column)s”."),
    "other_currency": _("The order is in %(value)s; only CNY can be imported."),
    "sums_differ": _("Paid %(paid)s (refunds included) differs from the total of %(total)s."),
    "lines_differ": _("The lines, discount and shipping fee add up to %(lines)s, not to the total of %(total)s."),
    "shipping_above_total": _("The shipping fee of %(shipping)s is above the total of %(total)s."),
    "paid_above_total": _("Paid %(paid)s is above the total of %(total)s."),
    "refunded_above_paid": _("Refunded %(refunded)s is above the %(paid)s paid."),
    "closed_with_money": _("The order is closed, yet %(kept)s of its payment was not refunded."),
    "already_there": _("Order %(order)s is here already with other contents; it was not overwritten."),
    "made_here": _("Order %(order)s was made here and not imported; it was not overwritten."),
    "state_not_in_workflow": _("The workflow of this shop has no state “%(state)s”."),
    "no_such_customer_type": _("There is no customer type “%(type)s” here. Add it, then import the row again."),
    "order_no_taken": _("The order number %(order)s belongs to another order here."),
    "cells_missing": _("The row has %(cells)s cells, the header %(columns)s."),
    "cells_beyond_header": _("The row has more cells than the header: “%(value)s” belongs to no column."),
    "rows_apart": _("Order %(order)s has %(rows)s rows of %(expected)s here. Keep the rows of an order together."),
    "too_many_rows": _("Order %(order)s has more than %(limit)s rows."),
    "line_numbers": _("A line number occurs twice, or is too large."),
    "packed_too_much": _("Parcel “%(tracking)s” holds more of line %(line)s than was ordered, or nothing of it."),
    "rows_disagree": _("Column “%(column)s” differs between the rows of order %(order)s."),
    "provisional_amount": _("“%(value)s” in column “%(column)s” is marked as provisional."),
    "paid_at_assumed": _("There is no payment time; the time of the order was taken."),
    "placed_at_assumed": _("There is no time of the order; the time of payment was taken."),
    "paid_assumed": _("There is no amount paid; the total was taken."),
    "total_assumed": _("There is no total; the amount paid was taken."),
    "refund_assumed": _("Closed after payment: the whole payment was taken as refunded."),
    "close_reason_assumed": _("It does not say why the order was closed; it was taken as not paid in time."),
    "paid_below_total": _("Paid %(paid)s is below the total of %(total)s."),
    "goods_differ": _("Goods and shipping fee add up to %(goods)s, not to the total of %(total)s."),
    "rounded_line": _("%(goods)s cannot be divided by %(quantity)s pieces; the rest became a discount."),
    "phone_masked": _("The phone number is masked: “%(value)s”."),
    "phone_unreadable": _("The phone number cannot be read and was left out."),
    "address_unsplit": _("The address could not be split and was kept as it is."),
    "number_suspicious": _("“%(value)s” in column “%(column)s” ends with zeros; Excel may have damaged it."),
    "shortened": _("The text in column “%(column)s” was shortened to %(limit)s characters."),
}

# The same in a few words, for counting: “3 × number damaged by Excel”.
LABELS: Mapping[str, str | Promise] = {
    "damaged_number": _("number damaged by Excel"),
    "no_order_number": _("no order number"),
    "too_long": _("text too long"),
    "no_date": _("no time"),
    "unreadable_date": _("unreadable time"),
    "ambiguous_date": _("day and month ambiguous"),
    "no_amount": _("no amount"),
    "unreadable_amount": _("unreadable amount"),
    "fraction_of_fen": _("more than two decimals"),
    "negative_amount": _("amount below zero"),
    "amount_too_large": _("amount too large"),
    "unreadable_number": _("unreadable quantity"),
    "no_state": _("no state"),
    "unknown_state": _("unknown state"),
    "unknown_value": _("unknown value"),
    "other_currency": _("not in CNY"),
    "sums_differ": _("payment and total differ"),
    "lines_differ": _("lines and total differ"),
    "shipping_above_total": _("shipping fee above the total"),
    "paid_above_total": _("paid more than the total"),
    "refunded_above_paid": _("refunded more than paid"),
    "closed_with_money": _("closed with money kept"),
    "already_there": _("here already with other contents"),
    "made_here": _("made here, not imported"),
    "state_not_in_workflow": _("state not in the workflow"),
    "no_such_customer_type": _("no such customer type"),
    "order_no_taken": _("order number taken"),
    "cells_missing": _("cells missing"),
    "cells_beyond_header": _("too many cells"),
    "rows_apart": _("rows of an order apart"),
    "too_many_rows": _("too many rows in an order"),
    "line_numbers": _("line numbers wrong"),
    "packed_too_much": _("parcel holds too much"),
    "rows_disagree": _("rows of an order differ"),
    "provisional_amount": _("provisional amount"),
    "paid_at_assumed": _("payment time taken from the order"),
    "placed_at_assumed": _("time of the order taken from the payment"),
    "paid_assumed": _("amount paid taken from the total"),
    "total_assumed": _("total taken from the amount paid"),
    "refund_assumed": _("closed after payment, taken as refunded"),
    "close_reason_assumed": _("no reason for closing, taken as unpaid"),
    "paid_below_total": _("paid less than the total"),
    "goods_differ": _("goods and total differ"),
    "rounded_line": _("price does not divide, rest taken as discount"),
    "phone_masked": _("masked phone number"),
    "phone_unreadable": _("unreadable phone number left out"),
    "address_unsplit": _("address kept whole"),
    "number_suspicious": _("number may be damaged by Excel"),
    "shortened": _("text shortened"),
}


def label_of(code: str) -> str:
    return str(LABELS[code]) if code in LABELS else code
