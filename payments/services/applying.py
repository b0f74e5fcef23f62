"""Applying the inbox: claimed in batches; the ordinary together, the rest alone, parked where it does not fit yet."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from functools import partial

from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext_lazy as _

from kernel import audit, counters
from kernel.clock import now
from kernel.db import retry_on_conflict, skips_locked
from kernel.errors import DomainError
from kernel.failpoints import failpoint
from kernel.models import User
from kernel.queue import after_commit

from ..gateways import ConfigError, EventKind, GatewayEvent, Outcome, PaymentRef, gateway_class
from ..models import GatewayAccount, Notification, Payment, UnappliedMoney
from . import ledger
from .accounts import gateway_of
from .applying_together import LeaseLost, apply_together
from .attempts import PaymentNotFound
from .external_refunds import take_refund_news
from .notifications import TASK, read_facts
from .querying import ask_soon
from .schedule import DAILY, PARKED_STEPS, step_after
from .setting_aside import give_up
from .settle import Settled, judge
from .troubles import tell_config_error, tell_parked
from .verdicts import Result, fitting, misfitting

logger = logging.getLogger(__name__)

BATCH = 100
LEASE = timedelta(seconds=30)  # a worker that dies leaves its rows due again, well within a minute
State = Notification.State


class NotConfirmed(DomainError):
    text = _("Of payment %(payment_no)s the gateway has said “paid”, and is asked whether it says so again.")


def apply_notifications(*, at: datetime, limit: int) -> int:
    """
    Apply what the inbox holds, and try parked messages again whose time has come.

    :return: how many were claimed
    """
    handled = 0
    while handled < limit:
        batch = _claim_batch(at=at, size=min(BATCH, limit - handled))
        failpoint("apply.after_claim")
        with counters.gathered():
            for row in _left_of(batch, at=max(at, now())):
                _apply_patiently(row, at=max(at, now()))
                failpoint("apply.after_commit")
        handled += len(batch)
        if not batch:
            break
    return handled


@transaction.atomic
def replay(*, notification_ids: list[int], by: User | None, at: datetime) -> int:
    """Apply stored messages again, now. Safe any number of times: what is booked is not booked twice."""
    rows = Notification.objects.filter(pk__in=notification_ids)
    acts: list[audit.Act] = [{"action": "payments.replay_notification", "subject": row} for row in rows.defer("body")]
    audit.record_many(acts, by=by, at=at)
    after_commit(TASK)
    return rows.update(state=State.RECEIVED, due_at=at, attempt=F("attempt") + 1)


@retry_on_conflict
@transaction.atomic
def _claim_batch(*, at: datetime, size: int) -> list[Notification]:
    """One worker per row, by the attempt number; a row whose lease ran out is due again."""
    waiting = Notification.objects.filter(state__in=(State.RECEIVED, State.PARKED), due_at__lte=at)
    locked = waiting.select_for_update(skip_locked=skips_locked()).defer("body", "headers")
    rows = list(locked.order_by("due_at", "pk")[:size])
    Notification.objects.filter(pk__in=[row.pk for row in rows]).update(
        attempt=F("attempt") + 1, due_at=max(at, now()) + LEASE
    )
    accounts = GatewayAccount.objects.in_bulk({row.account_id for row in rows})
    for row in rows:
        row.attempt += 1
        row.account = accounts[row.account_id]
    return rows


def _left_of(batch: list[Notification], *, at: datetime) -> list[Notification]:
    """Book what is ordinary together; the rest, and all of it if that fails, is judged one by one."""
    try:
        applied = apply_together(batch, at=at)
    except Exception:
        logger.exception("payments.notification.together_failed count=%d", len(batch))
        return batch
    if applied:
        failpoint("apply.after_commit")
    return [row for row in batch if row.pk not in applied]


def _apply_patiently(row: Notification, *, at: datetime) -> None:
    try:
        _apply(row, at=at)
    except LeaseLost:
        logger.warning("payments.notification.lease_lost id=%s", row.pk)
    except ConfigError as error:
        tell_config_error(account=row.account, error=error, at=at)
        _park(row, error=str(error), at=at)
    except (PaymentNotFound, NotConfirmed) as error:
        if not give_up(row, error=str(error), at=at):
            _park(row, error=str(error), at=at)
    except DomainError as error:
        _park(row, error=str(error), at=at)
    except Exception as error:
        logger.exception("payments.notification.failed id=%s", row.pk)
        _park(row, error=f"{type(error).__name__}: {error}", at=at)


def _apply(row: Notification, *, at: datetime) -> None:
    report = read_facts(row.facts)
    if report.kind is EventKind.REFUND:
        note = partial(_note_refund_news, row, at=at)
        take_refund_news(report=report, account_id=row.account_id, done=note, at=at)
    elif report.kind is EventKind.PAYMENT:
        _apply_payment_news(row, _confirmed(row, report, at=at), at=at)
    else:
        _apply_payment_news(row, report, at=at)


@retry_on_conflict
@transaction.atomic
def _apply_payment_news(row: Notification, report: GatewayEvent, *, at: datetime) -> None:
    if report.kind is EventKind.OTHER:
        _finish(row, State.APPLIED, verdicts={"result": Result.IGNORED}, at=at)
        return
    settled = judge(report=report, account_id=row.account_id, at=at)
    if report.outcome is Outcome.UNKNOWN and isinstance(settled.result, Payment):
        ask_soon(payment_id=settled.result.pk, at=at)
    if settled.told_before and _confirms_by_query(row):
        settled = Settled(settled.result)  # the query that this message called for has booked it
    state = State.DUPLICATE if settled.told_before else State.APPLIED
    _finish(row, state, verdicts=_verdicts(settled), at=at)
    failpoint("apply.before_commit")


def _confirmed(row: Notification, report: GatewayEvent, *, at: datetime) -> GatewayEvent:
    """
    What may be believed of a message. Of some gateways a success counts once a query says the same: then the query
    books it, and the message waits for that. Runs in no transaction, for it may ask the gateway.

    :raises NotConfirmed: if no query has said so yet; the message is tried again
    """
    if report.outcome is not Outcome.SUCCEEDED or not _confirms_by_query(row):
        return report
    if ledger.has_collected(account_id=row.account_id, gateway_trade_no=report.gateway_trade_no):
        return report
    payment = Payment.objects.filter(payment_no=report.payment_no, account_id=row.account_id).first()
    if payment is not None:
        ask_soon(payment_id=payment.pk, at=at)
        raise NotConfirmed(payment_no=report.payment_no)
    return _asked(row, report)


def _asked(row: Notification, report: GatewayEvent) -> GatewayEvent:
    """Of a number that is not ours: nobody asks about it later, so it is asked now."""
    ref = PaymentRef(
        payment_no=report.payment_no,
        created_at=report.occurred_at or row.received_at,
        gateway_trade_no=report.gateway_trade_no,
    )
    told = gateway_of(row.account).query(ref=ref)
    if told.outcome is not Outcome.SUCCEEDED or told.gateway_trade_no != report.gateway_trade_no:
        raise NotConfirmed(payment_no=report.payment_no)
    return told


def _confirms_by_query(row: Notification) -> bool:
    return gateway_class(code=row.account.gateway).capabilities.confirm_by_query


def _note_refund_news(row: Notification, result: str, *, at: datetime) -> None:
    state = State.DUPLICATE if result == Result.TOLD_BEFORE else State.APPLIED
    _finish(row, state, verdicts={"order": "ok", "result": result}, at=at)
    failpoint("apply.before_commit")


def _finish(row: Notification, state: Notification.State, *, verdicts: dict[str, str], at: datetime) -> None:
    """In the transaction of the booking. The attempt number fences a worker that slept through its lease."""
    mine = Notification.objects.filter(pk=row.pk, attempt=row.attempt, state=row.state)
    done = mine.update(state=state, applied_at=at, verdicts={**row.verdicts, **verdicts}, last_error="")
    if done != 1:
        raise LeaseLost(row.pk)


def _verdicts(settled: Settled) -> dict[str, str]:
    if isinstance(settled.result, UnappliedMoney):
        return misfitting(settled.result.reason)
    return fitting(Result.TOLD_BEFORE if settled.told_before else settled.result.status)


def _park(row: Notification, *, error: str, at: datetime) -> None:
    """It does not fit yet: a refund before its payment, a number we do not know. It is tried again, never dropped."""
    mine = Notification.objects.filter(pk=row.pk, attempt=row.attempt)
    due_at = step_after(PARKED_STEPS, attempt=row.attempt, at=at)
    verdicts = {**row.verdicts, "result": Result.PARKED}
    parked = mine.update(state=State.PARKED, due_at=due_at, last_error=error[:2000], verdicts=verdicts)
    if parked and at - row.received_at >= DAILY:
        tell_parked(event_key=row.event_key, error=error, at=at)
