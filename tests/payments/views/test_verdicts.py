"""
Every verdict that the notification log can show, at each gateway: brought about by a message that the sandbox's own
code signed, through the account's webhook address, and read in the log in both languages.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from html import unescape
from pathlib import Path

import pytest
from django.utils import translation

from kernel.clock import now
from payments import services
from payments.admin.notification import CHECKS, RESULTS
from payments.admin.refusal import REASONS, REMEDIES
from payments.models import Notification, NotificationRefusal, Payment, Refund, UnappliedMoney
from payments.services import Share
from payments.services.setting_aside import set_aside
from payments.services.verdicts import OK, Refusal, every_verdict
from tests.desk import Desk
from tests.factories import UserFactory
from tests.payments.admin.staff import address, text_of
from tests.payments.town import PRICE_FEN, Town, town

pytestmark = [pytest.mark.django_db, pytest.mark.once]

GATEWAYS = ("alipay", "wechatpay", "unionpay")
CHINESE = re.compile(r"[\u4e00-\u9fff]")
OTHER_SUM = "98.00"
NOBODYS: Mapping[str, Mapping[str, str]] = {
    "alipay": {"out_trade_no": "P404", "trade_status": "TRADE_CLOSED", "gmt_payment": ""},
    "wechatpay": {"out_trade_no": "P404404", "trade_state": "CLOSED"},
    "unionpay": {"orderId": "P404404", "respCode": "00"},
}

# ------------------------------------------------------------------------------------------------ what happens


def paid(town: Town) -> None:
    town.acts(town.attempt(), "pay")


def paid_once_closed(town: Town) -> None:
    """The order was closed here while its customer was paying."""
    payment = town.attempt()
    type(payment.order).objects.filter(pk=payment.order_id).update(category="closed", state="closed")
    town.acts(payment, "pay")


def paid_twice(town: Town) -> None:
    """By another attempt of the same order, which nobody had closed yet."""
    payment = town.attempt()
    type(payment.order).objects.filter(pk=payment.order_id).update(paid_fen=PRICE_FEN)
    town.acts(payment, "pay")


def paid_otherwise(town: Town) -> None:
    town.acts(town.attempt(), "pay", amount=OTHER_SUM)


def refunded(town: Town, *, lost: bool = False) -> Refund:
    """A refund of ours; its news are on their way."""
    payment = town.attempt()
    town.acts(payment, "pay")
    town.works()
    Notification.objects.all().delete()
    refund = services.request_refund(
        payment_id=payment.pk, share=Share(amount_fen=2_500), reason="破损", key="k", by=None, at=now()
    )
    if lost:
        town.breaks("hang_up", scope=payment.payment_no, count=1, executed=True)
    services.send_refund(refund_id=refund.pk, at=now())
    return refund


def refund_told_too_late(town: Town) -> None:
    """It was settled by a query before the gateway told of it."""
    refund = refunded(town)
    town.later(minutes=2)
    services.ask_refund(refund_id=refund.pk, at=now())
    assert Refund.objects.get().status == "succeeded"
    town.post()


def refund_told_first(town: Town) -> None:
    """The answer to our call was lost, and the news come before we asked."""
    refunded(town, lost=True)
    assert Refund.objects.get().status == "unknown"
    town.later(minutes=2)
    town.post()


def refunded_at_the_console(town: Town) -> None:
    payment = town.attempt()
    town.acts(payment, "pay")
    town.works()
    Notification.objects.all().delete()
    town.acts(payment, "refund", amount="25.00")


def of_nobody(town: Town) -> Notification:
    """News that are parked, for nobody here knows their trade."""
    town.writes(town.attempt(), **NOBODYS[town.gateway])
    town.works()
    return Notification.objects.latest("pk")


def given_up(town: Town) -> None:
    row = of_nobody(town)
    Notification.objects.filter(pk=row.pk).update(received_at=now() - timedelta(days=31))


def said_not_ours(town: Town) -> None:
    set_aside(notification_id=of_nobody(town).pk, reason="另一套系统的单", by=UserFactory.create(), at=now())


def faulty(**faults: str) -> Callable[[Town], None]:
    return lambda town: town.acts(town.attempt(), "pay", faults=faults)


def written(**changes: str) -> Callable[[Town], None]:
    return lambda town: town.writes(town.attempt(), **changes)


def after(status: Payment.Status, **changes: str) -> Callable[[Town], None]:
    """Late news for an attempt that is over."""

    def tell(town: Town) -> None:
        payment = town.attempt()
        Payment.objects.filter(pk=payment.pk).update(status=status, query_due_at=None)
        town.writes(payment, **changes)

    return tell


# ------------------------------------------------------------------------------------------------ the table

Maker = Callable[[Town], None]
NEVER = None  # this gateway cannot say so; the reason stands beside it


@dataclass(frozen=True)
class Row:
    """How a verdict comes about: at every gateway in the same way, or at each in its own."""

    everywhere: Maker | None = None
    own: Mapping[str, Maker | None] = field(default_factory=dict)

    def at(self, gateway: str) -> Maker | None:
        return self.own.get(gateway, self.everywhere)


WAITING: dict[str, dict[str, str]] = {  # news of an attempt that is not over
    "alipay": {"trade_status": "WAIT_BUYER_PAY", "gmt_payment": ""},
    "wechatpay": {"trade_state": "USERPAYING"},
    "unionpay": {"respCode": "05", "respMsg": "交易已受理"},
}


def waiting(status: Payment.Status = Payment.Status.PENDING) -> Row:
    return Row(own={gateway: after(status, **WAITING[gateway]) for gateway in GATEWAYS})


no_time = {"alipay": NEVER, "unionpay": NEVER}  # their notifications carry no time of their signature
VERDICTS: dict[tuple[str, str], Row] = {
    ("signature", OK): Row(paid),
    ("time", OK): Row(paid, no_time),
    ("account", OK): Row(paid),
    ("order", OK): Row(paid),
    ("order", "payment_not_found"): Row(
        own={
            "alipay": faulty(unknown_order=""),
            "wechatpay": faulty(unknown_order=""),
            "unionpay": NEVER,  # a query must confirm it, and of an unknown number it says so: see `parked`
        }
    ),
    ("order", "order_closed"): Row(paid_once_closed),
    ("order", "already_paid"): Row(paid_twice),
    ("amount", OK): Row(paid),
    ("amount", "other_amount"): Row(paid_otherwise),
    ("currency", OK): Row(paid),
    ("currency", "other_currency"): Row(
        own={
            "alipay": written(trans_currency="USD"),
            "wechatpay": faulty(wrong_currency="USD"),
            "unionpay": NEVER,  # the query that confirms it tells what was really paid
        }
    ),
    ("result", "told_before"): Row(refund_told_too_late),
    ("result", "unapplied"): Row(paid_otherwise),
    ("result", "parked"): Row(
        own={
            "alipay": written(**NOBODYS["alipay"]),
            "wechatpay": written(**NOBODYS["wechatpay"]),
            "unionpay": faulty(unknown_order=""),
        }
    ),
    ("result", "given_up"): Row(given_up),
    ("result", "not_ours"): Row(said_not_ours),
    ("result", "ignored"): Row(
        own={
            "alipay": written(notify_type="dut_user_sign"),
            "wechatpay": written(event_type="COUPON.USE"),
            "unionpay": written(txnType="72"),
        }
    ),
    ("result", "refund_asked"): Row(refund_told_first),
    ("result", "refund_external"): Row(refunded_at_the_console),
    ("result", "pending"): waiting(),
    ("result", "succeeded"): Row(paid),
    ("result", "failed"): waiting(Payment.Status.FAILED),
    ("result", "canceled"): waiting(Payment.Status.CANCELED),
    ("result", "expired"): waiting(Payment.Status.EXPIRED),
    ("result", "unknown"): Row(
        own={
            "alipay": written(trade_status="TRADE_PENDING_REVIEW"),
            "wechatpay": written(trade_state="UNDER_REVIEW"),
            "unionpay": written(respCode="01", respMsg="交易失败"),  # it may still be tried again
        }
    ),
}
REFUSALS: dict[str, Row] = {
    "forged": Row(faulty(forge_notify="corrupt"), {"unionpay": faulty(forge_unionpay="corrupt")}),
    "stale": Row(faulty(stale_notify="1"), no_time),
    "other_account": Row(faulty(wrong_app_id=""), {"wechatpay": faulty(wrong_mchid="")}),
    "unknown_key": Row(
        own={
            "alipay": written(alipay_cert_sn="0" * 32),
            "wechatpay": faulty(unknown_serial=""),
            "unionpay": NEVER,  # the certificate comes with the message
        }
    ),
    "unreadable": Row(
        own={
            "alipay": written(gmt_payment="yesterday"),
            "wechatpay": faulty(wrong_api_v3_key=""),
            "unionpay": written(txnAmt="many"),
        }
    ),
}


def test_the_table_has_a_row_for_every_verdict() -> None:
    assert set(VERDICTS) == every_verdict()


def test_the_table_has_a_row_for_every_refusal() -> None:
    assert set(REFUSALS) == {str(it) for it in Refusal}


def test_the_log_has_words_for_every_verdict_and_every_refusal() -> None:
    assert {str(it) for it in RESULTS} == {value for check, value in every_verdict() if check == "result"}
    assert set(CHECKS) | {"result"} == {check for check, _value in every_verdict()}
    assert set(REASONS) == set(REMEDIES) == {str(it) for it in Refusal}


# ------------------------------------------------------------------------------------------------ what is seen


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The gateways' keys take a while to make."""
    return tmp_path_factory.mktemp("sandbox")


def cases(table: dict[tuple[str, str], Row] | dict[str, Row]) -> list[object]:
    """Verdict, gateway and what brings it about."""
    return [
        pytest.param(
            verdict, gateway, maker, id=f"{verdict if isinstance(verdict, str) else '-'.join(verdict)}-{gateway}"
        )
        for verdict, row in table.items()
        for gateway in GATEWAYS
        if (maker := row.at(gateway)) is not NEVER
    ]


def read_page(model: str, pk: int, *, language: str) -> str:
    return unescape(text_of(Desk("ops", language=language).get(address(f"payments_{model}_change", pk))))


def in_words(check: str, value: str, *, language: str) -> str:
    with translation.override(language):
        if check == "result":
            return str(RESULTS[value])
        found = translation.gettext("as it should be") if value == OK else UnappliedMoney.Reason(value).label
        return f"{CHECKS[check]} {'✓' if value == OK else '✗'} {found}"


@pytest.mark.parametrize(("verdict", "gateway", "maker"), cases(VERDICTS))
def test_the_log_shows(verdict: tuple[str, str], gateway: str, maker: Maker, keys: Path) -> None:
    check, value = verdict
    with town(keys, gateway=gateway) as it:
        maker(it)
        it.works()

        row = Notification.objects.latest("pk")

    assert row.verdicts.get(check) == value, row.last_error
    english, chinese = (read_page("notification", row.pk, language=code) for code in ("en", "zh-hans"))
    assert in_words(check, value, language="en") in english
    told = in_words(check, value, language="zh-hans")
    assert told in chinese
    assert CHINESE.search(told)
    if value != OK:
        assert f" {value} " not in chinese  # no code of ours


@pytest.mark.parametrize(("reason", "gateway", "maker"), cases(REFUSALS))
def test_the_list_of_refusals_shows(reason: str, gateway: str, maker: Maker, keys: Path) -> None:
    certificates = (reason, gateway) == ("unknown_key", "alipay")
    with town(keys, gateway=gateway, certificates=certificates) as it:
        maker(it)

        assert it.answers and all(status >= 400 for status in it.answers)  # noqa: PT018

    row = NotificationRefusal.objects.get()
    assert (row.reason, Notification.objects.count()) == (reason, 0)
    english, chinese = (read_page("notificationrefusal", row.pk, language=code) for code in ("en", "zh-hans"))
    assert str(REASONS[reason]) in english
    with translation.override("zh-hans"):
        assert str(REASONS[reason]) in chinese
        assert str(REMEDIES[reason]) in chinese
        assert CHINESE.search(str(REASONS[reason]))


def test_a_probe_of_wechat_pay_is_refused_and_not_counted(keys: Path) -> None:
    with town(keys, gateway="wechatpay") as it:
        it.acts(it.attempt(), "pay", faults={"signtest": ""})

        assert it.answers == [401]
    assert not NotificationRefusal.objects.exists()
    assert not Notification.objects.exists()
