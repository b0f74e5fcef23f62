from __future__ import annotations

from typing import Any

from django.contrib.auth.models import Group, Permission
from factory.django import DjangoModelFactory

from customers.models import Customer, CustomerType
from customers.services import ensure_customer_types
from kernel.clock import now
from kernel.models import User
from kernel.phones import normalise, phone_columns

from .base import LazyFunction, Sequence


class UserFactory(DjangoModelFactory[User]):
    """A member of staff; a role of their own holds the `permissions`, and `is_superuser=True` gives all there are."""

    class Meta:
        model = User
        skip_postgeneration_save = True

    username = Sequence(lambda n: f"staff{n}")
    is_staff = True

    @classmethod
    def _create(cls, model_class: type[User], *args: Any, **kwargs: Any) -> User:
        permissions = kwargs.pop("permissions", ())
        user = User.objects.create_user(*args, **kwargs)
        if permissions:
            role = Group.objects.create(name=f"role of {user.username}")
            role.permissions.set([_permission(name) for name in permissions])
            user.groups.add(role)
        return user


def _permission(name: str) -> Permission:
    app, _dot, codename = name.partition(".")
    return Permission.objects.get(content_type__app_label=app, codename=codename)


class CustomerFactory(DjangoModelFactory[Customer]):
    """A person with a phone; its hashes follow from it."""

    class Meta:
        model = Customer

    customer_no = Sequence(lambda n: f"C9{n:06d}")
    name = Sequence(lambda n: f"张三{n}")
    phone = Sequence(lambda n: f"1380013{n % 10_000:04d}")
    created_at = LazyFunction(now)

    @classmethod
    def _create(cls, model_class: type[Customer], *args: Any, **kwargs: Any) -> Customer:
        ensure_customer_types()
        kwargs.setdefault("type", CustomerType.objects.get(code=kwargs.pop("type_code", "individual")))
        phone = normalise(kwargs.pop("phone"))
        customer = Customer(**phone_columns(phone, prefix="phone_"), **kwargs)
        customer.phone = phone
        customer.save(force_insert=True)
        return customer
