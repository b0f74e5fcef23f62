"""The shop's settings, and what follows from them for a person."""

from __future__ import annotations

from .models import ShopSettings, User

SHOP_ID = 1


def shop() -> ShopSettings:
    """The one row of shop settings; with the defaults, if nobody has set any yet."""
    return ShopSettings.objects.filter(pk=SHOP_ID).first() or ShopSettings.objects.get_or_create(pk=SHOP_ID)[0]


def refund_cap_fen(user: User) -> int | None:
    """The largest single refund that a person's roles allow, in fen; None if there is no cap."""
    return _largest(shop().refund_caps_fen, user)


def refunds_a_day(user: User) -> int | None:
    """How many refunds a person's roles allow in a day before somebody else has to approve; None if any number."""
    return _largest(shop().refunds_a_day, user)


def _largest(limits: dict[str, int], user: User) -> int | None:
    """Of several roles the most generous counts; a role that is not named has no limit."""
    roles = set(user.groups.values_list("name", flat=True))
    if user.is_superuser or not roles <= limits.keys():
        return None
    return max((limits[role] for role in roles), default=None)
