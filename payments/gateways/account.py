"""What a merchant sets up for a gateway, and the refusals when it is set up wrongly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import urlsplit

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from kernel.errors import DomainError

Words = str | Promise


class Environment(StrEnum):
    LIVE = "live"
    SANDBOX = "sandbox"


class FieldKind(StrEnum):
    TEXT = "text"
    DIGITS = "digits"
    PRIVATE_KEY = "private_key"
    PUBLIC_KEY = "public_key"
    CERTIFICATE = "certificate"  # one or several in PEM, the account's own first
    PFX = "pfx"  # a key with its certificate, kept as base64 of the file
    SECRET = "secret"  # noqa: S105 - words only the gateway and the merchant know
    CHOICE = "choice"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountField:
    """
    One thing a merchant fills in. Forms are made from these; a secret one is written, never shown.

    :param choices: of a CHOICE, (value, label); the first one is the default
    :param only_in: modes in which it is asked for; empty: in all. The mode is the setting `mode`
    """

    code: str
    label: Words
    help: Words
    kind: FieldKind = FieldKind.TEXT
    secret: bool = False
    required: bool = True
    choices: tuple[tuple[str, Words], ...] = ()
    only_in: frozenset[str] = frozenset()

    def is_asked(self, *, mode: str) -> bool:
        return not self.only_in or mode in self.only_in


MODE = "mode"  # the setting of gateways that can be set up in several ways


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountConfig:
    """
    One gateway account, as its row says.

    :param settings: what is not secret, by field code
    :param credentials: keys and secrets in clear, by field code; the newest of each, which signs
    :param others: those still alive beside the newest, newest first: what the gateway signed with them still counts
    :param base_url: where a sandbox account's gateway is; empty means the gateway's usual address
    """

    environment: Environment
    settings: Mapping[str, str]
    credentials: Mapping[str, str] = field(repr=False)
    base_url: str = ""
    others: Mapping[str, tuple[str, ...]] = field(default_factory=dict, repr=False)

    def all_of(self, code: str) -> tuple[str, ...]:
        """Every value of a credential that is alive, newest first."""
        newest = self.credentials.get(code, "")
        return (*((newest,) if newest else ()), *self.others.get(code, ()))


class ConfigError(DomainError):
    """
    The account cannot work as it is set up. Nothing was done; what was unknown before is unknown still.

    :param field: code of the field at fault, or `clock`, `contract`, `base_url`
    :param label: its name, for people
    """

    text = _("%(label)s: this account cannot be used as it is set up.")

    def __init__(self, *, field: str, label: Words, **facts: object) -> None:
        super().__init__(field=field, label=label, **facts)
        self.field = field

    @property
    def plain(self) -> str:
        """The text without the field's name in front, for places that show the name already."""
        words, label = str(self), str(self.facts["label"])
        return words.removeprefix(label).lstrip(":： ")


class MissingSetting(ConfigError):
    text = _("%(label)s: this is empty. Fill it in on the page of this gateway account.")


class WrongAddress(ConfigError):
    text = _("Gateway address “%(given)s”: %(remedy)s")


ADDRESS_LABEL = _("Gateway address")


def required(values: Mapping[str, str], field: AccountField) -> str:
    """
    The value of a field, without blanks around it.

    :raises MissingSetting: if there is none
    """
    value = values.get(field.code, "").strip()
    if not value:
        raise MissingSetting(field=field.code, label=field.label)
    return value


def gateway_address(*, config: AccountConfig, live: str, sandbox: str) -> str:
    """
    Where requests of this account go: the live gateway, or the sandbox that the account names.

    :raises WrongAddress: if a live account points elsewhere, or a sandbox account at the live gateway
    """
    given = config.base_url.strip()
    if config.environment is Environment.LIVE:
        if given not in ("", live):
            raise _wrong_address(given, _("a live account talks to the live gateway. Leave this empty."))
        return live
    return _sandbox_address(given or sandbox, live=live)


def _sandbox_address(given: str, *, live: str) -> str:
    parts = urlsplit(given)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query:
        raise _wrong_address(given, _("write a full address such as http://127.0.0.1:8001/gateway.do."))
    if parts.hostname == urlsplit(live).hostname:
        raise _wrong_address(given, _("a sandbox account must not reach the live gateway."))
    return given


def _wrong_address(given: str, remedy: Words) -> WrongAddress:
    return WrongAddress(field="base_url", label=ADDRESS_LABEL, given=given, remedy=remedy)
