from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.box import Box
from sandbox.courier import Sender
from sandbox.web import NotFound, Request, Response

Route = tuple[str, str, Callable[..., Response]]
NUMBER = r"(?P<number>[A-Za-z0-9_|*@-]{1,64})"


@dataclass(frozen=True)
class BrokenSet:
    """Credentials with one fault in them, for a shop that wants to see its self-check find it."""

    zh: str
    en: str
    make: Callable[[dict[str, str], Box], dict[str, str]]  # from an honest set


@dataclass(frozen=True, kw_only=True)
class Gateway:
    """What one gateway gives to the parts that all share."""

    code: str
    routes: tuple[Route, ...]
    sender: Sender
    accounts: Callable[[Box], list[str]]  # the names of its accounts: app ids, merchant numbers
    credentials: Callable[[Box, str], dict[str, str]]
    add_account: Callable[[Box, Mapping[str, Any]], str]  # its name
    trade: Callable[[Box, Request, str], Response]
    act: Callable[[Box, Request, str, str], Response]
    bulk_create: Callable[[Box, Request], Response]
    bulk_pay: Callable[[Box, Request], Response]
    ledger: Callable[[Box, str], dict[str, object]]
    rows: Callable[[Box, int], list[dict[str, object]]]  # its latest trades, for the page
    unfinished: Callable[[Box], int] = lambda box: 0  # what it has still to do without being asked
    broken: Mapping[str, BrokenSet] = field(default_factory=dict)

    def set_named(self, box: Box, name: str, *, account: str = "") -> dict[str, str]:
        """
        An account's credentials with a fault in them.

        :raises NotFound: if no set has this name
        """
        if name not in self.broken:
            raise NotFound(name)
        return self.broken[name].make(self.credentials(box, account or self.accounts(box)[0]), box)
