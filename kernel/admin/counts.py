from __future__ import annotations

from django.http import HttpRequest

from kernel import counters
from kernel.clock import now
from kernel.models import Counter

KEPT = "_bo_counts"


def counts_of(request: HttpRequest) -> dict[str, int]:
    """All cached counters, `orders:pending_payment` for one; one query for a request, whoever asks how often."""
    if not hasattr(request, KEPT):
        setattr(request, KEPT, _counts() or _counted_now())
    counts: dict[str, int] = getattr(request, KEPT)
    return counts


def _counts() -> dict[str, int]:
    return {name: max(value, 0) for name, value in Counter.objects.values_list("name", "value")}


def _counted_now() -> dict[str, int]:
    """In a new shop, before the timer ran."""
    counters.recount_all(at=now())
    return _counts()
