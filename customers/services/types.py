"""The three types every shop starts with."""

from __future__ import annotations

from ..models import CustomerType

SEEDED = (
    ("individual", "个人", "Individual", "个"),
    ("company", "企业", "Company", "企"),
    ("group", "团体", "Group", "团"),
)


def ensure_customer_types() -> None:
    """Write the seeded types that are missing; a type that a merchant renamed keeps its name."""
    known = set(CustomerType.objects.values_list("code", flat=True))
    CustomerType.objects.bulk_create(
        CustomerType(code=code, name=name, name_en=name_en, glyph=glyph, position=position)
        for position, (code, name, name_en, glyph) in enumerate(SEEDED)
        if code not in known
    )
