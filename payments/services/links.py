"""The customer's way to the pay page: a token that cannot be guessed, of which only the hash is kept."""

from __future__ import annotations

from datetime import datetime, timedelta
from secrets import token_urlsafe

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from kernel.clock import local
from kernel.db import retry_on_conflict
from kernel.errors import DomainError
from kernel.models import Category, User
from kernel.money import yuan
from kernel.secrets import lookup_hash
from kernel.shop import shop
from orders import services as orders
from orders.models import Order

from ..models import PayLink
from .contacts import is_reachable, write_to_customer
from .journal import note
from .starting import OrderNotPayable

TOKEN_BYTES = 24  # 192 bits
LINGERS = timedelta(days=30)  # after the time to pay, so that the page can still say how it ended


class NoContact(DomainError):
    text = _("This customer has neither phone nor e-mail. Copy the pay link and send it yourself.")


class LinkNotFound(DomainError):
    text = _("This pay link is not valid.")


class LinkExpired(DomainError):
    text = _("This pay link is too old. Ask the shop for a new one.")


@retry_on_conflict
@transaction.atomic
def create_link(*, order_id: int, by: User | None, at: datetime) -> tuple[PayLink, str]:
    """
    Make a pay link for an order that waits for money. Earlier links stay valid.

    :return: the row, and the full address, which cannot be read again later
    :raises OrderNotPayable: if the order does not wait for money
    """
    order = orders.lock_order(order_id=order_id)
    link, url = _make(order, by=by, at=at)
    note(order=order, code="pay_link_created", facts={}, by=by, kind="message", at=at)
    return link, url


@retry_on_conflict
@transaction.atomic
def send_link(*, order_id: int, by: User | None, at: datetime) -> PayLink:
    """
    Send the customer a new pay link, by SMS or else by e-mail.

    :raises OrderNotPayable: if the order does not wait for money
    :raises NoContact: if the customer cannot be reached
    """
    order = orders.lock_order(order_id=order_id)
    link, url = _make(order, by=by, at=at)
    if not is_reachable(order):
        raise NoContact
    effect_key = f"pay_link:{link.pk}"
    write_to_customer(order=order, template="pay_link", context=_words(order, url), effect_key=effect_key, at=at)
    note(order=order, code="pay_link_sent", facts={}, by=by, kind="message", at=at)
    return link


@transaction.atomic
def remind(*, order_id: int, at: datetime) -> PayLink | None:
    """Remind the customer of an unpaid order, once, with a link; nobody is told of one that was paid meanwhile."""
    order = orders.lock_order(order_id=order_id)
    if not order.is_unpaid or order.is_imported or not is_reachable(order):
        return None
    link, url = _make(order, by=None, at=at)
    effect_key = f"payment_reminder:{order.pk}"
    write_to_customer(
        order=order, template="payment_reminder", context=_words(order, url), effect_key=effect_key, at=at
    )
    note(order=order, code="payment_reminder_sent", facts={}, kind="message", at=at)
    return link


def open_link(*, token: str, at: datetime) -> PayLink:
    """
    The link of a token, with its order.

    :raises LinkNotFound: if there is none
    :raises LinkExpired: if it is too old
    """
    link = PayLink.objects.select_related("order__customer__type").filter(token_hash=_hash(token)).first()
    if link is None:
        raise LinkNotFound
    if link.expires_at <= at:
        raise LinkExpired
    if link.opened_at is None:
        PayLink.objects.filter(pk=link.pk, opened_at=None).update(opened_at=at)
    return link


def pay_path(token: str) -> str:
    return f"/pay/{token}/"


def _make(order: Order, *, by: User | None, at: datetime) -> tuple[PayLink, str]:
    if order.category != Category.PENDING_PAYMENT or order.due_fen <= 0:
        raise OrderNotPayable(order_no=order.order_no)
    token = token_urlsafe(TOKEN_BYTES)
    link = PayLink.objects.create(
        order=order,
        token_hash=_hash(token),
        created_at=at,
        created_by=by,
        expires_at=max(order.payment_due_at or at, at) + LINGERS,
    )
    return link, f"{settings.PUBLIC_URL}{pay_path(token)}"


def _hash(token: str) -> str:
    return lookup_hash(token, kind="pay_link")


def _words(order: Order, url: str) -> dict[str, str]:
    settled = shop()
    return {
        "shop_name": settled.name,
        "service_phone": settled.service_phone,
        "order_no": order.order_no,
        "amount": yuan(order.due_fen),
        "deadline": f"{local(order.payment_due_at):%m-%d %H:%M}" if order.payment_due_at else "",
        "url": url,
    }
