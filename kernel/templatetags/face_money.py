"""Amounts and numbers in templates. Loaded while the theme itself loads, so nothing here imports the admin."""

from __future__ import annotations

from django import template
from django.utils.safestring import SafeString

from kernel import money

register = template.Library()


@register.filter
def yuan(amount_fen: int | None) -> str:
    """￥1,234.50"""
    return SafeString() if amount_fen is None else money.yuan(amount_fen)
