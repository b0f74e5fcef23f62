"""A refund that does not reach the customer, sent to a card of theirs, or back to the shop's own account."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from kernel import alerts, audit
from kernel.clock import now
from kernel.errors import DomainError
from kernel.models import User

from ..gateways import ConfigError, RefundDetour, gateway_class, guard_no_transaction
from ..models import Refund
from .accounts import gateway_of
from .refund_calls import account_of, load_refund, ref_of
from .refund_outcomes import settle_refund

LEASE = timedelta(seconds=90)  # longer than asking and sending can take
TAIL = 4  # digits of a card number that are kept
Status = Refund.Status


class CannotRedirect(DomainError):
    text = _("Refund %(refund_no)s is “%(status)s”. Only one that did not reach the customer can be sent elsewhere.")


class NoDetour(DomainError):
    text = _(
        "This gateway sends no refund elsewhere. Pay the customer back in another way, then settle refund "
        "%(refund_no)s by hand."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A bank card of the customer's; nothing of it is stored but the last digits of its number."""

    bank: str
    number: str = field(repr=False)
    holder: str = field(repr=False)


def can_redirect(refund: Refund) -> bool:
    """Whether its gateway has a way for it."""
    return refund.sent_at is not None and gateway_class(code=account_of(refund).gateway).capabilities.redirects_refunds


def redirect_refund(*, refund_id: int, card: Card | None, by: User, at: datetime) -> Refund:
    """
    Send a refund that needs a person to another place, under its own number; what comes of it is asked as always.

    :param card: none: the money comes back to the shop, which pays the customer itself
    :raises NoDetour: if the gateway has no such way
    :raises CannotRedirect: if the refund does not need a person, or somebody was faster
    :raises ConfigError: if the account is set up wrongly
    """
    guard_no_transaction()
    refund = load_refund(refund_id)
    if not can_redirect(refund):
        raise NoDetour(refund_no=refund.refund_no)
    gateway = gateway_of(account_of(refund))
    _claim(refund, card=card, by=by, at=at)
    try:
        report = gateway.redirect_refund(detour=_detour(refund, card))
    except ConfigError:
        Refund.objects.filter(pk=refund.pk, status=Status.UNKNOWN).update(status=Status.REQUIRES_ACTION)
        raise
    settle_refund(refund_id=refund.pk, report=report, at=max(at, now()))
    Refund.objects.filter(pk=refund.pk, status__in=(Status.PROCESSING, Status.UNKNOWN)).update(due_at=at)
    return load_refund(refund_id)


def _claim(refund: Refund, *, card: Card | None, by: User, at: datetime) -> None:
    """From here on nobody knows where it stands until the gateway has said so; whoever dies leaves it due."""
    with transaction.atomic():
        waiting = Refund.objects.filter(pk=refund.pk, status=Status.REQUIRES_ACTION)
        if waiting.update(status=Status.UNKNOWN, attempt=0, due_at=at + LEASE) != 1:
            raise CannotRedirect(refund_no=refund.refund_no, status=refund.get_status_display())
        alerts.resolve(kind="payments.refund", subject=refund.refund_no, by=by, at=at)
        audit.record(
            action="payments.redirect_refund",
            subject=refund,
            by=by,
            at=at,
            before={"status": Status.REQUIRES_ACTION},
            after={"to": f"{card.bank} …{card.number[-TAIL:]}" if card else "shop"},
        )


def _detour(refund: Refund, card: Card | None) -> RefundDetour:
    if card is None:
        return RefundDetour(ref=ref_of(refund))
    return RefundDetour(ref=ref_of(refund), bank=card.bank, bank_account=card.number, holder=card.holder)
