"""
The back office's admin: one base class over the theme, and what apps build their pages from.

- `BackofficeAdmin`, `ReadOnlyAdmin`, `BackofficeInline`: a model's list and page.
- `ObjectAction`: something to do with one object, at an address of its own, outside the admin's transaction.
- `contribute(SomeAdmin, panels=…, actions=…, columns=…)`: an app above adds to the pages of an app below.
- `badge`, `money`, `copyable`, `countdown`, `masked`, `moment`: pieces of HTML for cells.
- `actor(request)`: who asks.
"""

from unfold.dataclasses import SearchResult

from kernel.cells import badge, button, copyable, countdown, disabled, fen, masked, moment, money

from . import pages
from .actions import Deed, ObjectAction, action_address
from .base import BackofficeAdmin, BackofficeInline, ReadOnlyAdmin
from .contributions import Column, Panel, contribute
from .counts import counts_of
from .fields import BackofficeModelForm, PhoneField, YuanField
from .paging import CappedPaginator
from .people import actor
from .tabs import Tab, is_active

__all__ = [
    "BackofficeAdmin",
    "BackofficeInline",
    "BackofficeModelForm",
    "CappedPaginator",
    "Column",
    "Deed",
    "ObjectAction",
    "Panel",
    "PhoneField",
    "ReadOnlyAdmin",
    "SearchResult",
    "Tab",
    "YuanField",
    "action_address",
    "actor",
    "badge",
    "button",
    "contribute",
    "copyable",
    "countdown",
    "counts_of",
    "disabled",
    "fen",
    "is_active",
    "masked",
    "moment",
    "money",
    "pages",
]
