"""The keys that gateways sign with: asked for when one is missed, and from time to time."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import Q

from kernel.errors import DomainError
from kernel.queue import after_commit

from ..gateways import GATEWAYS, ConfigError, FetchedKey, Gateway, GatewayEvent
from ..models import AccountState, Credential, GatewayAccount
from .accounts import alive, gateway_of
from .credentials import NewKey, set_credentials
from .troubles import tell_config_error, tell_useless_key

TASK = "payments.refresh_keys"
AT_MOST_EVERY = timedelta(minutes=1)  # anybody can name a key that does not exist
REGULARLY = timedelta(hours=12)
SERIAL_LENGTH = 64
UNKNOWN_KEY = "answer.unknown_key"  # of an answer, in every gateway's folder


@transaction.atomic
def miss_key(*, account: GatewayAccount, serial: str, at: datetime) -> bool:
    """
    Note that a message was signed with a key that we do not hold, and have the gateway asked for it; at most once a
    minute. :return: whether it will be
    """
    if not _fetches(account):
        return False
    state = state_of(account)
    rested = Q(keys_asked_at=None) | Q(keys_asked_at__lte=at - AT_MOST_EVERY)
    wanted = serial.replace("\0", "")[:SERIAL_LENGTH] or "?"
    if not AccountState.objects.filter(rested, pk=state.pk).update(keys_wanted=wanted, keys_asked_at=at):
        return False
    after_commit(TASK)
    return True


def look_for_key(*, account: GatewayAccount, report: GatewayEvent, at: datetime) -> None:
    """Miss the key of an answer that could not be checked for want of it; its words name the key."""
    if report.code == UNKNOWN_KEY:
        miss_key(account=account, serial=report.message, at=at)


def refresh_keys(*, at: datetime, limit: int) -> int:
    """
    Ask gateways for their keys: those of which one is missed, and those not asked for half a day. Not inside a
    transaction. :return: how many accounts were asked
    """
    asked = 0
    for account in _due(at=at)[:limit]:
        asked += _refresh(account, at=at)
    return asked


def refresh_account(*, account: GatewayAccount, serial: str = "", at: datetime) -> list[Credential]:
    """
    Ask one gateway for its keys, and keep those that are new. Not inside a transaction.

    :raises ConfigError: if the account is set up wrongly
    """
    told = gateway_of(account).fetch_keys(serial=serial)
    return [kept for key in told if (kept := _keep(account, key, at=at)) is not None]


def state_of(account: GatewayAccount) -> AccountState:
    try:
        with transaction.atomic():
            return AccountState.objects.get_or_create(account=account)[0]
    except IntegrityError:  # another process was faster
        return AccountState.objects.get(account=account)


def _fetches(account: GatewayAccount) -> bool:
    kind = GATEWAYS.get(account.gateway)
    return kind is not None and kind.fetch_keys is not Gateway.fetch_keys


def _due(*, at: datetime) -> list[GatewayAccount]:
    missed = ~Q(state__keys_wanted="") & Q(state__isnull=False)
    old = Q(state__keys_fetched_at=None) | Q(state__keys_fetched_at__lte=at - REGULARLY)
    accounts = GatewayAccount.objects.filter(missed | Q(old, is_enabled=True)).select_related("state").order_by("pk")
    return [account for account in accounts if _fetches(account)]


def _refresh(account: GatewayAccount, *, at: datetime) -> bool:
    """The account is taken first, so that two workers do not ask twice, and a failure waits for its next turn."""
    state = state_of(account)
    same = AccountState.objects.filter(
        pk=state.pk, keys_wanted=state.keys_wanted, keys_fetched_at=state.keys_fetched_at
    )
    if not same.update(keys_wanted="", keys_fetched_at=at):
        return False
    try:
        refresh_account(account=account, serial=state.keys_wanted.replace("?", ""), at=at)
    except ConfigError as error:
        tell_config_error(account=account, error=error, at=at)
    return True


def _keep(account: GatewayAccount, key: FetchedKey, *, at: datetime) -> Credential | None:
    if alive(account).filter(kind=key.kind, serial=key.serial).exists():
        return None
    try:
        return set_credentials(
            account_id=account.pk, keys={key.kind: NewKey(text=key.value, serial=key.serial)}, by=None, at=at
        )[0]
    except DomainError as refused:
        tell_useless_key(account=account, error=refused, at=at)
        return None
