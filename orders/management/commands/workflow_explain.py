from __future__ import annotations

from argparse import ArgumentParser

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from kernel.clock import local
from kernel.commands import OK, OpsCommand
from kernel.workflow import Explanation, WayOn
from orders import queries
from orders.models import Order
from orders.services import OrderNotFound


class Command(OpsCommand):
    help = gettext_noop("Say why an order is where it is, and what each way on is waiting for.")

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("order_no", help=_("order number"))

    def run(self, *, order_no: str, **options: object) -> int:
        order = Order.objects.filter(order_no=order_no).first()
        if order is None:
            raise OrderNotFound
        explanation = queries.why_here(order, user=None)
        self.say(_heading(order, explanation))
        for way in explanation.ways_on:
            self._report(way)
        self.summary(_stuck(explanation), order_no=order_no, state=order.state)
        return OK

    def _report(self, way: WayOn) -> None:
        facts: dict[str, object] = {"trigger": way.transition.trigger.value}
        if way.seen_at:
            facts["seen_at"] = local(way.seen_at).isoformat(timespec="seconds")
        if way.due_at:
            facts["due_at"] = local(way.due_at).isoformat(timespec="seconds")
        if way.verdicts:
            marked = (f"{'✓' if verdict.holds else '✗'} {verdict.text}" for verdict in way.verdicts)
            facts["conditions"] = "; ".join(marked)
        self.report(f"→ {way.target.label}", way.transition.label, **facts)


def _heading(order: Order, explanation: Explanation) -> str:
    since = local(explanation.since).isoformat(sep=" ", timespec="seconds")
    return _("Order %(order_no)s is in “%(state)s” since %(since)s.") % {
        "order_no": order.order_no,
        "state": explanation.state.label,
        "since": since,
    }


def _stuck(explanation: Explanation) -> str:
    """What an automatic move is missing although its trigger came; otherwise that nothing is wrong."""
    stuck = [way for way in explanation.ways_on if way.seen_at and way.seen_at >= explanation.since and way.reason]
    if stuck:
        return _("It is stuck: %(why)s") % {"why": stuck[0].reason}
    return _("Nothing is stuck: it waits for what is listed above.")
