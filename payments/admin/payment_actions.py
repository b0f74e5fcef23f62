"""What can be done with an attempt: see the gateway's view beside ours, book it, close it, replay what was told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from kernel.admin import Deed, ObjectAction, moment, money

from .. import services
from ..gateways import ConfigError, GatewayEvent, Outcome
from ..models import Notification, Payment
from . import looks

Status = Payment.Status
ASK, REPLAY = "payments.change_payment", "payments.change_notification"

OUTCOMES = {
    Status.SUCCEEDED: _("The gateway says: paid. It is booked."),
    Status.FAILED: _("The gateway says: the payment failed."),
    Status.CANCELED: _("The gateway says: closed. Nobody can pay it any more."),
    Status.EXPIRED: _("The gateway says: nothing was paid, and the time is over."),
    Status.PENDING: _("The gateway says: not paid yet."),
    Status.CREATED: _("The gateway does not know it yet: the customer has not begun to pay."),
    Status.UNKNOWN: _("The gateway gave no clear answer. It is asked again by itself."),
}
THEIRS = {
    Outcome.SUCCEEDED: Status.SUCCEEDED.label,
    Outcome.PENDING: Status.PENDING.label,
    Outcome.FAILED: Status.FAILED.label,
    Outcome.CLOSED: Status.CANCELED.label,
    Outcome.NOT_FOUND: _("Not known there, or not yet"),
    Outcome.UNKNOWN: _("No clear answer"),
}
STANDS_FOR = {  # of our states the outcomes that say the same
    Status.SUCCEEDED: (Outcome.SUCCEEDED,),
    Status.FAILED: (Outcome.FAILED, Outcome.CLOSED, Outcome.NOT_FOUND),
    Status.CANCELED: (Outcome.CLOSED, Outcome.NOT_FOUND),
    Status.EXPIRED: (Outcome.CLOSED, Outcome.NOT_FOUND, Outcome.PENDING),
    Status.CREATED: (Outcome.PENDING, Outcome.NOT_FOUND),
    Status.PENDING: (Outcome.PENDING, Outcome.NOT_FOUND),
    Status.UNKNOWN: (Outcome.UNKNOWN,),
}


@dataclass(frozen=True, slots=True)
class Beside:
    """One fact as we have it and as the gateway tells it."""

    label: object
    ours: object
    theirs: object
    differs: bool = False


class Query(ObjectAction[Payment]):
    """Its page asks and books nothing; its button asks again and books the answer."""

    name = "query"
    label = _("Ask the gateway")
    submit = _("Book what the gateway says")
    permission = ASK
    description = _("What the gateway says is booked: a payment whose notification was lost is repaired like this.")
    template = "admin/payments/query_form.html"
    atomic = False  # it speaks to a gateway; asked twice, it is answered twice

    def context(self, row: Payment, request: HttpRequest) -> dict[str, object]:
        if request.method == "POST":
            return {}
        try:
            told = services.hear_about(payment=row)
        except ConfigError as error:
            return {"unheard": str(error)}
        return {"rows": list(side_by_side(row, told)), "words": told.message or told.code}

    def run(self, deed: Deed[Payment]) -> object:
        payment = services.query_payment(payment_id=deed.object.pk, at=deed.at)
        return OUTCOMES[Status(payment.status)]


def side_by_side(payment: Payment, told: GatewayEvent) -> Iterator[Beside]:
    """What the gateway does not tell differs from nothing."""
    theirs = format_html('{} <span class="bo-faint">{}</span>', THEIRS.get(told.outcome, "—"), told.native_state)
    says_else = told.outcome not in STANDS_FOR[Status(payment.status)]
    yield Beside(_("status"), payment.get_status_display(), theirs, says_else)
    has_money = told.outcome is Outcome.SUCCEEDED
    amount = money(told.amount_fen) if told.amount_fen and has_money else looks.faint("—")
    other_sum = has_money and told.amount_fen not in (0, payment.amount_fen)
    yield Beside(_("amount"), money(payment.amount_fen), amount, other_sum)
    yield Beside(
        _("gateway transaction id"),
        payment.gateway_trade_no or "—",
        told.gateway_trade_no or "—",
        bool(payment.gateway_trade_no and told.gateway_trade_no) and payment.gateway_trade_no != told.gateway_trade_no,
    )
    told_at = told.occurred_at if has_money else None
    yield Beside(_("paid at"), moment(payment.paid_at, long=True), moment(told_at, long=True))


class Close(ObjectAction[Payment]):
    name = "close"
    label = _("Close this attempt")
    permission = ASK
    description = _("The gateway is asked to close it, so that nobody pays it any more. The order stays open.")
    dangerous = True
    atomic = False

    def applies(self, row: Payment) -> bool:
        return row.status in Payment.OPEN

    def run(self, deed: Deed[Payment]) -> object:
        payment = services.close_attempt(payment_id=deed.object.pk, at=deed.at)
        if payment.status in Payment.OPEN and payment.withdrawn_at is not None:
            return _("The gateway does not know it yet, so there was nothing to close. It is not offered any more.")
        return OUTCOMES[Status(payment.status)]


class ReplayNews(ObjectAction[Payment]):
    name = "replay"
    label = _("Replay notifications")
    permission = REPLAY
    description = _("All that the gateway told of this payment is applied again. Nothing is booked twice.")

    def refusal(self, row: Payment) -> object:
        nothing = _("The gateway has sent nothing about this payment. Ask it, if the customer says that it was paid.")
        return "" if news_of(row) else nothing

    def run(self, deed: Deed[Payment]) -> object:
        count = services.replay(notification_ids=news_of(deed.object), by=deed.by, at=deed.at)
        return ngettext(
            "%(count)d message is applied again within seconds.",
            "%(count)d messages are applied again within seconds.",
            count,
        ) % {"count": count}


def news_of(payment: Payment) -> list[int]:
    told = Notification.objects.filter(payment_no=payment.payment_no, account_id=payment.account_id)
    return list(told.order_by("pk").values_list("pk", flat=True))
