"""The shop's settings, and what follows from them for a person."""

from __future__ import annotations

from .models import ShopSettings, User

SHOP_ID = 1


def shop() -> ShopSettings:
    """The one row of shop settings; with the defaults, if nobody has set any yet."""
    return ShopSettings.objects.filter(pk=SHOP_ID).first() or ShopSettings.objects.get_or_create(pk=SHOP_ID)[0]


def refund_cap_fen(user: User) -> int | None:
    """The largest single refund that a person's roles allow, in fen; None if there is no cap."""
    roles = set(user.groups.values_list("name", flat=True))
    caps: dict[str, int] = shop().refund_caps_fen
    if user.is_superuser or not roles <= caps.keys():
        return None
    return max((caps[role] for role in roles), default=None)
