"""One seed, from its first order to the verdict."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from kernel.clock import now
from payments.models import Payment
from sandbox import faults, notices
from sandbox.gateways import KNOWN

from .acts import act_at_gateway, new_order, step
from .calm import next_moment, unfinished
from .cases import CASES
from .oracle import CONSOLE, judge
from .stage import SANDBOX_URL, Stage
from .world import World

STEPS = (25, 70)
HOPS = 400  # between moments at which something is due; it ends long before
SOON = timedelta(seconds=5)
__all__ = ["Verdict", "play"]


@dataclass(frozen=True)
class Verdict:
    name: int | str
    complaints: tuple[str, ...]
    story: tuple[str, ...]


def play(stage: Stage, name: int | str, *, verbose: bool = False) -> Verdict:
    """
    Let a seed happen, or a case, and judge what came of it.

    An exception that nobody expected is a complaint, too.
    """
    if isinstance(name, str):
        return _judged(World(stage, 1, verbose=verbose), name, CASES[name])
    return _judged(World(stage, name, verbose=verbose), name, _any_steps)


def _judged(world: World, name: int | str, story: Callable[[World], None]) -> Verdict:
    with world.open():
        try:
            story(world)
            calm_down(world)
            complaints = judge(world)
        except Exception as error:  # noqa: BLE001 - what it was, is told
            complaints = [f"{type(error).__name__}: {error}", *_where(error)]
    return Verdict(name, tuple(complaints), tuple(world.story))


def _any_steps(world: World) -> None:
    new_order(world)
    for _step in range(world.dice.randint(*STEPS)):
        step(world)


def calm_down(world: World) -> None:
    """The faults end, nobody dies any more, and time goes on until there is nothing left to do."""
    world.tell("--- from here on nothing goes wrong")
    world.live()
    world.silent, world.redis_is_up = 0, True
    faults.switch_off(world.sandbox.box)
    _unstick(world)
    _tell_of_the_console(world)
    for _hop in range(HOPS):
        world.turn()
        if not unfinished(world) or (due := next_moment(world)) is None:
            break
        world.clock.move_to(max(due, now() + SOON))
    world.tell("--- all is done")


def _unstick(world: World) -> None:
    """Refunds that a gateway had accepted and let lie go on, as they do in time."""
    for payment in Payment.objects.filter(refunds__isnull=False).distinct().order_by("pk"):
        gateway = payment.account.gateway
        for it in _refunds_at(world, payment):
            if it["state"] not in ("STUCK", "PENDING", "PROCESSING"):
                continue
            wishes = {"out_request_no": it["out_request_no"], "amount_fen": it["amount_fen"]}
            status = act_at_gateway(world, payment, "settle" if gateway == "wechatpay" else "refund", **wishes)
            world.tell(f"a refund of attempt {payment.pk} goes on: {status}")


def _tell_of_the_console(world: World) -> None:
    """Of a refund made there only its news and, days later, a statement tell: lost news are sent again."""
    lost = "SELECT id FROM notification WHERE state IN (?, ?) AND fields LIKE ? ORDER BY id"
    box = world.sandbox.box
    for row in box.store.all(lost, notices.DROPPED, notices.GIVEN_UP, f"%{CONSOLE}%"):
        notices.resend(box, row["id"])
        world.tell(f"lost news of a refund at a console is told again: notification {row['id']}")


def _refunds_at(world: World, payment: Payment) -> list[dict[str, object]]:
    code = payment.account.gateway
    url = f"{SANDBOX_URL}/sandbox/trades/{payment.payment_no}?gateway={code}"
    told = json.loads(world.ask(method="GET", url=url).body)
    found: list[dict[str, object]] = told.get("refunds", []) if code in KNOWN else []
    return found


def _where(error: BaseException) -> list[str]:
    frames, trace = [], error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        frames.append(f"    {code.co_filename}:{trace.tb_lineno} {code.co_name}")
        trace = trace.tb_next
    return frames[-8:]
