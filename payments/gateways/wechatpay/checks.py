"""What can be told about an account without asking WeChat Pay."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.x509.oid import NameOID
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from kernel.clock import business_day

from ..account import ADDRESS_LABEL, AccountConfig, AccountField, ConfigError, Environment, Words
from ..certificates import belongs_to, load_certificates
from ..checks import CheckResult, CheckStatus, check_notify_url, refused
from ..keys import fingerprint
from . import fields
from .account import WechatpayAccount, common_name
from .platform import is_same_serial, serial_of
from .signature import is_signed, joined, sign

SOON = timedelta(days=60)
SAMPLE = joined("POST", "/v3/pay/transactions/native", "1637568000", "商品 A+B", "")

ROUND_TRIP_LABEL = gettext_lazy("Signature round trip")

Check = Callable[[], CheckResult]


def check_account(
    *, account: WechatpayAccount, config: AccountConfig, notify_url: str, at: datetime
) -> list[CheckResult]:
    offline = _Offline(account=account, config=config, at=at)
    checks = [_attempt(code, label, check) for code, label, check in offline.checks()]
    return checks + ([check_notify_url(url=notify_url, environment=config.environment)] if notify_url else [])


def _attempt(code: str, label: Words, check: Check) -> CheckResult:
    """A value that another one is needed to judge is not blamed for the other."""
    try:
        return check()
    except ConfigError as error:
        if error.field == code:
            return refused(code=code, label=label, error=error)
        other = error.facts["label"]
        meaning = _("It cannot be judged before “%(label)s” is right.") % {"label": other}
        return CheckResult(code=code, label=label, status=CheckStatus.WARNING, meaning=meaning)


class _Offline:
    def __init__(self, *, account: WechatpayAccount, config: AccountConfig, at: datetime) -> None:
        self._account, self._config, self._at = account, config, at

    def checks(self) -> Iterator[tuple[str, Words, Check]]:
        yield "base_url", ADDRESS_LABEL, self._address
        yield _named(fields.MODE_FIELD, self._mode)
        yield _named(fields.MCHID, self._mchid)
        yield _named(fields.APPID, self._appid)
        yield _named(fields.PRIVATE_KEY, self._private_key)
        if self._config.all_of(fields.MERCHANT_CERTIFICATE.code):
            yield _named(fields.MERCHANT_CERTIFICATE, self._merchant_certificate)
        yield _named(fields.SERIAL_NO, self._serial_no)
        yield from self._platform_checks()
        yield _named(fields.APIV3_KEY, self._apiv3_key)
        yield _named(fields.APP_SECRET, self._app_secret)
        yield "round_trip", ROUND_TRIP_LABEL, self._round_trip

    def _platform_checks(self) -> Iterator[tuple[str, Words, Check]]:
        """Of both ways of signing, as far as they are in use: while a merchant switches, both are."""
        public = self._config.settings.get(fields.MODE_FIELD.code, "") != fields.CERTIFICATE_MODE
        if public or self._config.settings.get(fields.PUBLIC_KEY_ID.code):
            yield _named(fields.PUBLIC_KEY_ID, self._public_key_id)
        if public or self._config.all_of(fields.PLATFORM_PUBLIC_KEY.code):
            yield _named(fields.PLATFORM_PUBLIC_KEY, self._platform_public_key)
        if not public or self._config.all_of(fields.PLATFORM_CERTIFICATE.code):
            yield _named(fields.PLATFORM_CERTIFICATE, self._platform_certificates)

    def _address(self) -> CheckResult:
        address = self._account.address
        return CheckResult(code="base_url", label=ADDRESS_LABEL, value=address, meaning=_("Requests go here."))

    def _mode(self) -> CheckResult:
        labels = dict(fields.MODE_FIELD.choices)
        return _fine(fields.MODE_FIELD, str(labels[self._account.mode]), _("WeChat Pay is asked to sign like this."))

    def _mchid(self) -> CheckResult:
        return _fine(fields.MCHID, self._account.mchid, _("Notifications for another merchant are refused."))

    def _appid(self) -> CheckResult:
        return _fine(fields.APPID, self._account.appid, _("It has the form of an app ID."))

    def _private_key(self) -> CheckResult:
        key = self._account.private_key
        value = f"RSA {key.key_size}, {fingerprint(key)}"
        return _fine(fields.PRIVATE_KEY, value, _("The key can be read and is long enough."))

    def _merchant_certificate(self) -> CheckResult:
        """The newest; those before it belong to keys before this one."""
        field, certificate = fields.MERCHANT_CERTIFICATE, self._account.merchant_certificates[0]
        name, mchid = common_name(certificate), self._account.mchid
        if name != mchid:
            if name.isdigit():
                raise fields.OtherMerchantsCertificate(field=field.code, label=field.label, given=name, mchid=mchid)
            raise fields.NotYours(field=field.code, label=field.label)
        if not belongs_to(certificate=certificate, key=self._account.private_key):
            raise fields.OtherKeysCertificate(field=field.code, label=field.label)
        return self._judge_dates(field, [certificate])

    def _serial_no(self) -> CheckResult:
        field, account = fields.SERIAL_NO, self._account
        serial = account.serial_no
        if account.has_typed_serial_no and not is_same_serial(account.typed_serial_no, serial):
            raise fields.OtherSerial(field=field.code, label=field.label, serial=serial)
        if any(is_same_serial(it.serial, serial) for it in account.platform_certificates):
            raise fields.PlatformSerial(field=field.code, label=field.label)
        return _fine(field, serial, _("Requests name this certificate."))

    def _public_key_id(self) -> CheckResult:
        return _fine(fields.PUBLIC_KEY_ID, self._account.public_key_id, _("Answers are asked for under this key."))

    def _platform_public_key(self) -> CheckResult:
        newest = self._account.platform_public_keys[0].key
        value = f"RSA {newest.key_size}, {fingerprint(newest)}"
        return _fine(fields.PLATFORM_PUBLIC_KEY, value, _("The key can be read and is long enough."))

    def _platform_certificates(self) -> CheckResult:
        """Of several, one that is valid does."""
        field, texts = fields.PLATFORM_CERTIFICATE, self._config.all_of(fields.PLATFORM_CERTIFICATE.code)
        if not self._account.platform_certificates:
            raise fields.NoPlatformCertificate(field=field.code, label=field.label)
        found = [it for text in texts for it in load_certificates(text, field=field)]
        return self._judge_dates(field, sorted(found, key=lambda it: it.not_valid_after_utc, reverse=True))

    def _apiv3_key(self) -> CheckResult:
        value = _("%(count)d characters") % {"count": len(self._account.apiv3_key)}
        return _fine(
            fields.APIV3_KEY, value, _("It has the right form. Whether it is the right one, the first message tells.")
        )

    def _app_secret(self) -> CheckResult:
        if not self._account.has_app_secret:
            return _fine(fields.APP_SECRET, "", _("There is none: collecting inside WeChat (jsapi) is not possible."))
        self._account.app_secret  # noqa: B018 - raises where it cannot be one
        return _fine(fields.APP_SECRET, "", _("It has the right form."))

    def _round_trip(self) -> CheckResult:
        key = self._account.private_key
        fits = is_signed(signed=SAMPLE, signature=sign(signed=SAMPLE, key=key), key=key.public_key())
        return CheckResult(
            code="round_trip",
            label=ROUND_TRIP_LABEL,
            status=CheckStatus.OK if fits else CheckStatus.ERROR,
            meaning=_("What this key signs, its public half verifies.") if fits else _("The key does not work."),
            remedy="" if fits else _("Make a new key pair (RSA2, 2048 bits)."),
        )

    def _judge_dates(self, field: AccountField, certificates: list[x509.Certificate]) -> CheckResult:
        best = certificates[0]
        begins, ends = best.not_valid_before_utc, best.not_valid_after_utc
        if ends <= self._at:
            raise fields.Expired(field=field.code, label=field.label, day=business_day(ends).isoformat())
        if begins > self._at:
            raise fields.NotYetValid(field=field.code, label=field.label, day=business_day(begins).isoformat())
        value = ", ".join(f"{serial_of(it)} – {business_day(it.not_valid_after_utc)}" for it in certificates)
        if self._config.environment is Environment.LIVE and _is_of_a_test(best):
            meaning, remedy = _("It was issued for tests, and this account is live."), _("Take the live one.")
        elif ends - self._at < SOON:
            meaning = _("It expires in %(days)d days.") % {"days": (ends - self._at).days}
            remedy = _("Get a new one on pay.weixin.qq.com, and add it here beside this one.")
        else:
            return _fine(field, value, _("It can be read and is valid."))
        return CheckResult(
            code=field.code, label=field.label, status=CheckStatus.WARNING, value=value, meaning=meaning, remedy=remedy
        )


def _named(field: AccountField, check: Check) -> tuple[str, Words, Check]:
    return field.code, field.label, check


def _fine(field: AccountField, value: str, meaning: str) -> CheckResult:
    return CheckResult(code=field.code, label=field.label, value=value, meaning=meaning)


def _is_of_a_test(certificate: x509.Certificate) -> bool:
    names = certificate.issuer.get_attributes_for_oid(NameOID.COMMON_NAME)
    return any(word in str(name.value).lower() for name in names for word in ("test", "sandbox"))
