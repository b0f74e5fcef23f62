"""What a test has done to the keys of a shop that runs beside it: in JSON, in a process of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from django.db.models import F

from kernel.clock import now
from payments import services as payments
from payments.models import Credential, CredentialUse, GatewayAccount, LedgerLine, Payment, Refund
from payments.services import AccountDraft, NewKey

A_DAY = timedelta(hours=25)


def open_account(*, gateway: str, settings: Mapping[str, str], keys: Mapping[str, str], password: str) -> str:
    """An account beside the shop's own, and before it. :return: its code"""
    GatewayAccount.objects.update(position=9)
    draft = AccountDraft(
        code=f"{gateway}-rolling",
        name=gateway,
        gateway=gateway,
        environment=GatewayAccount.Environment.SANDBOX,
        settings=settings,
        methods=("qr",),
        position=0,
    )
    account = payments.save_account(draft=draft, account_id=None, by=None, at=now())
    given = {kind: NewKey(text=text, password=password) for kind, text in keys.items()}
    payments.set_credentials(account_id=account.pk, keys=given, by=None, at=now())
    return account.code


def close_account(*, code: str) -> None:
    GatewayAccount.objects.filter(code=code).update(is_enabled=False)


def alive(*, code: str, kinds: Sequence[str]) -> list[int]:
    rows = Credential.objects.filter(account__code=code, kind__in=kinds, retired_at=None).order_by("pk")
    return list(rows.values_list("pk", flat=True))


def retire(*, code: str, ids: Sequence[int]) -> list[str]:
    """What each was refused for."""
    account, refusals = GatewayAccount.objects.get(code=code), []
    for credential_id in Credential.objects.filter(pk__in=ids, retired_at=None).values_list("pk", flat=True):
        try:
            payments.retire_credential(account_id=account.pk, credential_id=credential_id, by=None, at=now())
        except payments.KeyInUse as refused:
            refusals.append(str(refused))
    return refusals


def let_a_day_pass(*, ids: Sequence[int]) -> None:
    """All that these keys did so far was done the day before."""
    uses = CredentialUse.objects.filter(credential__in=ids)
    uses.update(hour=F("hour") - A_DAY, last_at=F("last_at") - A_DAY)


def booked(*, code: str) -> dict[str, dict[str, list[int]]]:
    """Of each payment of an account, the fen of every booking: taken in, and given back."""
    taken = Payment.objects.filter(account__code=code, status=Payment.Status.SUCCEEDED)
    return {it.payment_no: {"paid": _fen([it.gateway_trade_no]), "back": _back(it)} for it in taken}


def _back(payment: Payment) -> list[int]:
    refunds = Refund.objects.filter(payment=payment).values_list("refund_no", flat=True)
    return [-fen for fen in _fen(list(refunds))]


def _fen(references: Sequence[str]) -> list[int]:
    lines = LedgerLine.objects.filter(account="clearing", entry__reference__in=references)
    return list(lines.order_by("pk").values_list("amount_fen", flat=True))
