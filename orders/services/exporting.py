"""Who takes orders out, and how much of them they may see."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from kernel import audit
from kernel.errors import DomainError
from kernel.models import User
from kernel.shop import shop

EXPORT = "orders.export_order"
UNMASKED = "orders.export_unmasked_order"


class MayNotExport(DomainError):
    text = _("Your role may not export orders.")


class MayNotExportUnmasked(DomainError):
    text = _("Your role may export orders with masked names, phones and addresses only.")


@transaction.atomic
def begin_export(
    *, orders: int, file_format: str, masked: bool, filters: Mapping[str, object], by: User | None, at: datetime
) -> None:
    """
    Write down who takes which orders out, before the first of them leaves.

    :param orders: how many there are now
    :param by: None for an operator on the command line, whom the machine itself has let in
    :raises MayNotExport: if the role may not
    :raises MayNotExportUnmasked: if the role may export, but no personal data
    """
    if by is not None and not by.has_perm(EXPORT):
        raise MayNotExport
    if by is not None and not masked and not by.has_perm(UNMASKED):
        raise MayNotExportUnmasked
    told = {"orders": orders, "format": file_format, "masked": masked, "filters": dict(filters)}
    audit.record(action="orders.export", subject=shop(), by=by, at=at, after=told)
