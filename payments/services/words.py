"""The language of what is stored for staff to read later: the shop's own, whoever caused it."""

from __future__ import annotations

from contextlib import AbstractContextManager

from django.conf import settings
from django.utils import translation


def shop_language() -> AbstractContextManager[None]:
    return translation.override(settings.LANGUAGE_CODE)
