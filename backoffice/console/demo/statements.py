"""The past week's statements of the demo's Alipay account, as the sandbox tells them: some tell one payment wrongly."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from kernel.clock import business_day, day_bounds
from payments.models import GatewayAccount, Payment
from payments.services import reconcile_with_neighbours, upload_statement
from sandbox.seeding import Past

DAYS = 7
WRONG = {  # so many days ago: what that day's statement does with its first payment
    1: ("bill_changed", "100"),
    3: ("bill_extra", ""),
    5: ("bill_missing", ""),
}


def load_statements(*, account: GatewayAccount, sandbox_dir: Path, at: datetime) -> int:
    """
    Take and compare the statements of the days before `at`. Done twice, it changes nothing.

    :return: how many there are
    """
    past, count = Past(sandbox_dir), 0
    try:
        for ago in range(DAYS, 0, -1):
            day = business_day(at) - timedelta(days=ago)
            first = _first_of(account, *day_bounds(day))
            if first is None:
                continue
            if ago in WRONG:
                fault, value = WRONG[ago]
                past.tell_wrongly(out_trade_no=first.payment_no, fault=fault, value=value)
            name, content = past.bill(day=day.isoformat())
            row = upload_statement(account=account, day=day, name=name, content=content, by=None, at=at)
            reconcile_with_neighbours(statement_id=row.pk, at=at)
            count += 1
    finally:
        past.close()
    return count


def _first_of(account: GatewayAccount, start: datetime, end: datetime) -> Payment | None:
    paid = Payment.objects.filter(account=account, paid_at__gte=start, paid_at__lt=end, status="succeeded")
    return paid.order_by("paid_at", "pk").first()
