from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from kernel.models import User


def actor(request: HttpRequest) -> User:
    """The member of staff who asks. The admin lets nobody else in."""
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user
