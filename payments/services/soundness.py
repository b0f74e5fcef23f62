"""Accounts that the doctor finds wrong are not offered to customers: judged by the clock, never while a page waits."""

from __future__ import annotations

from datetime import datetime

from kernel import alerts

from ..gateways import CheckStatus, ConfigError
from ..gateways.checks import NOTIFY_CODE
from ..models import AccountState, GatewayAccount, Payment
from .accounts import check_account
from .key_refresh import state_of
from .troubles import HIDDEN_ALERT, tell_hidden
from .words import shop_language

FAULT_LENGTH = AccountState._meta.get_field("fault").max_length or 0


def judge_accounts(*, at: datetime, limit: int) -> int:
    """Look at every enabled account without asking its gateway. :return: how many are not offered"""
    enabled = GatewayAccount.objects.filter(is_enabled=True).order_by("pk")[:limit]
    return sum(bool(judge_account(account=account, at=at)) for account in enabled)


def judge_account(*, account: GatewayAccount, at: datetime) -> str:
    """
    Whether customers may be offered an account; staff hear of it when they may not, and when they may again.

    :return: what is wrong; "" if nothing is
    """
    with shop_language():
        fault = _fault(account)[:FAULT_LENGTH]
    state = state_of(account)
    if fault:
        tell_hidden(account=account, fault=fault, at=at)
    elif state.fault:
        alerts.resolve(kind=HIDDEN_ALERT, subject=account.code, at=at)
    if fault != state.fault:
        AccountState.objects.filter(pk=state.pk).update(fault=fault)
    return fault


def fault_of(account: GatewayAccount) -> str:
    """As it was judged last."""
    state: AccountState | None = getattr(account, "state", None)
    return state.fault if state else ""


def is_withheld(*, account: GatewayAccount, order_id: int) -> bool:
    """Whether an order is not offered an account; one that it began to pay by stays, so that nobody is stranded."""
    return bool(fault_of(account)) and not Payment.objects.filter(account=account, order_id=order_id).open().exists()


def _fault(account: GatewayAccount) -> str:
    """Payments succeed without notifications, too, so their address alone hides nothing."""
    try:
        checks = check_account(account=account)
    except ConfigError as error:
        return str(error)
    wrong = (it for it in checks if it.status is CheckStatus.ERROR and it.code != NOTIFY_CODE)
    return " ".join(f"{it.label}: {it.meaning}" for it in wrong)
