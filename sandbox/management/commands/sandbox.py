from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils.translation import gettext, gettext_noop

from sandbox import cli


class Command(BaseCommand):
    """The product's settings play no part in it: everything is said on the command line."""

    help = gettext_noop(
        "Play the payment gateways' side: cashier, notifications, faults on demand. For demos and tests."
    )
    requires_system_checks: list[str] = []

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        parser.description = gettext(self.help)
        return parser

    def add_arguments(self, parser: ArgumentParser) -> None:
        cli.add_arguments(parser, _=gettext)

    def handle(self, *args: object, **options: Any) -> None:
        code = cli.run(Namespace(**options), _=gettext)
        if code:
            sys.exit(code)
