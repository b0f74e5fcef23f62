"""The header row in one spelling, and which layout it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from .cells import plain, unwrap
from .profile import Profile

# What a file of rejects has before the columns of the file it came from; importing it again passes over them.
ROW_HEADER, REASON_HEADER = REJECT_HEADERS = ("行 row", "原因 reason")
SHOWN_COLUMNS = 60
CLOSEST = 3


def normalize_headers(cells: Sequence[str]) -> tuple[str, ...]:
    """Trimmed and half-width; the second 分销员 becomes 分销员 (2), nameless columns at the end are dropped."""
    names = [normalize_header(cell) for cell in cells]
    while names and not names[-1]:
        names.pop()
    seen: Counter[str] = Counter()
    unique = []
    for place, name in enumerate(names, start=1):
        name = name or f"#{place}"
        seen[name] += 1
        unique.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return tuple(unique)


def normalize_header(cell: str) -> str:
    return plain(unwrap(plain(cell)))


def detect(headers: Sequence[str], profiles: Iterable[Profile]) -> Profile | None:
    """The layout that knows most of these columns; between equals, the one that expects the fewest others."""
    fitting = [profile for profile in profiles if profile.fits(headers)]
    return max(fitting, key=lambda profile: _score(profile, headers), default=None)


def closest(headers: Sequence[str], profiles: Iterable[Profile]) -> list[Profile]:
    ranked = sorted(profiles, key=lambda profile: _score(profile, headers), reverse=True)
    return [profile for profile in ranked if profile.matched(headers)][:CLOSEST]


def _score(profile: Profile, headers: Sequence[str]) -> tuple[int, float]:
    matched = len(profile.matched(headers))
    return matched, matched / len(profile.known)


def shown(headers: Sequence[str]) -> str:
    """For messages: enough of the columns to recognise the file by."""
    more = "…" if len(headers) > SHOWN_COLUMNS else ""
    return ", ".join(header[:40] for header in headers[:SHOWN_COLUMNS]) + more
