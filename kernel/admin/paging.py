"""Pages of long lists: nobody waits for five million rows to be counted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.paginator import Paginator
from django.utils.functional import cached_property

if TYPE_CHECKING:
    Pages = Paginator[Any]
else:
    Pages = Paginator

COUNTED_AT_MOST = 10_000


class CappedPaginator(Pages):
    """
    Counts no further than COUNTED_AT_MOST; beyond that the list says "10,000+" and wants a filter or a search.

    So the count and the deepest page both cost the same on a small table and on a huge one.
    """

    template_name = "backoffice/pagination.html"  # the theme asks for it

    @cached_property
    def counted(self) -> int:
        rows: Any = self.object_list
        if not hasattr(rows, "order_by"):
            return len(rows)
        return int(rows.order_by()[: COUNTED_AT_MOST + 1].count())

    @cached_property
    def count(self) -> int:
        return min(self.counted, COUNTED_AT_MOST)

    @property
    def is_capped(self) -> bool:
        return self.counted > COUNTED_AT_MOST

    @property
    def shown_count(self) -> str:
        return f"{self.count:,}+" if self.is_capped else f"{self.count:,}"
