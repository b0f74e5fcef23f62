from __future__ import annotations

import pytest

from kernel.letters import render
from kernel.models import Message
from orders import services as orders
from orders.services import contact_of
from tests.factories import CustomerFactory, OrderFactory, carrier
from tests.helpers import NOON

pytestmark = pytest.mark.django_db


class TestContactOf:
    def test_is_the_customer_s_phone_before_the_recipient_s(self) -> None:
        order = OrderFactory.create(customer=CustomerFactory.create(phone="13800138000"), recipient_phone="13900139000")

        assert contact_of(order) == orders.Contact(Message.Channel.SMS, "13800138000")

    def test_is_never_a_number_that_a_platform_has_masked(self) -> None:
        order = OrderFactory.create(customer=CustomerFactory.create(phone="138****8000"), recipient_phone="13900139000")

        assert contact_of(order) == orders.Contact(Message.Channel.SMS, "13900139000")

    def test_is_the_e_mail_address_where_there_is_no_phone(self) -> None:
        order = OrderFactory.create(
            customer=CustomerFactory.create(phone="", email="a@example.com"), recipient_phone=""
        )

        assert contact_of(order) == orders.Contact(Message.Channel.EMAIL, "a@example.com")

    def test_may_be_nowhere(self) -> None:
        order = OrderFactory.create(customer=CustomerFactory.create(phone=""), recipient_phone="")

        assert contact_of(order) is None


class TestWhatCustomersAreTold:
    @pytest.mark.parametrize("language", ["en", "zh-hans"])
    @pytest.mark.parametrize("email", ["", "a@example.com"])
    def test_names_the_order_and_how_to_follow_it(self, language: str, email: str) -> None:
        customer = CustomerFactory.create(phone="" if email else "13800138000", email=email)
        order = OrderFactory.create(category="awaiting_fulfillment", customer=customer, recipient_phone="")
        orders.ship(order_id=order.pk, carrier_code=carrier().code, tracking_no="SF1390000001", by=None, at=NOON)
        message = Message.objects.get()
        message.language = language

        subject, text = render(message)

        assert order.order_no in text
        assert "SF1390000001" in text
        assert bool(subject) == bool(email)

    def test_of_a_closed_order_is_told_each_time_it_is_closed(self) -> None:
        order = OrderFactory.create()

        for _round in range(2):
            orders.close(order_id=order.pk, reason="payment_timeout", at=NOON)
            orders.revive(order_id=order.pk, by=None, at=NOON)

        assert Message.objects.filter(template="order_closed").count() == 2
