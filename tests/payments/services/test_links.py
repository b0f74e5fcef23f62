from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
import time_machine

from kernel.models import Message
from orders import services as orders
from orders.models import OrderEvent
from payments.models import PayLink
from payments.services import LinkExpired, LinkNotFound, NoContact, OrderNotPayable, create_link, open_link, send_link
from tests.factories import CustomerFactory, OrderFactory, UserFactory
from tests.helpers import NOON, drain, frozen

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    with frozen() as clock:
        yield clock


def token_of(url: str) -> str:
    return url.rstrip("/").rpartition("/")[2]


class TestALink:
    def test_leads_to_its_order(self) -> None:
        order = OrderFactory.create()
        link, url = create_link(order_id=order.pk, by=UserFactory.create(), at=NOON)

        assert open_link(token=token_of(url), at=NOON) == link
        link.refresh_from_db()
        assert link.opened_at == NOON

    def test_cannot_be_guessed_and_is_stored_as_a_hash(self) -> None:
        _link, url = create_link(order_id=OrderFactory.create().pk, by=None, at=NOON)

        assert re.fullmatch(r"[A-Za-z0-9_-]{32}", token_of(url))  # 192 bits
        assert token_of(url) not in str(PayLink.objects.values().get())

    def test_is_one_of_many_that_all_work(self) -> None:
        order = OrderFactory.create()
        urls = [create_link(order_id=order.pk, by=None, at=NOON)[1] for _ in range(2)]

        assert {open_link(token=token_of(url), at=NOON).order_id for url in urls} == {order.pk}

    def test_outlives_the_time_to_pay_for_a_while(self) -> None:
        order = OrderFactory.create()
        _link, url = create_link(order_id=order.pk, by=None, at=NOON)

        open_link(token=token_of(url), at=NOON + timedelta(days=30))
        with pytest.raises(LinkExpired):
            open_link(token=token_of(url), at=NOON + timedelta(days=31))

    def test_is_found_by_nothing_but_itself(self) -> None:
        create_link(order_id=OrderFactory.create().pk, by=None, at=NOON)

        with pytest.raises(LinkNotFound):
            open_link(token="guess", at=NOON)

    @pytest.mark.parametrize("category", ["closed", "awaiting_fulfillment", "completed"])
    def test_is_made_for_nothing_that_needs_no_money(self, category: str) -> None:
        with pytest.raises(OrderNotPayable):
            create_link(order_id=OrderFactory.create(category=category).pk, by=None, at=NOON)


class TestSending:
    def test_writes_a_message_with_the_link(self) -> None:
        order = OrderFactory.create()

        send_link(order_id=order.pk, by=UserFactory.create(), at=NOON)

        message = Message.objects.get()
        assert (message.template, message.channel, message.recipient) == ("pay_link", "sms", order.customer.phone)
        assert "/pay/" in message.context_json
        assert "/pay/" not in str(Message.objects.values("context_sealed").get())

    def test_sends_a_new_link_each_time(self) -> None:
        order = OrderFactory.create()

        for _ in range(2):
            send_link(order_id=order.pk, by=None, at=NOON)

        assert (Message.objects.count(), PayLink.objects.count()) == (2, 2)

    def test_says_that_nobody_can_be_reached(self) -> None:
        customer = CustomerFactory.create(anonymous_for="tmall", phone="")
        order = OrderFactory.create(customer=customer, recipient_phone="")

        with pytest.raises(NoContact):
            send_link(order_id=order.pk, by=None, at=NOON)
        assert not PayLink.objects.exists()

    def test_stands_on_the_timeline(self) -> None:
        order = OrderFactory.create()

        send_link(order_id=order.pk, by=None, at=NOON)

        assert OrderEvent.objects.filter(order=order, code="pay_link_sent").exists()

    @pytest.mark.parametrize("template", ["mail", "sms"])
    @pytest.mark.parametrize("letter", ["pay_link", "payment_reminder", "refund_succeeded"])
    @pytest.mark.parametrize("language", ["zh-hans", "en"])
    def test_has_words_for_every_letter(self, template: str, letter: str, language: str) -> None:
        from kernel.letters import render

        message = Message(template=letter, channel="email" if template == "mail" else "sms", language=language)
        message.context_json = '{"url": "https://x/pay/t/", "amount": "￥1.00", "order_no": "1", "shop_name": "店"}'

        subject, words = render(message)

        assert bool(subject) == (template == "mail")
        assert "￥1.00" in subject + words


class TestReminding:
    def test_reminds_the_customer_once(self, clock: time_machine.Traveller) -> None:
        order = OrderFactory.create()
        moment = NOON + timedelta(minutes=16)
        clock.move_to(moment)

        for _ in range(2):
            orders.remind_unpaid(at=moment, limit=10)
            drain(moment)

        assert Message.objects.filter(template="payment_reminder").count() == 1
        assert PayLink.objects.get().order == order

    def test_reminds_nobody_who_has_paid_meanwhile(self, clock: time_machine.Traveller) -> None:
        order = OrderFactory.create()
        moment = NOON + timedelta(minutes=16)
        orders.remind_unpaid(at=moment, limit=10)
        orders.record_payment(order_id=order.pk, amount_fen=order.total_fen, at=moment)

        clock.move_to(moment)
        drain(moment)

        assert not Message.objects.filter(template="payment_reminder").exists()
