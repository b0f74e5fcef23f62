"""When a gateway contradicts what is booked of a refund: the books follow the gateway, and somebody is told."""

from __future__ import annotations

from datetime import datetime

from django.utils.translation import gettext as _

from kernel.events import publish
from kernel.money import yuan
from orders import services as orders

from ..events import RefundSettled
from ..gateways import GatewayEvent, Outcome
from ..models import Refund, RefundLine, UnappliedMoney
from ..queries import left_in_suspense, left_to_refund
from . import ledger
from .journal import note
from .troubles import Severity, tell_refund
from .unapplied import Action, alert
from .words import shop_language

NOT_DONE = (Outcome.FAILED, Outcome.CLOSED)
ELSE = (Outcome.NOT_FOUND, Outcome.REQUIRES_ACTION)  # no proof: it may have gone back under another number


def doubt(*, refund: Refund, report: GatewayEvent, at: datetime) -> None:
    """What a gateway says of a refund that is booked as gone. Only a person's word is not proof against it."""
    if not refund.is_settled_by_hand:
        return
    facts = {"refund_no": refund.refund_no, "amount": yuan(refund.amount_fen)}
    if ledger.is_gone_by_its_word(refund=refund):
        if report.outcome in NOT_DONE:
            _tell_both(facts, at=at)
    elif report.outcome in NOT_DONE:
        _undo(refund, words=report.message or report.code, at=at)
        with shop_language():
            text = _(
                "Refund %(refund_no)s of %(amount)s was settled by hand as paid back, and the gateway says it was not. "
                "It is booked as failed; refund it again if the customer has no money."
            )
            tell_refund(refund_no=refund.refund_no, text=text % facts, severity=Severity.CRITICAL, at=at)
    elif report.outcome in ELSE:
        with shop_language():
            text = _(
                "Refund %(refund_no)s of %(amount)s was settled by hand as paid back, and the gateway does not know "
                "of it. Compare its console."
            )
            tell_refund(refund_no=refund.refund_no, text=text % facts, severity=Severity.CRITICAL, at=at)


def _tell_both(facts: dict[str, str], *, at: datetime) -> None:
    with shop_language():
        text = _(
            "The gateway said that refund %(refund_no)s of %(amount)s went back, and says now that it did not. It "
            "stays booked as paid back; compare its console."
        )
        tell_refund(refund_no=facts["refund_no"], text=text % facts, severity=Severity.CRITICAL, at=at)


def tell_contradicted(*, refund: Refund, at: datetime) -> None:
    """It was settled by hand, counted as not paid back since, and went back after all."""
    was_undone = ledger.was_undone(refund=refund)
    with shop_language():
        text = (
            _(
                "The gateway had denied refund %(refund_no)s of %(amount)s, which was undone, and says now that it "
                "went back. It is booked as paid back."
            )
            if was_undone
            else _(
                "Refund %(refund_no)s of %(amount)s was settled by hand as not paid back, and the gateway says it was. "
                "It is booked as paid back."
            )
        ) % {"refund_no": refund.refund_no, "amount": yuan(refund.amount_fen)}
    tell_refund(refund_no=refund.refund_no, text=text, severity=Severity.CRITICAL, at=at)


def is_covered(refund: Refund) -> bool:
    """Whether what had failed can still be taken off: its money was not given back or used otherwise since."""
    if refund.unapplied is not None:
        is_kept = refund.unapplied.resolution not in (Action.APPLY, Action.REVIVE)
        return is_kept and refund.amount_fen <= left_in_suspense(refund.unapplied)
    if refund.payment is None or refund.order is None or refund.amount_fen > refund.payment.refundable_fen:
        return False
    left = left_to_refund(order=refund.order)
    by_line = {line.line_id: line.left_fen for line in left.lines}
    lines = RefundLine.objects.filter(refund=refund).values_list("line_id", "amount_fen")
    return refund.shipping_fen <= left.shipping_fen and all(fen <= by_line.get(line_id, 0) for line_id, fen in lines)


def book_surplus(*, refund: Refund, at: datetime) -> None:
    """It had failed and was made good otherwise, and then it went back all the same: the customer has it twice."""
    ledger.settle_surplus(refund=refund, at=at)
    with shop_language():
        text = _(
            "Refund %(refund_no)s of %(amount)s had failed and went back after all, though its money was given back "
            "or used already. It is booked to suspense; ask the customer for it."
        ) % {"refund_no": refund.refund_no, "amount": yuan(refund.amount_fen)}
    refund.last_message = text[:300]
    tell_refund(refund_no=refund.refund_no, text=text, severity=Severity.CRITICAL, at=at)


def _undo(refund: Refund, *, words: str, at: datetime) -> None:
    """The reversal of `book_success`; the money can be refunded under a new number."""
    refund.status, refund.settled_at, refund.due_at = Refund.Status.FAILED, at, None
    ledger.undo_refund(refund=refund, at=at)
    if refund.is_of_payment and refund.payment is not None:
        refund.payment.refunded_fen -= refund.amount_fen
        refund.payment.save(update_fields=["refunded_fen"])
    if refund.unapplied is not None:
        UnappliedMoney.objects.filter(pk=refund.unapplied.pk).update(resolved_at=None, resolution="")
        alert(money=refund.unapplied, at=at)
    elif refund.order_id is not None:
        orders.revert_refund(
            order_id=refund.order_id,
            amount_fen=refund.amount_fen,
            shipping_fen=refund.shipping_fen,
            lines=list(RefundLine.objects.filter(refund=refund).values_list("line_id", "amount_fen")),
        )
    facts = {"refund_no": refund.refund_no, "amount": yuan(refund.amount_fen), "words": words}
    if refund.order is not None:
        note(order=refund.order, code="refund_undone", facts=facts, at=at)
    refund.save()
    publish(RefundSettled(refund_id=refund.pk, status=refund.status))
