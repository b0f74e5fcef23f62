"""What staff read: how ways to pay are called, and the language of what is stored for later, the shop's own."""

from __future__ import annotations

from contextlib import AbstractContextManager

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext_lazy

METHODS = {
    "qr": gettext_lazy("QR code"),
    "page": gettext_lazy("Computer web page"),
    "wap": gettext_lazy("Mobile web page"),
    "h5": gettext_lazy("Mobile browser (H5)"),
    "jsapi": gettext_lazy("Inside WeChat (JSAPI)"),
}


def shop_language() -> AbstractContextManager[None]:
    return translation.override(settings.LANGUAGE_CODE)
