"""What merchants ask about their account before it takes money, answered from what is there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from kernel.clock import local

from ..gateways import CheckResult, CheckStatus, gateway_class
from ..gateways.account import MODE
from ..models import GatewayAccount
from .account_setup import mode_of
from .accounts import alive, in_order
from .key_expiry import label_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    question: str
    lines: tuple[str, ...]
    hint: str


def answer_questions(*, account: GatewayAccount, checks: Sequence[CheckResult], at: datetime) -> list[Answer]:
    """Keys, validity of certificates, and the way of authentication, without a payment."""
    return [_keys(account, checks, at=at), _validity(account, at=at), _mode(account)]


def _keys(account: GatewayAccount, checks: Sequence[CheckResult], *, at: datetime) -> Answer:
    judged = {it.code: it for it in checks}
    present: dict[str, str] = {}
    for row in in_order(alive(account), at=at):
        present.setdefault(row.kind, row.fingerprint)
    mode, lines = mode_of(account), []
    for asked in gateway_class(code=account.gateway).CREDENTIAL_FIELDS:
        if not asked.is_asked(mode=mode) or (asked.code not in present and not asked.required):
            continue
        check = judged.get(asked.code)
        is_wrong = asked.code not in present or (check is not None and check.status is CheckStatus.ERROR)
        mark = "✗" if is_wrong else "✓"
        told = check.meaning if check and is_wrong else present.get(asked.code) or _("not set")
        lines.append(f"{mark} {asked.label}: {told}")
    return Answer(
        question=_("Are my keys right, and each in its place?"),
        lines=tuple(lines),
        hint=_(
            "Private keys are yours and never leave this server. Public keys and platform certificates are the "
            "gateway's: its console shows them after you uploaded yours. Fingerprints tell them apart."
        ),
    )


def _validity(account: GatewayAccount, *, at: datetime) -> Answer:
    lines = [
        _("%(label)s …%(tail)s: %(start)s to %(end)s, %(days)d days left")
        % {
            "label": label_of(row),
            "tail": row.tail,
            "start": f"{local(row.valid_from):%Y-%m-%d}" if row.valid_from else "?",
            "end": f"{local(row.valid_to):%Y-%m-%d}",
            "days": (row.valid_to - at).days,
        }
        for row in in_order(alive(account), at=at)
        if row.valid_to is not None
    ]
    return Answer(
        question=_("How long are my certificates valid?"),
        lines=tuple(lines) or (_("This account uses bare keys, which do not run out."),),
        hint=_("You are warned 60, 30, 7 days and one day before. A renewed one works beside the old one."),
    )


def _mode(account: GatewayAccount) -> Answer:
    gateway, mode = gateway_class(code=account.gateway), mode_of(account)
    labels = {value: label for it in gateway.SETTING_FIELDS if it.code == MODE for value, label in it.choices}
    asked = [str(it.label) for it in gateway.CREDENTIAL_FIELDS if it.is_asked(mode=mode)]
    return Answer(
        question=_("Which way of authentication is in use?"),
        lines=(
            str(labels.get(mode) or _("Key pair: there is no other at this gateway.")),
            _("It needs: %(fields)s") % {"fields": ", ".join(asked)},
        ),
        hint=_("Keys of the other way stay while you switch, so that messages under way can still be checked."),
    )
