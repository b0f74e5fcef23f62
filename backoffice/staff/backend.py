from __future__ import annotations

from allauth.account.auth_backends import AuthenticationBackend
from django.contrib.auth.models import Permission

from kernel.models import User

KEPT = "_bo_permissions"


class StaffBackend(AuthenticationBackend):  # type: ignore[misc]  # allauth is untyped
    """
    Rights come from roles alone, in one query for a request.

    Permissions given to a person past the roles do not count: the matrix file says everything there is to say.
    """

    def get_all_permissions(self, user_obj: User, obj: object = None) -> set[str]:
        if not user_obj.is_active or obj is not None:
            return set()
        if not hasattr(user_obj, KEPT):
            held = Permission.objects.filter(group__user=user_obj).order_by().distinct()
            rows = held.values_list("content_type__app_label", "codename")
            setattr(user_obj, KEPT, {f"{app}.{codename}" for app, codename in rows})
        permissions: set[str] = getattr(user_obj, KEPT)
        return permissions

    def get_user_permissions(self, user_obj: User, obj: object = None) -> set[str]:
        return set()

    def get_group_permissions(self, user_obj: User, obj: object = None) -> set[str]:
        return self.get_all_permissions(user_obj, obj)
