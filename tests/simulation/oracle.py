"""What must hold at the end: our books against the gateways' own, fen for fen, and no effect twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from django.db.models import Sum

from kernel.clock import now
from kernel.models import OutboxEvent
from orders.models import Order
from payments import services as payments
from payments.models import LedgerEntry, LedgerLine, Payment, Refund, UnappliedMoney
from sandbox import gateways

from .calm import parked, unfinished
from .world import World

CONSOLE = "CONSOLE"  # how the numbers of refunds begin that were made at a gateway's console
GONE = {"DONE", "SUCCESS"}


def judge(world: World) -> list[str]:
    """Everything that is wrong; nothing, if the product is right."""
    return [complaint for look in LOOKS for complaint in look(world)]


def has_come_to_rest(world: World) -> Iterator[str]:
    """No open attempt past its time, nothing received and not applied, no refund unsettled."""
    for what, count in unfinished(world).items():
        yield f"not finished: {count} {what}"
    yield from parked(world)


def books_are_sound(world: World) -> Iterator[str]:
    for found in payments.check_books(at=now()):
        for it in found:
            yield f"check_books: {it.check} {it.reference} {it.facts}"


def equals_the_gateways(world: World) -> Iterator[str]:
    """Clearing is what the gateway holds for us, trade by trade; what of it is no order's is in suspense."""
    ours, theirs = _our_trades(), {it["trade_no"]: it for it in _their_trades(world)}
    for trade_no in sorted({*ours, *theirs}):
        told = theirs.get(trade_no)
        net_fen = told["paid_fen"] - told["refunded_fen"] if told else None
        held = ours.get(trade_no, Counter())
        if held["clearing"] != net_fen:
            yield f"trade {_name(told)}: the gateway holds {net_fen}, our clearing {held['clearing']}"
        if not 0 <= held["suspense"] <= held["clearing"]:
            yield f"trade {_name(told)}: {held['suspense']} in suspense, of {held['clearing']}"


def orders_hold_their_money(world: World) -> Iterator[str]:
    """Paid − refunded is what the order's trades hold outside suspense; none is closed with money in it."""
    ours = _our_trades()
    held: Counter[int] = Counter()
    paid = Payment.objects.exclude(gateway_trade_no="").values_list("order_id", "gateway_trade_no")
    kept = UnappliedMoney.objects.exclude(order=None).values_list("order_id", "gateway_trade_no")
    for order_id, trade_no in {*paid, *kept}:
        money = ours.get(trade_no, Counter())
        held[order_id or 0] += money["clearing"] - money["suspense"]
    for order in Order.objects.order_by("pk"):
        if order.paid_fen - order.refunded_fen != held[order.pk]:
            yield f"order {order.pk}: {order.paid_fen} − {order.refunded_fen} is not {held[order.pk]}"
        if order.is_closed and order.paid_fen > order.refunded_fen:
            yield f"order {order.pk} is closed, and keeps {order.paid_fen - order.refunded_fen}"


def refunds_are_one_to_one(world: World) -> Iterator[str]:
    """Each refund at a gateway is one of ours, or was made at its console; each of ours that is done is there."""
    theirs = {
        (trade["trade_no"], it["out_request_no"]): it["amount_fen"]
        for trade in _their_trades(world)
        for it in trade["refunds"]
        if it["state"] in GONE
    }
    done = Refund.objects.filter(status=Refund.Status.SUCCEEDED).order_by("pk")
    ours = {(_trade_of(it.refund_no), _number_of(it)): it.amount_fen for it in done}
    for trade_no, number in sorted({*theirs, *ours}):
        told, booked = theirs.get((trade_no, number)), ours.get((trade_no, number))
        if told != booked:
            who = "at the console" if number.startswith(CONSOLE) else "by us"
            yield f"a refund {who}: {told} at the gateway, {booked} here"
    for key in Refund.objects.exclude(request_key__startswith="gw:").values_list("refund_no", flat=True):
        if not key.startswith("R"):
            yield f"refund number {key}"
    asked = Refund.objects.filter(request_key__startswith="gw:").values_list("gateway_refund_no", flat=True)
    for number in asked:
        if not number.startswith(CONSOLE):
            yield "a refund of our own was taken for one made at the console"


def nothing_happened_twice(world: World) -> Iterator[str]:
    booked = LedgerEntry.objects.filter(kind="collect").values_list("reference", flat=True)
    told = OutboxEvent.objects.filter(name="payments.PaymentSucceeded").values_list("payload", flat=True)
    yield from (f"money of a trade was booked {n} times" for n in _repeated(booked))
    yield from (f"PaymentSucceeded was told {n} times" for n in _repeated(it["payment_id"] for it in told))


def nobody_got_more_than_they_paid(world: World) -> Iterator[str]:
    for trade in _their_trades(world):
        if trade["refunded_fen"] > trade["paid_fen"]:
            yield f"trade {_name(trade)}: {trade['refunded_fen']} of {trade['paid_fen']} went back"


LOOKS = (
    has_come_to_rest,
    books_are_sound,
    equals_the_gateways,
    orders_hold_their_money,
    refunds_are_one_to_one,
    nothing_happened_twice,
    nobody_got_more_than_they_paid,
)


def _their_trades(world: World) -> list[dict[str, Any]]:
    """Of every gateway's own ledger, the trades that were paid."""
    books: list[dict[str, Any]] = [gateway.ledger(world.sandbox.box, "") for gateway in gateways.KNOWN.values()]
    return [trade for book in books for trade in book["trades"] if trade["paid_fen"]]


def _our_trades() -> dict[str, Counter[str]]:
    """Fen that the ledger holds of each of the gateways' trades: in clearing, and of it in suspense."""
    held: dict[str, Counter[str]] = {}
    lines = LedgerLine.objects.filter(account__in=("clearing", "suspense")).order_by()
    sums = lines.values_list("account", "entry__kind", "entry__reference").annotate(fen=Sum("amount_fen"))
    for account, kind, reference, fen in sums:
        trade_no = reference if kind in ("collect", "apply") else _trade_of(reference)
        held.setdefault(trade_no, Counter())[account] += fen if account == "clearing" else -fen
    return held


def _trade_of(refund_no: str) -> str:
    found = Refund.objects.select_related("payment", "unapplied").get(refund_no=refund_no)
    source = found.unapplied or found.payment
    return source.gateway_trade_no if source is not None else ""


def _number_of(refund: Refund) -> str:
    return refund.gateway_refund_no if refund.request_key.startswith("gw:") else refund.refund_no


def _name(trade: dict[str, Any] | None) -> str:
    """In words of the story, where numbers say little."""
    payment = Payment.objects.filter(payment_no=trade["out_trade_no"]).first() if trade else None
    return f"of attempt {payment.pk}" if payment is not None else "of nobody"


def _repeated(names: Iterable[object]) -> list[int]:
    return [times for times in Counter(names).values() if times > 1]
