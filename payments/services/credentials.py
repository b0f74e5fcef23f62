"""Keys of payment accounts: set beside the ones they follow, and retired once nothing needs them any more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from kernel import alerts, audit
from kernel.clock import local
from kernel.errors import DomainError
from kernel.models import User

from ..gateways import AccountField, FieldKind, gateway_class
from ..models import Credential, GatewayAccount
from .account_setup import NoSuchField, mode_of, refuse_faults
from .accounts import SealedForGood, Values, alive, by_kind, forget_keys, in_order, make_gateway, value_of
from .key_facts import KeyFacts, facts_of_key
from .key_use import Use, flush_counts, uses_of

OWN = (FieldKind.PRIVATE_KEY, FieldKind.PFX, FieldKind.SECRET)
MOST_OWN = 2  # the one in use, and the one before it so that a wrong switch can be taken back
MOST_OTHERS = 8  # keys of the gateway's: whatever it signed with any of them still counts
EXPIRY_ALERT = "payments.key_expiry"


class NoSuchCredential(DomainError):
    text = _("This account has no such key any more.")


class KeyInUse(DomainError):
    text = _(
        "This key is still in use: in the last 24 hours it signed %(signed)d times and verified %(verified)d times, "
        "last at %(last)s. Wait until it rests for 24 hours, or let an owner retire it with a reason."
    )


class OnlyKey(DomainError):
    text = _("%(label)s: the account has no other. Set the new one first, then retire this one.")


class ForceWithoutReason(DomainError):
    text = _("Say why this key must go although it is still needed.")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """
    A key as it was pasted or uploaded.

    :param password: of a PFX file
    :param serial: as the gateway calls it, where the key itself does not say
    """

    text: str
    password: str = ""
    serial: str = ""


def set_credential(*, account_id: int, kind: str, value: str, by: User | None, at: datetime) -> Credential:
    """
    Store one key; see `set_credentials`.

    :raises ConfigError: if it is no such key, saying what it is instead
    :raises NoSuchField: if the gateway asks for nothing of this kind
    :raises WrongSetup: if it does not fit the account's other keys
    """
    return set_credentials(account_id=account_id, keys={kind: NewKey(text=value)}, by=by, at=at)[0]


def set_credentials(
    *,
    account_id: int,
    keys: Mapping[str, NewKey],
    signs_from: datetime | None = None,
    by: User | None,
    at: datetime,
) -> list[Credential]:
    """
    Store keys that belong together, whatever wrapping they were pasted in. The ones before them stay alive beside
    them: the newest signs, and what any of them verifies counts.

    :param signs_from: when the new ones begin to sign; now, if not given
    :raises ConfigError: if one is no such key, saying what it is instead
    :raises NoSuchField: if the gateway asks for nothing of this kind
    :raises WrongSetup: if they do not fit the account's other keys
    """
    try:
        return _set_credentials(account_id, keys, signs_from=signs_from, by=by, at=at)
    finally:
        forget_keys(account_id)  # what was pasted was parsed, whether or not it is kept


@transaction.atomic
def retire_credential(
    *, account_id: int, credential_id: int, force: bool = False, reason: str = "", by: User | None, at: datetime
) -> Credential:
    """
    Have a key sign and verify no more. It stays as a row; its value goes.

    :param force: although it is in use, or the account has no other
    :raises NoSuchCredential: if it is gone or retired
    :raises KeyInUse: if it did something in the last 24 hours
    :raises OnlyKey: if the account needs one of its kind, and there is no other
    :raises ForceWithoutReason: if it is forced without saying why
    """
    alike = Credential.objects.select_for_update().filter(account_id=account_id, retired_at=None)
    credential = alike.filter(pk=credential_id).first()
    if credential is None:
        raise NoSuchCredential
    if force and not reason.strip():
        raise ForceWithoutReason
    use = use_of(credential, at=at)
    if not force:
        _refuse_needed(credential, use)
    _retire(credential, at=at)
    after = {"kind": credential.kind, "fingerprint": credential.fingerprint, "used": use.total, "forced": force}
    audit.record(
        action="payments.retire_credential",
        subject=credential.account,
        by=by,
        at=at,
        reason=reason.strip(),
        after=after,
    )
    return credential


def use_of(credential: Credential, *, at: datetime) -> Use:
    flush_counts()
    return uses_of(credential_ids=[credential.pk], at=at).get(credential.pk, Use())


@transaction.atomic
def _set_credentials(
    account_id: int, keys: Mapping[str, NewKey], *, signs_from: datetime | None, by: User | None, at: datetime
) -> list[Credential]:
    account = GatewayAccount.objects.select_for_update().get(pk=account_id)
    if not keys:
        return []
    fields = {kind: _field(account, kind) for kind in keys}
    facts = {kind: facts_of_key(key.text, password=key.password, wanted=fields[kind]) for kind, key in keys.items()}
    _try_out(account, facts, at=at)
    starts = signs_from if signs_from and signs_from > at else None
    return [
        _keep(account, fields[kind], facts[kind], serial=keys[kind].serial, starts=starts, by=by, at=at)
        for kind in keys
    ]


def _refuse_needed(credential: Credential, use: Use) -> None:
    if use.total and use.last_at:
        last = f"{local(use.last_at):%Y-%m-%d %H:%M}"
        raise KeyInUse(signed=use.signed, verified=use.verified, last=last)
    asked = {it.code: it for it in gateway_class(code=credential.account.gateway).CREDENTIAL_FIELDS}
    wanted = asked.get(credential.kind)
    if wanted is None or not wanted.required or not wanted.is_asked(mode=mode_of(credential.account)):
        return
    if not alive(credential.account).filter(kind=credential.kind).exclude(pk=credential.pk).exists():
        raise OnlyKey(label=wanted.label)


def _retire(credential: Credential, *, at: datetime) -> None:
    credential.retired_at, credential.value_sealed = at, ""
    credential.save(update_fields=["retired_at", "value_sealed"])
    transaction.on_commit(partial(forget_keys, credential.account_id))
    alerts.resolve(kind=EXPIRY_ALERT, subject=expiry_subject(credential), at=at)


def expiry_subject(credential: Credential) -> str:
    return f"{credential.account.code}:{credential.kind}:{credential.pk}"


def _field(account: GatewayAccount, kind: str) -> AccountField:
    fields = {it.code: it for it in gateway_class(code=account.gateway).CREDENTIAL_FIELDS}
    if kind not in fields:
        raise NoSuchField(code=kind)
    return fields[kind]


def _keep(
    account: GatewayAccount,
    wanted: AccountField,
    facts: KeyFacts,
    *,
    serial: str,
    starts: datetime | None,
    by: User | None,
    at: datetime,
) -> Credential:
    """The same key again takes the place of itself, so that it is the newest once more."""
    before = list(alive(account).filter(kind=wanted.code).order_by("-pk"))
    room = (MOST_OWN if wanted.kind in OWN else MOST_OTHERS) - 1
    others = [row for row in before if row.fingerprint != facts.fingerprint and _is_readable(row)]
    for row in {*before} - {*others[:room]}:
        _retire(row, at=at)
    credential = Credential(
        account=account,
        kind=wanted.code,
        fingerprint=facts.fingerprint,
        tail=facts.tail,
        serial=(serial or facts.serial)[:64],
        valid_from=facts.valid_from,
        valid_to=facts.valid_to,
        created_at=at,
        signs_from=starts,
    )
    credential.value = facts.value
    credential.save()
    after = {"kind": wanted.code, "fingerprint": credential.fingerprint}
    audit.record(action="payments.set_credential", subject=account, by=by, at=at, after=after)
    return credential


def _is_readable(row: Credential) -> bool:
    try:
        return bool(value_of(row, row.account))
    except SealedForGood:
        return False


def _try_out(account: GatewayAccount, facts: Mapping[str, KeyFacts], *, at: datetime) -> None:
    """Whether the account's own checks find fault with its keys, once they are complete and can be read."""
    try:
        known = _known(account, but=facts, at=at)
    except SealedForGood:
        return  # they are being set again, one by one
    values = {**known, **{kind: (new.value, *known.get(kind, ())) for kind, new in facts.items()}}
    mode = mode_of(account)
    fields = [it for it in gateway_class(code=account.gateway).CREDENTIAL_FIELDS if it.is_asked(mode=mode)]
    if {it.code for it in fields if it.required} <= values.keys():
        refuse_faults(make_gateway(account, values), codes={it.code for it in fields})


def _known(account: GatewayAccount, *, but: Mapping[str, KeyFacts], at: datetime) -> Values:
    """Of a kind that is being set, an old one that cannot be read any more is passed over."""
    found = []
    for row in in_order(alive(account), at=at):
        try:
            found.append((row.kind, value_of(row, account)))
        except SealedForGood:
            if row.kind not in but:
                raise
    return by_kind(found)
