"""Staff at the pages of the admin, in processes of their own: what a click does, from the request to its answer."""

from __future__ import annotations

from datetime import timedelta
from threading import Barrier, Thread
from typing import Any

from django.conf import settings
from django.db import connection
from django.test import Client
from django.urls import reverse

from kernel import alerts, messages
from kernel.clock import business_day, now
from kernel.models import Message, User
from kernel.numbers import gateway_number
from kernel.once import new_once_key
from payments import services as payments
from payments.models import GatewayAccount, Payment, Statement
from tests.factories import UserFactory

PASSWORD = "correct horse battery"


def person() -> int:
    """Somebody who may do everything."""
    someone = UserFactory.create(username=gateway_number("U", at=now()), is_superuser=True, is_staff=True)
    someone.set_password(PASSWORD)
    someone.save()
    return int(someone.pk)


def refund_form(*, payment_id: int, yuan: str) -> dict[str, Any]:
    """The button's form, filled in; pressed again it is the same one."""
    order_id = Payment.objects.get(pk=payment_id).order_id
    fields = {"payment": payment_id, "amount": yuan, "reason": "破损", "_once": new_once_key()}
    return {"url": reverse("admin:orders_order_refund", args=(order_id,)), "fields": fields}


def approval_form(*, refund_id: int) -> dict[str, Any]:
    fields = {"password": PASSWORD, "_once": new_once_key()}
    return {"url": reverse("admin:payments_refund_approve", args=(refund_id,)), "fields": fields}


def record_form(*, payment_id: int, yuan: str) -> dict[str, Any]:
    known = refund_form(payment_id=payment_id, yuan=yuan)
    order_id = Payment.objects.get(pk=payment_id).order_id
    fields = {**known["fields"], "way": "cash", "reason": "门店现金退还"}
    return {"url": reverse("admin:orders_order_record_refund", args=(order_id,)), "fields": fields}


def write_letter(*, key: str) -> dict[str, int]:
    """In words of somebody's own, which no order is about."""
    letter = messages.write(
        template=alerts.TEMPLATE,
        channel="email",
        recipient="li@example.com",
        context={"text": "库存不足", "url": ""},
        effect_key=f"kill:{key}",
        subject=None,
        at=now(),
    )
    return {"message_id": letter.pk}


def send_letters() -> int:
    return messages.deliver_messages(at=now())


def letter(*, message_id: int) -> dict[str, Any]:
    found = Message.objects.get(pk=message_id)
    return {"state": found.state, "attempt": found.attempt}


def plan_statement() -> dict[str, int]:
    """Of a day on which nothing happened at the sandbox."""
    account = GatewayAccount.objects.get()
    day = business_day(now()) - timedelta(days=2)
    row, _is_new = Statement.objects.get_or_create(account=account, day=day, defaults={"due_at": now()})
    return {"statement_id": row.pk}


def fetch_statements(*, minutes: int) -> int:
    return len(payments.fetch_due(at=now() + timedelta(minutes=minutes), limit=5))


def statement(*, statement_id: int) -> dict[str, Any]:
    found = Statement.objects.get(pk=statement_id)
    return {"state": found.state, "revision": found.revision}


def press(*, person_id: int, url: str, fields: dict[str, Any]) -> int:
    """302 leads on to what came of it; 422 is the form again, with a refusal."""
    desk = Client(SERVER_NAME="localhost")
    desk.force_login(User.objects.get(pk=person_id))
    desk.cookies[settings.LANGUAGE_COOKIE_NAME] = "en"
    return int(desk.post(url, fields).status_code)


def press_both(*, forms: list[dict[str, Any]]) -> list[int]:
    """Several people in one process, on threads of their own, from the same moment."""
    barrier, answers = Barrier(len(forms)), dict.fromkeys(range(len(forms)), 0)

    def click(number: int) -> None:
        barrier.wait()
        try:
            answers[number] = press(**forms[number])
        finally:
            connection.close()

    threads = [Thread(target=click, args=(number,)) for number in answers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return list(answers.values())
