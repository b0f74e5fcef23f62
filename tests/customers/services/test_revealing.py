from __future__ import annotations

from datetime import timedelta

import pytest

from customers.services import MayNotReveal, NothingToReveal, RevealQuotaUsed, reveal
from kernel.models import AuditEntry, User
from tests.factories import CustomerFactory, OrderFactory, UserFactory
from tests.helpers import NOON

pytestmark = pytest.mark.django_db


@pytest.fixture
def clerk() -> User:
    return UserFactory.create(permissions=["customers.reveal_customer"])


class TestReveal:
    def test_shows_the_field_and_writes_who_looked_at_what(self, clerk: User) -> None:
        customer = CustomerFactory.create(phone="13800138000")

        assert reveal(row=customer, field="phone", by=clerk, at=NOON) == "13800138000"

        entry = AuditEntry.objects.get()
        assert (entry.by, entry.subject_id, entry.after) == (clerk, str(customer.pk), {"field": "phone"})
        assert "13800138000" not in str(entry.__dict__)

    def test_shows_the_address_of_an_order_too(self, clerk: User) -> None:
        order = OrderFactory.create(detail="世纪大道 8 号")

        assert reveal(row=order, field="detail", by=clerk, at=NOON) == "世纪大道 8 号"

    def test_shows_nothing_to_whoever_may_not(self) -> None:
        with pytest.raises(MayNotReveal):
            reveal(row=CustomerFactory.create(), field="phone", by=UserFactory.create(), at=NOON)

        assert not AuditEntry.objects.exists()

    @pytest.mark.parametrize("field", ["name", "phone_hash", "pk", "no_such_field", "recipient_phone"])
    def test_shows_no_other_field(self, field: str, clerk: User) -> None:
        with pytest.raises(NothingToReveal):
            reveal(row=CustomerFactory.create(), field=field, by=clerk, at=NOON)

    def test_ends_for_the_day_after_fifty_looks(self, clerk: User) -> None:
        customer = CustomerFactory.create()
        for _look in range(50):
            reveal(row=customer, field="phone", by=clerk, at=NOON)

        with pytest.raises(RevealQuotaUsed):
            reveal(row=customer, field="phone", by=clerk, at=NOON)

        other = UserFactory.create(permissions=["customers.reveal_customer"])
        assert reveal(row=customer, field="phone", by=other, at=NOON)
        assert reveal(row=customer, field="phone", by=clerk, at=NOON + timedelta(days=1))
