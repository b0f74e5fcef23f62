"""Payments that wait for their customers, each of an order of its own: many at once, made after the first."""

from __future__ import annotations

from copy import copy
from itertools import count
from typing import TypeVar

from django.db import models

from kernel.bulk import fast_insert
from payments.models import GatewayAccount, Payment
from tests.factories import PaymentFactory

M = TypeVar("M", bound=models.Model)
AMOUNT_FEN = 9_900

_numbers = count(1)


def waiting_payments(account: GatewayAccount, wanted: int) -> list[Payment]:
    first = PaymentFactory.create(account=account, order__total_fen=AMOUNT_FEN)
    orders, payments = [], []
    for _copy in range(wanted - 1):
        number = next(_numbers)
        order, payment = _another(first.order), _another(first)
        order.order_no, payment.payment_no = f"B{number:011d}", f"B{number:020d}"
        orders.append(order)
        payments.append(payment)
    for payment, order in zip(payments, fast_insert(orders), strict=True):
        payment.order = order
    fast_insert(payments)
    return [first, *payments]


def _another(row: M) -> M:
    other = copy(row)
    other._state = copy(row._state)
    other._state.fields_cache = {}
    other._state.adding, other.pk = True, None
    return other
