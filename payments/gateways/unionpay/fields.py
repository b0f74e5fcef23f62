"""What a merchant fills in for UnionPay, and the refusals of what cannot be right."""

from __future__ import annotations

import re

from django.utils.translation import gettext_lazy as _

from ..account import MODE, AccountField, ConfigError, FieldKind

PFX_MODE, PEM_MODE = "pfx", "pem"
UNDO, REFUND = "undo", "refund"

MER_ID_FORM = re.compile(r"[0-9A-Za-z]{15}")
TEST_MER_ID = "777"

MODE_FIELD = AccountField(
    code=MODE,
    label=_("How the signing certificate is kept"),
    help=_("UnionPay gives a PFX file. Choose the other only if you took the key and the certificate out of it."),
    kind=FieldKind.CHOICE,
    required=False,
    choices=((PFX_MODE, _("PFX file")), (PEM_MODE, _("Private key and certificate"))),
)
MER_ID = AccountField(
    code="mer_id",
    label=_("UnionPay merchant ID"),
    help=_("15 digits, from the contract with UnionPay or your acquirer. Notifications for another one are refused."),
    kind=FieldKind.DIGITS,
)
SAME_DAY = AccountField(
    code="same_day",
    label=_("Full refunds on the day of payment"),
    help=_("An undo returns the money at once and without a fee, if your contract includes it; else choose refund."),
    kind=FieldKind.CHOICE,
    required=False,
    choices=((UNDO, _("Undo")), (REFUND, _("Refund"))),
)
SIGNING_PFX = AccountField(
    code="signing_pfx",
    label=_("Signing certificate (PFX)"),
    help=_("The .pfx file that was exported when the certificate of CFCA was installed."),
    kind=FieldKind.PFX,
    secret=True,
    only_in=frozenset({PFX_MODE}),
)
PFX_PASSWORD = AccountField(
    code="pfx_password",
    label=_("Password of the PFX file"),
    help=_("As it was set when the file was exported, often 6 digits; empty if it was given with the file already."),
    kind=FieldKind.SECRET,
    secret=True,
    required=False,
    only_in=frozenset({PFX_MODE}),
)
PRIVATE_KEY = AccountField(
    code="private_key",
    label=_("Merchant private key"),
    help=_("The private key that the signing certificate was made for."),
    kind=FieldKind.PRIVATE_KEY,
    secret=True,
    only_in=frozenset({PEM_MODE}),
)
SIGNING_CERT = AccountField(
    code="signing_cert",
    label=_("Signing certificate"),
    help=_("Your own certificate, whose serial number goes along with every request."),
    kind=FieldKind.CERTIFICATE,
    only_in=frozenset({PEM_MODE}),
)
ROOT_CERT = AccountField(
    code="root_cert",
    label=_("UnionPay root certificate"),
    help=_("acp_prod_root.cer from UnionPay's development kit; acp_test_root.cer for the test environment."),
    kind=FieldKind.CERTIFICATE,
)
MIDDLE_CERT = AccountField(
    code="middle_cert",
    label=_("UnionPay middle certificate"),
    help=_("acp_prod_middle.cer from UnionPay's development kit. A new one may stand beside the old."),
    kind=FieldKind.CERTIFICATE,
)

SETTING_FIELDS = (MODE_FIELD, MER_ID, SAME_DAY)
CREDENTIAL_FIELDS = (SIGNING_PFX, PFX_PASSWORD, PRIVATE_KEY, SIGNING_CERT, ROOT_CERT, MIDDLE_CERT)


class WrongNumber(ConfigError):
    text = _("%(label)s: “%(given)s” is not such a number. %(help)s")


class WrongChoice(ConfigError):
    text = _("%(label)s: there is no choice “%(given)s”.")


class CertificateOfAnotherKey(ConfigError):
    text = _(
        "%(label)s: the signing certificate was not made for this key. "
        "Take the certificate and the key that belong together."
    )


class NotRsa(ConfigError):
    text = _("%(label)s: the key in this certificate is not RSA. UnionPay's signMethod 01 needs RSA.")
