"""The shop's settings for invoices: who issues them, in whose name, and when one is ready to be issued."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from kernel import audit
from kernel.errors import DomainError
from kernel.models import User

from ..models import InvoiceRequest, InvoiceSettings
from .tax import is_tax_no, tidy_tax_no

SETTINGS_ID = 1
Channel, Ready, Status = InvoiceSettings.Channel, InvoiceSettings.Ready, InvoiceRequest.Status
SECRETS = ("app_secret", "token")
NEEDED = {
    "seller_name": "seller_name",
    "seller_tax_no": "seller_tax_no",
    "app_key": "app_key",
    "app_secret": "app_secret_sealed",
}
UNSENT = (Status.REQUESTED, Status.FAILED, Status.RED_PENDING)


class NoSuchService(DomainError):
    text = _(
        "“%(given)s” is no address of a service. Write a full one such as https://sandbox.example/open/v1/services."
    )


class WrongSellerNumber(DomainError):
    text = _("“%(given)s” is no tax number: its check digit or its length is wrong. Compare it with the licence.")


class ProviderIncomplete(DomainError):
    text = _("The provider needs “%(label)s”. Fill it in, or leave invoices to be issued by hand.")


def invoice_settings() -> InvoiceSettings:
    """The one row; with the defaults, if nobody has set any yet."""
    found = InvoiceSettings.objects.filter(pk=SETTINGS_ID).first()
    return found or InvoiceSettings.objects.get_or_create(pk=SETTINGS_ID)[0]


@transaction.atomic
def save_invoice_settings(
    *, changes: Mapping[str, object], secrets: Mapping[str, str], by: User | None, at: datetime
) -> InvoiceSettings:
    """
    Change the settings; a secret that is empty stays as it is. What nobody has sent out yet goes the new way.

    :raises WrongSellerNumber: if the seller's tax number cannot be right
    :raises NoSuchService: if the address is none
    :raises ProviderIncomplete: if a provider is chosen that cannot work so
    """
    invoice_settings()
    row = InvoiceSettings.objects.select_for_update().get(pk=SETTINGS_ID)
    before, given = _public(row), [name for name in SECRETS if secrets.get(name)]
    for name, value in changes.items():
        setattr(row, name, value)
    row.seller_tax_no = tidy_tax_no(row.seller_tax_no)
    check_invoice_settings(row, secrets=secrets)
    for name in given:
        setattr(row, name, secrets[name].strip())
    if given:
        row.token_until = None
        row.token = secrets.get("token", "").strip()  # one that was fetched was another key's
    row.save()
    _send_along(row, at=at)
    after = {**_public(row), "secrets": given}
    audit.record(action="payments.invoice_settings", subject=row, by=by, at=at, before=before, after=after)
    return row


def check_invoice_settings(row: InvoiceSettings, *, secrets: Mapping[str, str]) -> None:
    """
    Whether invoices can be issued so; `secrets` are those that are to be set with it.

    :raises WrongSellerNumber: if the seller's tax number cannot be right
    :raises NoSuchService: if the address is none
    :raises ProviderIncomplete: if a provider is chosen that cannot work so
    """
    if row.seller_tax_no and not is_tax_no(tidy_tax_no(row.seller_tax_no)):
        raise WrongSellerNumber(given=row.seller_tax_no[:40])
    if row.address:
        parts = urlsplit(row.address)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query:
            raise NoSuchService(given=row.address[:80])
    if row.channel == Channel.MANUAL:
        return
    labels = {it.name: it.verbose_name for it in InvoiceSettings._meta.concrete_fields}
    for name, column in NEEDED.items():
        if not (getattr(row, column) or secrets.get(name)):
            raise ProviderIncomplete(label=labels[column])


def ready(rows: QuerySet[InvoiceRequest], *, at: datetime) -> QuerySet[InvoiceRequest]:
    """Those whose time has come, by the shop's setting; red letters wait for nothing."""
    chosen = invoice_settings()
    if chosen.ready == Ready.PAID:
        return rows
    since = at - timedelta(days=chosen.window_days if chosen.ready == Ready.WINDOW else 0)
    come = Q(order__completed_at__lte=since)
    return rows.filter(come | Q(released_at__isnull=False) | Q(kind=InvoiceRequest.Kind.RED))


def is_ready(row: InvoiceRequest, *, at: datetime) -> bool:
    return ready(InvoiceRequest.objects.filter(pk=row.pk), at=at).exists()


def _send_along(row: InvoiceSettings, *, at: datetime) -> None:
    waiting = InvoiceRequest.objects.filter(status__in=UNSENT, called_at=None).exclude(channel=row.channel)
    by_itself = waiting.exclude(status=Status.FAILED)
    by_itself.update(due_at=None if row.channel == Channel.MANUAL else at)
    waiting.update(channel=row.channel)


def _public(row: InvoiceSettings) -> dict[str, object]:
    hidden = {"id", "seal_id", "app_secret_sealed", "token_sealed", "token_until"}
    return {it.attname: getattr(row, it.attname) for it in row._meta.concrete_fields if it.attname not in hidden}
