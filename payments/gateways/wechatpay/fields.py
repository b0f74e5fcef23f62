"""What a merchant fills in for WeChat Pay, and the refusals of what cannot be right."""

from __future__ import annotations

import re

from django.utils.translation import gettext_lazy as _

from ..account import MODE, AccountField, ConfigError, FieldKind

PUBLIC_KEY_MODE, CERTIFICATE_MODE = "public_key", "certificate"

MCHID_FORM = re.compile(r"[0-9]{8,10}")
APPID_FORM = re.compile(r"wx[0-9A-Za-z]{16}")
SERIAL_FORM = re.compile(r"[0-9A-F]{40}")
PUBLIC_KEY_ID_FORM = re.compile(r"PUB_KEY_ID_[0-9A-Za-z_]{1,64}")
APP_SECRET_FORM = re.compile(r"[0-9A-Za-z]{32}")
APIV3_KEY_LENGTH = 32

MODE_FIELD = AccountField(
    code=MODE,
    label=_("How WeChat Pay signs"),
    help=_(
        "New merchants get a WeChat Pay public key; older ones have platform certificates. While you switch, "
        "choose the public key and keep the certificates: both are accepted."
    ),
    kind=FieldKind.CHOICE,
    required=False,
    choices=(
        (PUBLIC_KEY_MODE, _("WeChat Pay public key")),
        (CERTIFICATE_MODE, _("Platform certificates")),
    ),
)
MCHID = AccountField(
    code="mchid",
    label=_("WeChat Pay merchant ID"),
    help=_("About 10 digits, from the account page of pay.weixin.qq.com. Notifications for another one are refused."),
    kind=FieldKind.DIGITS,
)
APPID = AccountField(
    code="appid",
    label=_("WeChat app ID"),
    help=_("Begins with wx and has 18 characters: the official account or app that is bound to the merchant ID."),
)
SERIAL_NO = AccountField(
    code="serial_no",
    label=_("Serial number of the merchant certificate"),
    help=_(
        "40 characters 0-9 and A-F, shown under “API security” on pay.weixin.qq.com. Leave it empty if you upload "
        "apiclient_cert.pem: it is read from there."
    ),
    required=False,
)
PUBLIC_KEY_ID = AccountField(
    code="platform_public_key_id",
    label=_("WeChat Pay public key ID"),
    help=_("Begins with PUB_KEY_ID_, and is shown beside the WeChat Pay public key."),
    only_in=frozenset({PUBLIC_KEY_MODE}),
)
PRIVATE_KEY = AccountField(
    code="private_key",
    label=_("Merchant private key"),
    help=_("The content of apiclient_key.pem, which the certificate tool of WeChat Pay made on your computer."),
    kind=FieldKind.PRIVATE_KEY,
    secret=True,
)
APIV3_KEY = AccountField(
    code="apiv3_key",
    label=_("APIv3 key"),
    help=_("Exactly 32 letters and digits, which you set yourself on pay.weixin.qq.com. It opens notifications."),
    kind=FieldKind.SECRET,
    secret=True,
)
PLATFORM_PUBLIC_KEY = AccountField(
    code="platform_public_key",
    label=_("WeChat Pay public key"),
    help=_("The content of pub_key.pem, downloaded from pay.weixin.qq.com; not a key of your own."),
    kind=FieldKind.PUBLIC_KEY,
    only_in=frozenset({PUBLIC_KEY_MODE}),
)
PLATFORM_CERTIFICATE = AccountField(
    code="platform_certificate",
    label=_("Platform certificate"),
    help=_("WeChat Pay's own certificate. It is fetched by itself once the other keys are right; several may be live."),
    kind=FieldKind.CERTIFICATE,
    required=False,
)
MERCHANT_CERTIFICATE = AccountField(
    code="merchant_certificate",
    label=_("Merchant certificate"),
    help=_("The content of apiclient_cert.pem: its serial number is read, and the other keys are compared with it."),
    kind=FieldKind.CERTIFICATE,
    required=False,
)
APP_SECRET = AccountField(
    code="app_secret",
    label=_("App secret"),
    help=_("Of the official account, from mp.weixin.qq.com; needed to collect inside WeChat (jsapi) alone."),
    kind=FieldKind.SECRET,
    secret=True,
    required=False,
)


class WrongForm(ConfigError):
    text = _("%(label)s: “%(given)s” is not one. %(help)s")


class PublicKeyIdAsSerial(ConfigError):
    text = _(
        "%(label)s: this is the ID of WeChat Pay's public key. Enter the serial number of your own certificate, "
        "apiclient_cert.pem."
    )


class OtherSerial(ConfigError):
    text = _("%(label)s: the merchant certificate has the number %(serial)s. Enter that one, or leave this empty.")


class OwnKeyForTheirs(ConfigError):
    text = _(
        "%(label)s: this is your own key or certificate. Download WeChat Pay's public key (pub_key.pem) from "
        "pay.weixin.qq.com."
    )


class OtherKeysCertificate(ConfigError):
    text = _(
        "%(label)s: it was not made for this private key. Take apiclient_cert.pem and apiclient_key.pem of the same "
        "folder."
    )


class OtherMerchantsCertificate(ConfigError):
    text = _("%(label)s: it belongs to merchant %(given)s, and this account is %(mchid)s.")


class NotYours(ConfigError):
    text = _("%(label)s: this certificate is WeChat Pay's. Upload your own one, apiclient_cert.pem.")


class WrongApiv3Length(ConfigError):
    text = _("%(label)s: it has %(count)d characters, and must have exactly 32. Set it again on pay.weixin.qq.com.")


class StrangeApiv3Character(ConfigError):
    text = _("%(label)s: it holds a blank or a character that is no plain letter or digit. Type it in again.")


class SecretForApiv3Key(ConfigError):
    text = _("%(label)s: this is the app secret. The APIv3 key is set on pay.weixin.qq.com, under “API security”.")


class WrongApiv3Key(ConfigError):
    text = _(
        "%(label)s: it does not open what WeChat Pay sealed with it. Set the APIv3 key again on pay.weixin.qq.com, "
        "and enter the same one here."
    )


class PlatformSerial(ConfigError):
    text = _(
        "%(label)s: this is the number of WeChat Pay's certificate. Enter the one of your own certificate, "
        "apiclient_cert.pem."
    )


class NoPlatformCertificate(ConfigError):
    text = _(
        "%(label)s: none is here yet. It is fetched by itself once the other keys are right; or upload it. If "
        "pay.weixin.qq.com shows a WeChat Pay public key instead, choose that way of signing."
    )


class Expired(ConfigError):
    text = _("%(label)s: it expired on %(day)s. Get a new one on pay.weixin.qq.com.")


class NotYetValid(ConfigError):
    text = _("%(label)s: it is valid only from %(day)s. See whether the clock of this server is right.")
