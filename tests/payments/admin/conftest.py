from __future__ import annotations

import pytest
from django.test import Client

from backoffice.staff.matrix import Role
from backoffice.staff.roles import ensure_roles

from .staff import signed_in


@pytest.fixture(autouse=True)
def _roles(db: None) -> None:
    ensure_roles()


@pytest.fixture
def finance() -> Client:
    return signed_in(Role.FINANCE)


@pytest.fixture
def owner() -> Client:
    return signed_in(Role.OWNER)
