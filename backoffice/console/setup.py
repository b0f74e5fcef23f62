"""The first start of a shop: everything staff need before the first order. Harmless to repeat."""

from __future__ import annotations

import secrets
from datetime import datetime

from django.conf import settings
from django.contrib.auth.models import Group
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import translation
from django.utils.translation import gettext_lazy as _

from backoffice.staff.matrix import Role
from backoffice.staff.roles import ensure_roles
from customers import services as customers
from kernel import audit
from kernel.errors import DomainError
from kernel.models import ShopSettings, User
from kernel.rules import ensure_rules
from kernel.shop import SHOP_ID, shop
from orders import services as orders

PASSWORD_BYTES = 12


class WeakPassword(DomainError):
    text = _("The password is not good enough: %(why)s")


@transaction.atomic
def prepare_shop(*, at: datetime, name: str = "") -> None:
    """Roles, customer types, carriers, the default workflow and the shop's settings."""
    ensure_roles()
    customers.ensure_customer_types()
    orders.ensure_carriers()
    orders.ensure_default_workflows(at=at)
    with translation.override(settings.LANGUAGE_CODE):  # names that staff read and change
        ensure_rules()
    shop()
    if name:
        ShopSettings.objects.filter(pk=SHOP_ID).update(name=name)


@transaction.atomic
def ensure_owner(*, username: str, password: str = "", at: datetime) -> str:
    """
    Give the shop an owner who can sign in; one who is there keeps their password.

    :return: the password if one was made up, to be shown once
    :raises WeakPassword: if the given one is too easy to guess
    """
    if User.objects.filter(username=username).exists():
        return ""
    owner = User(username=username, is_staff=True, display_name="")
    made_up = "" if password else secrets.token_urlsafe(PASSWORD_BYTES)
    if password:
        _check(password, owner)
    owner.set_password(password or made_up)
    owner.save()
    owner.groups.add(Group.objects.get(name=Role.OWNER))
    audit.record(action="staff.first_owner", subject=owner, by=None, at=at, after={"role": Role.OWNER.value})
    return made_up


def _check(password: str, user: User) -> None:
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise WeakPassword(why=" ".join(error.messages)) from error
