"""The payment doctor: all that can be told about an account without moving money, each with what to do."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import httpx
from django.db.models import Max, Sum
from django.urls import Resolver404, resolve
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from kernel.clock import local
from kernel.http import TRACE_HEADER

from ..gateways import CheckResult, CheckStatus, ConfigError, gateway_class, guard_no_transaction
from ..gateways.checks import NOTIFY_LABEL, refused
from ..models import AccountState, Credential, GatewayAccount, Notification, NotificationRefusal, Payment
from .accounts import alive, check_account, in_order, notify_url
from .key_expiry import label_of
from .soundness import fault_of
from .troubles import REFUSALS

DAY = timedelta(days=1)
CLOCK_WARNING_SECONDS, CLOCK_ERROR_SECONDS = 60, 240
EXPIRY_WARNING = timedelta(days=60)
SELF_REQUEST_SECONDS = 5
OUR_ANSWER = 405  # to a GET, which no gateway sends

METHODS_LABEL = gettext_lazy("Ways to pay")
CLOCK_LABEL = gettext_lazy("Clock")
LAST_LABEL = gettext_lazy("Last notification")
REFUSED_LABEL = gettext_lazy("Refused notifications")
PATH_LABEL = gettext_lazy("Notification path")
REACHABLE_LABEL = gettext_lazy("Notification address from here")
KEYS_LABEL = gettext_lazy("Keys")


def examine(*, account: GatewayAccount, online: bool = False, at: datetime) -> list[CheckResult]:
    """
    Every check there is of an account; never raises for what it finds. Not inside a transaction, if online.

    :param online: also ask the gateway about a payment that does not exist, and this shop for its own address
    """
    try:
        checks = check_account(account=account, online=online)
    except ConfigError as error:
        checks = [refused(code=error.field, label=KEYS_LABEL, error=error)]
    if not any(it.code == "clock" for it in checks):
        checks += _check_clock(account, at=at)
    checks += _check_expiry(account, known={it.code for it in checks}, at=at)
    checks += [_check_methods(account), _check_path(account)]
    if online:
        checks.append(_check_reachable(notify_url(account)))
    return [*checks, _check_last_notification(account, at=at), _check_refusals(account, at=at)]


def _check_clock(account: GatewayAccount, *, at: datetime) -> Iterator[CheckResult]:
    state = AccountState.objects.filter(account=account).exclude(clock_at=None).first()
    if state is None or state.clock_seconds is None or state.clock_at is None:
        return
    seconds, status = state.clock_seconds, CheckStatus.OK
    if seconds > CLOCK_WARNING_SECONDS:
        status = CheckStatus.ERROR if seconds > CLOCK_ERROR_SECONDS else CheckStatus.WARNING
    yield CheckResult(
        code="clock",
        label=CLOCK_LABEL,
        status=status,
        value=f"{seconds} s · {_day_and_time(state.clock_at)}",
        meaning=_("How far the clock of this server was from the gateway's when it answered last."),
        remedy="" if status is CheckStatus.OK else _("Set the clock of this server right."),
    )


def _check_expiry(account: GatewayAccount, *, known: set[str], at: datetime) -> Iterator[CheckResult]:
    """Of each kind the certificate in use."""
    seen: set[str] = set()
    for row in in_order(alive(account), at=at):
        if row.valid_to is None or row.kind in seen:
            continue
        seen.add(row.kind)
        code = f"expiry:{row.kind}"
        if code not in known:
            yield _judge_expiry(row, row.valid_to, code=code, at=at)


def _judge_expiry(row: Credential, valid_to: datetime, *, code: str, at: datetime) -> CheckResult:
    status, meaning, remedy = CheckStatus.OK, _("The certificate is valid."), ""
    renew = _("Renew it at the gateway, and set the new one beside it: both work while the switch lasts.")
    if valid_to <= at:
        status, meaning, remedy = CheckStatus.ERROR, _("The certificate has run out."), renew
    elif row.valid_from is not None and row.valid_from > at:
        status, meaning = CheckStatus.ERROR, _("The certificate is not valid yet.")
        remedy = _("Check the clock of this server, or wait for the day it begins.")
    elif valid_to <= at + EXPIRY_WARNING:
        status, meaning, remedy = CheckStatus.WARNING, _("The certificate ends soon."), renew
    value = _("until %(day)s (%(days)d days)") % {"day": f"{local(valid_to):%Y-%m-%d}", "days": (valid_to - at).days}
    return CheckResult(code=code, label=label_of(row), status=status, value=value, meaning=meaning, remedy=remedy)


def _check_methods(account: GatewayAccount) -> CheckResult:
    unknown = set(account.methods) - gateway_class(code=account.gateway).capabilities.methods
    status, meaning, remedy = CheckStatus.OK, _("Customers are offered these."), ""
    if unknown:
        status, meaning = (
            CheckStatus.ERROR,
            _("The gateway does not offer: %(methods)s.") % {"methods": ", ".join(sorted(unknown))},
        )
        remedy = _("Choose the ways to pay again on the page of this account.")
    elif not account.is_enabled:
        meaning = _("The account is switched off: it takes no new payments.")
    elif fault_of(account):
        status, meaning = CheckStatus.WARNING, _("Customers are not offered these until what is wrong is mended.")
        remedy = _("Mend what is marked with ✗; a minute later they are offered again.")
    elif not account.methods:
        status, meaning = CheckStatus.ERROR, _("The account is enabled and offers no way to pay.")
        remedy = _("Choose at least one on the page of this account, or switch it off.")
    value = ", ".join(account.methods)
    return CheckResult(code="methods", label=METHODS_LABEL, status=status, value=value, meaning=meaning, remedy=remedy)


def _check_path(account: GatewayAccount) -> CheckResult:
    """Whether the address that we tell the gateway leads to the door that takes notifications."""
    path = urlsplit(notify_url(account)).path
    try:
        found = resolve(path)
        leads_there = found.url_name == "webhook" and found.kwargs.get("webhook_key") == account.webhook_key
    except Resolver404:
        leads_there = False
    return CheckResult(
        code="notify_path",
        label=PATH_LABEL,
        status=CheckStatus.OK if leads_there else CheckStatus.ERROR,
        value=path,
        meaning=_("It leads to this shop's own door.") if leads_there else _("Nothing takes notifications there."),
        remedy="" if leads_there else _("Set PUBLIC_URL to the shop's address without a path."),
    )


def _check_reachable(url: str) -> CheckResult:
    """By a request to ourselves; what it proves is less than what a gateway sees, so it only warns."""
    guard_no_transaction()
    try:
        answer = httpx.get(url, timeout=SELF_REQUEST_SECONDS, follow_redirects=False)
        value, is_ours = str(answer.status_code), answer.status_code == OUR_ANSWER and TRACE_HEADER in answer.headers
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        value, is_ours = type(error).__name__, False
    meaning = _("The shop answers at this address.") if is_ours else _("This shop does not answer at this address.")
    remedy = _("Check the name, the certificate and the proxy in front of the shop; redirects lose notifications.")
    return CheckResult(
        code="notify_reachable",
        label=REACHABLE_LABEL,
        status=CheckStatus.OK if is_ours else CheckStatus.WARNING,
        value=value,
        meaning=meaning,
        remedy="" if is_ours else remedy,
    )


def _check_last_notification(account: GatewayAccount, *, at: datetime) -> CheckResult:
    last = Notification.objects.filter(account=account).aggregate(last=Max("last_received_at"))["last"]
    paid = Payment.objects.filter(account=account, paid_at__gt=at - DAY).exists()
    is_silent = paid and (last is None or last < at - DAY)
    meaning = _("Notifications arrive.") if last else _("None came yet; payments are found by asking the gateway.")
    if is_silent:
        meaning = _("Payments succeeded in the last 24 hours, and the gateway told none of them.")
    remedy = _("Look at “%(label)s” above, and at the address in the gateway's console.") % {"label": NOTIFY_LABEL}
    return CheckResult(
        code="last_notification",
        label=LAST_LABEL,
        status=CheckStatus.WARNING if is_silent else CheckStatus.OK,
        value=f"{_day_and_time(last)} · {timesince(last, at)}" if last else "—",
        meaning=meaning,
        remedy=remedy if is_silent else "",
    )


def _check_refusals(account: GatewayAccount, *, at: datetime) -> CheckResult:
    """A stranger who knocks is no fault of ours; a gateway whose messages all fail is."""
    recent = NotificationRefusal.objects.filter(account=account, last_at__gt=at - DAY).order_by()
    times = dict(recent.values("reason").annotate(sum=Sum("times")).values_list("reason", "sum"))
    genuine = Notification.objects.filter(account=account, last_received_at__gt=at - DAY).exists()
    status, remedy = CheckStatus.OK, ""
    if times:
        status = CheckStatus.WARNING if genuine else CheckStatus.ERROR
        remedy = _("If they are the gateway's own, its public key or certificate here is wrong: set it again.")
    reasons = "; ".join(str(REFUSALS.get(reason, reason)) for reason in sorted(times))
    return CheckResult(
        code="refusals",
        label=REFUSED_LABEL,
        status=status,
        value=str(sum(times.values())),
        meaning=_("In the last 24 hours: %(reasons)s.") % {"reasons": reasons} if times else _("None in 24 hours."),
        remedy=remedy,
    )


def _day_and_time(moment: datetime) -> str:
    return f"{local(moment):%Y-%m-%d %H:%M}"
