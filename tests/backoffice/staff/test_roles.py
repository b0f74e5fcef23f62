from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission

from backoffice.staff import matrix as matrix_file
from backoffice.staff.matrix import Matrix, Role
from backoffice.staff.roles import LastOwner, NoSuchPermission, NotAnOwner, assign_role, ensure_roles, role_of
from kernel.clock import now
from kernel.models import AuditEntry, User
from kernel.shop import refund_cap_fen, shop
from tests.desk import Desk, text
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db


def somebody(role: Role | None = None) -> User:
    user = UserFactory.create()
    if role:
        user.groups.add(Group.objects.get(name=role))
    return user


class TestEnsuringRoles:
    def test_makes_seven(self) -> None:
        ensure_roles()

        assert set(Group.objects.values_list("name", flat=True)) == set(Role.values)

    def test_changes_nothing_the_second_time(self) -> None:
        ensure_roles()

        assert ensure_roles() == 0

    def test_takes_back_what_the_matrix_does_not_give(self) -> None:
        ensure_roles()
        Group.objects.get(name=Role.AUDITOR).permissions.add(Permission.objects.get(codename="change_user"))

        ensure_roles()

        assert not Group.objects.get(name=Role.AUDITOR).permissions.filter(codename="change_user").exists()

    def test_names_a_permission_that_does_not_exist(self, monkeypatch: pytest.MonkeyPatch) -> None:
        wrong = Matrix({"orders.fly": frozenset()}, {}, {}, {}, {}, {})
        monkeypatch.setattr("backoffice.staff.roles.matrix", lambda: wrong)

        with pytest.raises(NoSuchPermission, match=r"orders\.fly"):
            ensure_roles()

    def test_caps_refunds_of_a_new_shop(self) -> None:
        ensure_roles()

        assert refund_cap_fen(somebody(Role.SUPPORT)) == matrix_file.matrix().refund_caps_fen["support"]
        assert refund_cap_fen(somebody(Role.OWNER)) is None

    def test_leaves_the_caps_that_the_merchant_set(self) -> None:
        ensure_roles()
        settings = shop()
        settings.refund_caps_fen = {"support": 1}
        settings.save()

        ensure_roles()

        assert shop().refund_caps_fen == {"support": 1}


class TestRights:
    def test_given_past_the_roles_do_not_count(self) -> None:
        user = UserFactory.create()
        user.user_permissions.add(Permission.objects.get(codename="change_user"))

        assert not User.objects.get(pk=user.pk).has_perm("kernel.change_user")

    def test_end_with_the_account(self) -> None:
        ensure_roles()
        user = somebody(Role.OWNER)
        user.is_active = False

        assert not user.has_perm("orders.view_order")


class TestAssigning:
    def test_gives_the_one_role_from_now_on(self) -> None:
        ensure_roles()
        owner, user = somebody(Role.OWNER), somebody(Role.SUPPORT)

        assign_role(user_id=user.pk, role=Role.FINANCE, by=owner, at=now())

        assert role_of(user) == Role.FINANCE
        assert user.groups.count() == 1
        entry = AuditEntry.objects.get(action="staff.assign_role")
        assert (entry.before, entry.after) == ({"role": "support"}, {"role": "finance"})

    def test_is_for_owners(self) -> None:
        ensure_roles()

        with pytest.raises(NotAnOwner):
            assign_role(user_id=somebody().pk, role=Role.OWNER, by=somebody(Role.MANAGER), at=now())

    def test_never_takes_the_last_owner(self) -> None:
        ensure_roles()
        owner = somebody(Role.OWNER)

        with pytest.raises(LastOwner):
            assign_role(user_id=owner.pk, role=Role.MANAGER, by=owner, at=now())

    def test_takes_an_owner_when_there_is_another(self) -> None:
        ensure_roles()
        owner, second = somebody(Role.OWNER), somebody(Role.OWNER)

        assign_role(user_id=second.pk, role=None, by=owner, at=now())

        assert role_of(second) is None


class TestTheStaffPage:
    def post(self, desk: Desk, user: User, **fields: Any) -> None:
        url = f"/admin/kernel/user/{user.pk}/change/"
        desk.post(url, {"username": user.username, "display_name": "New", "is_active": "on", **fields})
        user.refresh_from_db()

    def test_lets_nobody_become_superuser(self) -> None:
        user = UserFactory.create()

        self.post(Desk("owner"), user, is_superuser="on", groups=["1"], user_permissions=["1"])

        assert user.display_name == "New"  # the form was taken
        assert not user.is_superuser
        assert not user.groups.exists()
        assert not user.user_permissions.exists()

    def test_does_not_switch_off_the_last_owner(self) -> None:
        desk = Desk("owner")

        response = desk.post(f"/admin/kernel/user/{desk.user.pk}/change/", {"username": desk.user.username})

        desk.user.refresh_from_db()
        assert desk.user.is_active
        assert "is the only owner" in text(response)

    def test_changes_a_role(self) -> None:
        desk, user = Desk("owner"), UserFactory.create()

        desk.submit(f"/admin/kernel/user/{user.pk}/role/", role="warehouse")

        assert role_of(user) == Role.WAREHOUSE

    def test_adds_staff_who_may_enter_and_see_nothing_yet(self) -> None:
        form = {"username": "lisi", "display_name": "", "email": "", "usable_password": "true"}
        Desk("owner").post(
            "/admin/kernel/user/add/", {**form, "password1": "a-long-pass-word", "password2": "a-long-pass-word"}
        )

        user = User.objects.get(username="lisi")
        assert user.is_staff
        assert not user.get_all_permissions()

    def test_keeps_passwords_out_of_the_audit_log(self) -> None:
        form = {"username": "lisi", "display_name": "", "email": "", "usable_password": "true"}
        Desk("owner").post(
            "/admin/kernel/user/add/", {**form, "password1": "a-long-pass-word", "password2": "a-long-pass-word"}
        )

        assert "a-long-pass-word" not in str(AuditEntry.objects.get(action="added").after)

    def test_sets_a_password_that_is_not_too_simple(self) -> None:
        desk, user = Desk("owner"), UserFactory.create()
        url = f"/admin/kernel/user/{user.pk}/set-password/"

        assert "too common" in text(desk.submit(url, password="password"))
        desk.submit(url, password="a-long-pass-word")

        user.refresh_from_db()
        assert user.check_password("a-long-pass-word")
