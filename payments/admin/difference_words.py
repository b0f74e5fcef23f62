"""What each kind of difference means, and what to do about it."""

from __future__ import annotations

from typing import Any

from django.db.models import F
from django.utils.translation import gettext, gettext_lazy

from ..gateways import Movement
from ..models import Discrepancy, Payment, Refund

Kind = Discrepancy.Kind
OPEN_FIRST = F("resolved_at").asc(nulls_first=True)
MEANINGS: dict[str, Any] = {
    Kind.MISSING_LOCAL: gettext_lazy("The gateway moved this money, and our books do not know of it."),
    Kind.MISSING_GATEWAY: gettext_lazy("Our books have this money, and the gateway's statement does not."),
    Kind.AMOUNT: gettext_lazy("Both know it, with different amounts."),
    Kind.FEE: gettext_lazy("The gateway kept another fee than agreed on the account's page."),
    Kind.STATUS: gettext_lazy("The gateway says it is done, and our books do not: most likely its message was lost."),
    Kind.DUPLICATE: gettext_lazy("The gateway says the same thing twice: in this statement, or on an earlier day."),
    Kind.CUTOFF: gettext_lazy("It happened close to midnight, and the gateway counts it to the day beside."),
}
PROPOSALS: dict[str, Any] = {
    Kind.MISSING_LOCAL: gettext_lazy("Put it right: what the gateway confirms becomes unapplied money."),
    Kind.MISSING_GATEWAY: gettext_lazy("Query the payment. If the gateway has it, wait for its next statement."),
    Kind.AMOUNT: gettext_lazy("Compare with the gateway's console, and ask the gateway."),
    Kind.FEE: gettext_lazy("Check the agreed fee on the account's page, or claim the difference."),
    Kind.STATUS: gettext_lazy("Put it right: the gateway is asked, and our books follow."),
    Kind.DUPLICATE: gettext_lazy("Ask the gateway which of the two it means, and fetch the statement again."),
    Kind.CUTOFF: gettext_lazy("Nothing: it is closed by itself when the statement beside is here."),
}
OF_REFUNDS: dict[str, Any] = {
    Kind.MISSING_LOCAL: gettext_lazy("Put it right: what the gateway confirms is booked as a refund of its console."),
    Kind.MISSING_GATEWAY: gettext_lazy("Ask about the refund. If the gateway has it, wait for its next statement."),
}


def movement_words(row: Discrepancy) -> str:
    return gettext("Refund") if row.movement == Movement.REFUND else gettext("Payment")


def proposal_for(row: Discrepancy) -> str:
    told = {**PROPOSALS, **OF_REFUNDS} if row.movement == Movement.REFUND else PROPOSALS
    return str(told[row.kind])


def our_state_words(row: Discrepancy) -> str:
    """Our own state when it was compared, in words; the gateway's stays as it wrote it."""
    states = Refund.Status if row.movement == Movement.REFUND else Payment.Status
    return str(dict(states.choices).get(row.our_state, row.our_state)) or "—"
