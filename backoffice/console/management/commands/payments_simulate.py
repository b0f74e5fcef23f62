from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from backoffice.console import simulating
from kernel.clock import now
from kernel.commands import OK, PROBLEMS_FOUND, OpsCommand
from orders.models import Order
from orders.services import OrderNotFound
from payments import services as payments


class Command(OpsCommand):
    help = gettext_noop(
        "Play a customer at the sandbox who pays an order, or fails to: its signed notification comes to this shop's "
        "own address. For accounts at the sandbox alone; sandbox and shop must be running."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--account", required=True, metavar="CODE", help=_("a payment account at the sandbox"))
        parser.add_argument("--order", required=True, metavar="NUMBER", help=_("number of an unpaid order"))
        parser.add_argument("--result", choices=("success", "fail"), default="success", help=_("what comes of it"))
        parser.add_argument("--duplicate", type=copies, default=1, metavar="N", help=_("send the notification N times"))

    def run(self, *, account: str, order: str, result: str, duplicate: int, **_options: Any) -> int:
        town = simulating.at_sandbox(payments.get_account(code=account))
        wanted = Order.objects.filter(order_no=order).first()
        if wanted is None:
            raise OrderNotFound
        payment = simulating.begin(order_id=wanted.pk, account=town.account, at=now())
        self.report(payment.payment_no, _("payment begun"), method=payment.method)
        answers = town.play(payment_no=payment.payment_no, pays=result == "success", copies=duplicate)
        for number, answer in enumerate(answers, start=1):
            self.report(payment.payment_no, _("notification %(number)d") % {"number": number}, answer=answer)
        payment = simulating.settled(payment_id=payment.pk, at=now())
        self.summary(_("The payment is now “%(status)s”."), status=payment.get_status_display())
        paid = payment.status == payment.Status.SUCCEEDED
        return OK if paid == (result == "success") else PROBLEMS_FOUND


def copies(text: str) -> int:
    """The argparse type of a number of copies."""
    if text.isascii() and text.isdecimal() and 1 <= int(text) <= 1000:
        return int(text)
    raise ArgumentTypeError(_("“%(given)s” is no number from 1 to 1000.") % {"given": text})
