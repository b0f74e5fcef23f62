"""One world in one process: the shop, the gateways, the clock between them, and what goes wrong with any of them."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any, TypeVar
from unittest import mock
from urllib.parse import unquote, urlsplit

import time_machine
from celery import current_app
from django.db import connection
from django.test import Client, override_settings

from kernel import events, failpoints, numbers, queue
from kernel.clock import now
from orders import services as orders
from payments import services as payments
from payments.gateways import transport
from payments.gateways.transport import HttpTransport, TransportError, guard_no_transaction
from sandbox import notices
from sandbox.alipay import gateway as alipay_gateway
from sandbox.app import Sandbox
from sandbox.box import Options
from sandbox.courier import Answer, Letter
from sandbox.unionpay import gateway as unionpay_gateway
from sandbox.web import Request, Response
from sandbox.wechatpay import gateway as wechatpay_gateway

from .calm import next_moment
from .stage import DAWN, SANDBOX_URL, Stage

T = TypeVar("T")
PATIENCE = 10.0  # seconds that the product waits for an answer
FACES = (alipay_gateway, wechatpay_gateway, unionpay_gateway)
HANDS: tuple[tuple[str, Callable[..., object]], ...] = (  # what the timers do, without the rows that count their turns
    ("events", events.deliver_due),
    ("inbox", payments.apply_notifications),
    ("ladder", payments.run_query_ladder),
    ("refunds", payments.resolve_refunds),
    ("overdue orders", orders.request_overdue_closings),
    ("reminders", orders.remind_unpaid),
)
LIMIT = 200


class Died(BaseException):
    """A process has died here. No handler of exceptions may live on."""


@dataclass
class World:
    stage: Stage
    seed: int
    verbose: bool = False
    story: list[str] = field(default_factory=list)
    redis_is_up: bool = True
    silent: int = 0  # calls that will not reach a gateway

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)
        self.rings: list[tuple[str, dict[str, object]]] = []
        self.kept_waiting = 0.0

    # ----------------------------------------------------------------------------------- beginning and end

    @contextmanager
    def open(self) -> Iterator[World]:
        """The stage is put back, the clock frozen, and every door between shop and gateway led through here."""
        begin = DAWN + timedelta(minutes=self.dice.randrange(24 * 60))
        with ExitStack() as doors:
            self.clock = doors.enter_context(frozen_at(begin))
            self.stage.reset()
            self.sandbox = Sandbox.open(
                Options(state_dir=self.stage.sandbox_dir, public_url=SANDBOX_URL, seed=1), post=self._post
            )
            doors.callback(self.sandbox.close)
            doors.callback(self.live)
            doors.enter_context(mock.patch.object(HttpTransport, "send", _sender(self)))
            doors.enter_context(mock.patch.object(numbers, "secrets", SimpleNamespace(randbelow=self.dice.randrange)))
            doors.enter_context(mock.patch.object(failpoints, "die", self._die))
            doors.enter_context(mock.patch.object(queue, "send", self._ring))
            doors.enter_context(mock.patch.object(queue, "BURST_SECONDS", 0))  # of a clock that is not this world's
            doors.enter_context(override_settings(BELL="celery"))
            for face in FACES:
                doors.enter_context(mock.patch.object(face, "nap", self._nap))
            doors.enter_context(mock.patch.object(notices, "PATIENCE", 0.0))
            yield self

    def tell(self, text: str) -> None:
        """One line of the story; it names nothing that another run of the same seed would name otherwise."""
        line = f"{len(self.story) + 1:4} {now():%d %H:%M:%S} {text}"
        self.story.append(line)
        if self.verbose:
            print(line, flush=True)

    def chance(self, percent: int) -> bool:
        return self.dice.randrange(100) < percent

    # ----------------------------------------------------------------------------------- death

    def doom(self, name: str, *, times: int) -> None:
        """The next process to pass this place so many times dies there."""
        failpoints._passed.clear()
        os.environ["FAIL_AT"] = f"{name}:{times}"

    def live(self) -> None:
        os.environ.pop("FAIL_AT", None)

    def survive(self, what: str, act: Callable[[], T]) -> T | None:
        """Do something in a process that may die of it; whoever starts it again knows nothing but the rows."""
        try:
            return act()
        except Died as death:
            self.tell(f"  † {what}: the process died at {death}")
            assert not connection.in_atomic_block, "a transaction outlived its process"
            self.stage.forget()
            return None

    def _die(self, name: str) -> None:
        self.live()
        raise Died(name)

    # ----------------------------------------------------------------------------------- between shop and gateway

    def call(self, *, method: str, url: str, headers: Mapping[str, str], content: bytes) -> transport.Response:
        """A call of the product's to a gateway."""
        if self.silent:
            self.silent -= 1
            raise TransportError("transport.unreachable", "simulated")
        self.kept_waiting = 0.0
        answer = self.ask(method=method, url=url, headers=headers, content=content)
        if self.chance(50):
            self.post()  # a notification may overtake the answer
        if self.kept_waiting >= PATIENCE:
            raise TransportError("transport.timeout", "simulated")
        if answer.hang_up:
            raise TransportError("transport.broken", "simulated")
        told = {"content-type": answer.content_type, **{name.lower(): it for name, it in answer.headers.items()}}
        return transport.Response(status=answer.status, headers=told, body=answer.body)

    def ask(self, *, method: str, url: str, headers: Mapping[str, str] | None = None, content: bytes = b"") -> Response:
        """Anybody's request to the sandbox, by its address."""
        parts, sent = urlsplit(url), {name.lower(): value for name, value in (headers or {}).items()}
        request = Request(
            method=method,
            path=unquote(parts.path),
            query=parts.query,
            body=content,
            content_type=sent.get("content-type", ""),
            headers=sent,
            sent_target=parts.path + (f"?{parts.query}" if parts.query else ""),
        )
        return self.sandbox.respond(request)

    def post(self) -> int:
        """Notifications that are due go out."""
        return self.sandbox.courier.deliver_due()

    def _post(self, letter: Letter) -> Answer:
        def deliver() -> Answer:
            path, headers = urlsplit(letter.url).path, dict(letter.headers)
            web = Client(SERVER_NAME="localhost")
            answer = web.generic("POST", path, letter.body, content_type=letter.content_type, headers=headers)
            return Answer(answer.status_code, answer.content.decode("utf-8", "replace"))

        answer = self.survive("a web worker", deliver) or Answer(error="the connection was reset")
        self.tell(f"  ✉ notified: {answer.status or answer.error}")
        return answer

    def _nap(self, seconds: float) -> None:
        """The sandbox lets its caller wait; no longer than anybody would."""
        self.kept_waiting += seconds
        self.clock.shift(timedelta(seconds=min(seconds, PATIENCE)))

    # ----------------------------------------------------------------------------------- workers and time

    def work(self) -> None:
        """One turn of each timer, in any order; whoever dies leaves the rest to the others."""
        hands = self.dice.sample(HANDS, k=len(HANDS))
        for name, act in hands:
            self.survive(f"the worker of {name}", lambda act=act: act(at=now(), limit=LIMIT))  # type: ignore[misc]

    def answer_bells(self) -> None:
        """Workers that were woken; a ring may be lost."""
        while self.rings:
            task_name, kwargs = self.rings.pop(0)
            if self.chance(80):
                task = current_app.tasks[task_name]
                self.survive(f"the worker of {task_name}", lambda task=task, told=kwargs: task.run(**told))  # type: ignore[misc]

    def _ring(self, task_name: str, kwargs: dict[str, object], *, delay: float) -> None:
        if not self.redis_is_up:
            queue.ring_again()
            raise ConnectionError("simulated: there is no Redis")
        self.rings.append((task_name, dict(kwargs)))

    def wait(self, span: timedelta) -> None:
        """Time passes, and whatever falls due is done."""
        until = now() + span
        while (due := next_moment(self)) is not None and due <= until:
            self.clock.move_to(max(due, now() + timedelta(seconds=5)))
            self.turn()
        self.clock.move_to(max(until, now()))
        self.turn()

    def turn(self) -> None:
        self.post()
        self.work()
        self.answer_bells()


def frozen_at(moment: datetime) -> time_machine.travel:
    return time_machine.travel(moment, tick=False)


def _sender(world: World) -> Callable[..., transport.Response]:
    def send(self: HttpTransport, **asked: Any) -> transport.Response:
        guard_no_transaction()
        return world.call(**asked)

    return send
