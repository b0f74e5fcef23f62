"""The self-check of a gateway account: what was looked at, what was found, what it means, what to do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from .account import ConfigError, Environment, Words

ADDRESS_LIMIT = 255


class CheckStatus(StrEnum):
    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """
    :param code: which check, the same in every language
    :param value: what was found; never a secret
    """

    code: str
    label: Words
    status: CheckStatus = CheckStatus.OK
    value: str = ""
    meaning: str = ""
    remedy: str = ""


NOTIFY_CODE = "notify_url"
NOTIFY_LABEL = gettext_lazy("Notification address")


def refused(*, code: str, label: Words, error: ConfigError) -> CheckResult:
    """The failed check of a value that a `ConfigError` names, remedy and all."""
    return CheckResult(code=code, label=label, status=CheckStatus.ERROR, meaning=error.plain)


def check_notify_url(*, url: str, environment: Environment) -> CheckResult:
    """Whether a gateway out on the internet could reach this address."""
    status, meaning, remedy = _judge_address(urlsplit(url), environment)
    if status is CheckStatus.OK and len(url) > ADDRESS_LIMIT:
        status, meaning = CheckStatus.ERROR, _("It is longer than 255 characters.")
    return CheckResult(code=NOTIFY_CODE, label=NOTIFY_LABEL, status=status, value=url, meaning=meaning, remedy=remedy)


def _judge_address(parts: SplitResult, environment: Environment) -> tuple[CheckStatus, str, str]:
    remedy = _("Set PUBLIC_URL to the https address under which customers reach this shop.")
    live = environment is Environment.LIVE
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return CheckStatus.ERROR, _("It is not a full web address."), remedy
    if parts.query or parts.fragment:
        return CheckStatus.ERROR, _("It has a query or a fragment, which gateways drop."), remedy
    if live and parts.scheme != "https":
        return CheckStatus.ERROR, _("It is not https."), remedy
    if live and _is_private(parts.hostname):
        return CheckStatus.WARNING, _("It is a private address: the gateway cannot reach it."), remedy
    return CheckStatus.OK, _("The gateway sends its notifications here."), ""


def _is_private(host: str) -> bool:
    try:
        return not ip_address(host).is_global
    except ValueError:
        return host == "localhost" or "." not in host or host.endswith((".local", ".internal", ".localhost"))
