"""What people do: customers, staff, and whoever sits at a gateway's console. Each act is one step of a story."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from urllib.parse import urlencode, urlsplit

from django.db.models import F
from django.test import Client

from customers.services import CustomerDraft
from kernel.clock import now
from kernel.errors import DomainError
from kernel.models import Category, User
from orders import services as orders
from orders.models import Order
from orders.services import DraftLine, OrderChange, OrderDraft
from payments import services as payments
from payments.gateways import ConfigError
from payments.models import Notification, Payment, Refund, UnappliedMoney
from payments.services import Ask, Share
from sandbox import faults, notices
from sandbox.faults import Wish

from .stage import GATEWAYS, SANDBOX_URL
from .world import World

ADDRESS = "203.0.113.7"
SPANS = (3, 12, 12, 45, 45, 150, 150, 400, 400, 1_000, 1_900, 4_000, 30_000)  # seconds
BREAKDOWNS = (  # (fault, value): of a call
    ("timeout", "20"),
    ("delay_answer", "4"),
    ("hang_up", ""),
    ("http_error", "502"),
    ("system_error", ""),
    ("acq_system_error", ""),
    ("bad_signature", ""),
    ("unsigned_answer", ""),
    ("truncated_answer", ""),
    ("resp_code", "05"),
    ("forge_answer", "attacker_chain"),
)
MAIL = (  # of a notification
    ("drop_notify", ""),
    ("delay_notify", "90"),
    ("duplicate_notify", "3"),
    ("reorder_notify", "60"),
)
REFUND_TROUBLE = (("refund_stuck", ""), ("refund_delay", "600"), ("refund_closed", ""), ("refund_fail", ""))
FORGERIES = {"alipay": ("forge_notify", "corrupt"), "wechatpay": ("forge_notify", "corrupt")}
UNIONPAY_FORGERY = ("forge_unionpay", "attacker_chain")
FAILPOINTS = (
    "inbox.before_store",
    "inbox.after_commit",
    "apply.after_claim",
    "apply.before_commit",
    "apply.after_commit",
    "refund.before_call",
    "refund.after_call",
    "refund.before_settle",
    "refund.after_settle",
    "events.before_handler",
    "events.before_done",
    "events.before_commit",
)


def carefully(world: World, what: str, act: Callable[[], object]) -> None:
    """A refusal is an answer; a death is survived; anything else is a fault of the product."""

    def tried() -> str:
        try:
            act()
        except (DomainError, ConfigError) as refusal:
            return f"refused: {type(refusal).__name__}"
        return "done"

    outcome = world.survive(what, tried) or "died"
    world.tell(f"{what}: {outcome}")


# ----------------------------------------------------------------------------------------- customers and staff


def new_order(world: World) -> None:
    price = world.dice.choice((100, 1_999, 9_900, 12_345, 50_001))
    lines = [DraftLine(title="保温杯", unit_price_fen=price, quantity=world.dice.randint(1, 2))]
    if world.chance(40):
        lines.append(DraftLine(title="杯刷", unit_price_fen=world.dice.randint(1, 999)))
    draft = OrderDraft(
        lines=lines,
        customer=CustomerDraft(name="王小明", phone="13800138000"),
        shipping_fen=world.dice.choice((0, 0, 800)),
    )
    carefully(world, "staff take an order", lambda: orders.create_order(draft=draft, by=None, at=now()))


def open_link(world: World) -> None:
    """As a customer does on a computer: the page opens with a code to scan."""
    order = _unpaid(world)
    if order is None:
        return

    def visit() -> None:
        _link, url = payments.create_link(order_id=order.pk, by=None, at=now())
        Client(SERVER_NAME="localhost").get(urlsplit(url).path, REMOTE_ADDR=ADDRESS)

    carefully(world, f"the customer of order {order.pk} opens the link", visit)


def start(world: World) -> None:
    order = _unpaid(world)
    if order is None:
        return
    gateway = world.dice.choice(GATEWAYS)
    method = world.dice.choice(gateway.methods)
    ask = Ask(method=method, account_code=gateway.code, client_ip=ADDRESS, return_path="/pay/x/return")

    def begin() -> None:
        payment = payments.start_attempt(order_id=order.pk, ask=ask, at=now())
        if world.chance(80):
            arrive_at(world, payment)

    carefully(world, f"the customer of order {order.pk} chooses {gateway.code} {method}", begin)


def arrive(world: World) -> None:
    payment = _recent(world)
    if payment is not None:
        arrive_at(world, payment)
        world.tell(f"attempt {payment.pk} is scanned")


def pay(world: World) -> None:
    payment = _recent(world)
    if payment is None:
        return
    wishes: dict[str, object] = {}
    if world.chance(8):
        wishes["amount_fen"] = max(1, payment.amount_fen + world.dice.choice((-1, 1, 500)))
    if world.chance(40):
        name, value = world.dice.choice(MAIL)
        wishes["faults"] = {name: value}
    status = act_at_gateway(world, payment, "pay", **wishes)
    world.tell(f"attempt {payment.pk} ({payment.account.code}) is paid {wishes or ''}: {status}")


def give_up(world: World) -> None:
    payment = _recent(world)
    if payment is not None:
        action = world.dice.choice(("fail", "close"))
        world.tell(f"attempt {payment.pk}: {action} at the gateway: {act_at_gateway(world, payment, action)}")


def edit_price(world: World) -> None:
    order = _unpaid(world)
    if order is None:
        return
    change = OrderChange(adjustment_fen=world.dice.choice((-50, 0, 30, 100)))

    def edit() -> None:
        payments.release_for_edit(order_id=order.pk, at=now())
        version = Order.objects.get(pk=order.pk).version
        orders.edit_order(order_id=order.pk, change=change, expected_version=version, by=_owner(), at=now())

    carefully(world, f"staff change the price of order {order.pk} by {change.adjustment_fen}", edit)


def close_order(world: World) -> None:
    order = _unpaid(world)
    if order is not None:
        ask = lambda: orders.request_closing(order_id=order.pk, reason="canceled_by_customer", by=_owner(), at=now())  # noqa: E731
        carefully(world, f"staff close order {order.pk}", ask)


def query(world: World) -> None:
    payment = _recent(world)
    if payment is None:
        return
    act = world.dice.choice((payments.query_payment, payments.close_attempt))
    carefully(world, f"staff {act.__name__} {payment.pk}", lambda: act(payment_id=payment.pk, at=now()))


def refund(world: World) -> None:
    """In part or in full; the button is sometimes pressed twice, and the refund is sometimes sent at once."""
    paid = list(Payment.objects.filter(status=Payment.Status.SUCCEEDED).order_by("pk"))
    if not paid:
        return
    payment = world.dice.choice(paid)
    left = payment.refundable_fen
    amount_fen = left if left < 2 or world.chance(40) else world.dice.randint(1, left)
    key = f"sim:{payment.pk}:{Refund.objects.count()}"
    share = Share(amount_fen=max(amount_fen, 1))
    twice, at_once = world.chance(30), world.chance(50)

    def ask() -> None:
        for _press in range(2 if twice else 1):
            it = payments.request_refund(payment_id=payment.pk, share=share, reason="破损", key=key, by=None, at=now())
        if at_once:
            payments.send_refund(refund_id=it.pk, at=now())

    carefully(world, f"staff refund {share.amount_fen} of attempt {payment.pk}", ask)


def refund_at_console(world: World) -> None:
    payment = _recent(world, status=Payment.Status.SUCCEEDED)
    if payment is None:
        return
    left = payment.refundable_fen
    if left < 2:
        return
    amount_fen = world.dice.randint(1, left)
    status = act_at_gateway(world, payment, "refund", amount_fen=amount_fen)
    world.tell(f"{amount_fen} of attempt {payment.pk} goes back at the console of {payment.account.code}: {status}")


def deal_with_unapplied(world: World) -> None:
    money = UnappliedMoney.objects.filter(resolved_at=None).order_by("pk").first()
    if money is None:
        return
    action = payments.proposal_now(money, at=now())
    if action == UnappliedMoney.Action.OUTSIDE:  # here, a gateway that once refused is asked again
        action = UnappliedMoney.Action.REFUND
    resolve = lambda: payments.resolve_unapplied(  # noqa: E731
        unapplied_id=money.pk, action=action, reason="模拟", by=None, at=now()
    )
    carefully(world, f"staff {action} unapplied money {money.pk} ({money.reason})", resolve)


def replay(world: World) -> None:
    chosen = [pk for pk in Notification.objects.order_by("pk").values_list("pk", flat=True) if world.chance(50)]
    world.tell(f"staff replay {len(chosen)} messages")
    payments.replay(notification_ids=chosen, by=None, at=now())


# ----------------------------------------------------------------------------------------- gateways and faults


def tell_again(world: World) -> None:
    count = world.sandbox.box.store.all("SELECT id FROM notification ORDER BY id")
    if count:
        number = world.dice.choice(count)["id"]
        world.tell(f"a gateway sends notification {number} again: {notices.resend(world.sandbox.box, number)}")


def forge(world: World) -> None:
    payment = _recent(world)
    if payment is not None:
        name, value = FORGERIES.get(payment.account.gateway, UNIONPAY_FORGERY)
        status = act_at_gateway(world, payment, "notify", faults={name: value})
        world.tell(f"somebody forges news of attempt {payment.pk}: {status}")


def break_gateway(world: World) -> None:
    name, value = world.dice.choice((*BREAKDOWNS, *BREAKDOWNS, *MAIL, *REFUND_TROUBLE, ("notify_before_answer", "")))
    count = world.dice.randint(1, 4)
    faults.switch_on(world.sandbox.box, Wish(name, value=value, percent=world.dice.choice((50, 100)), count=count))
    world.tell(f"fault: {name} {value} ×{count}")


def cut_the_line(world: World) -> None:
    world.silent = world.dice.randint(1, 6)
    world.tell(f"the next {world.silent} calls reach no gateway")


def doom(world: World) -> None:
    name, times = world.dice.choice(FAILPOINTS), world.dice.randint(1, 3)
    world.doom(name, times=times)
    world.tell(f"whoever passes {name} for the {times}. time will die")


def stop_redis(world: World) -> None:
    world.redis_is_up = not world.redis_is_up
    world.rings.clear()
    world.tell(f"Redis is {'up' if world.redis_is_up else 'gone'}")


def let_time_pass(world: World) -> None:
    seconds = world.dice.choice(SPANS)
    world.tell(f"{seconds} s pass")
    world.wait(timedelta(seconds=seconds))


def jump(world: World) -> None:
    """Nobody works: the machines are off."""
    seconds = world.dice.choice(SPANS)
    world.tell(f"{seconds} s pass, and nobody works")
    world.clock.shift(timedelta(seconds=seconds))


def turn(world: World) -> None:
    world.tell("everybody does what is due")
    world.turn()


ACTS: tuple[tuple[Callable[[World], None], int], ...] = (
    (new_order, 6),
    (open_link, 8),
    (start, 16),
    (arrive, 5),
    (pay, 20),
    (give_up, 2),
    (edit_price, 4),
    (close_order, 3),
    (query, 4),
    (refund, 12),
    (refund_at_console, 3),
    (deal_with_unapplied, 4),
    (replay, 2),
    (tell_again, 3),
    (forge, 2),
    (break_gateway, 9),
    (cut_the_line, 2),
    (doom, 7),
    (stop_redis, 1),
    (let_time_pass, 9),
    (jump, 2),
    (turn, 8),
)


def step(world: World) -> None:
    """One act, by the odds above."""
    (act,) = world.dice.choices([act for act, _odds in ACTS], weights=[odds for _act, odds in ACTS])
    world.survive(act.__name__, lambda: act(world))
    world.answer_bells()


# ----------------------------------------------------------------------------------------- who and what


def _owner() -> User:
    return User.objects.get(username="owner")


def _unpaid(world: World) -> Order | None:
    waiting = list(Order.objects.filter(category=Category.PENDING_PAYMENT).order_by("pk"))
    return world.dice.choice(waiting) if waiting else None


def _recent(world: World, **wanted: object) -> Payment | None:
    """One of the latest attempts, whatever has become of it."""
    rows = Payment.objects.filter(**wanted).select_related("account").order_by(F("pk").desc())[:5]
    return world.dice.choice(list(rows)) if rows else None


def arrive_at(world: World, payment: Payment) -> None:
    """The customer's phone or browser comes to the gateway."""
    kind, data = payment.next_action.get("kind"), dict(payment.next_action.get("data", {}))
    if kind == "redirect":
        world.ask(method="GET", url=data["url"])
    elif kind == "form":
        url = data.pop("url")
        headers = {"content-type": "application/x-www-form-urlencoded"}
        world.ask(method="POST", url=url, headers=headers, content=urlencode(data).encode())
    act_at_gateway(world, payment, "scan")


def act_at_gateway(world: World, payment: Payment, action: str, **wishes: object) -> int:
    """Something that its merchant did not ask for over the gateway; the status of the answer."""
    url = f"{SANDBOX_URL}/sandbox/trades/{payment.payment_no}/{action}"
    body = json.dumps({"gateway": payment.account.gateway, **wishes}).encode()
    return world.ask(method="POST", url=url, content=body).status
