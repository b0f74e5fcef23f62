"""Moments as gateways write them into their answers."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


def http_date(text: str) -> datetime | None:
    """
    The moment in a Date header (RFC 9110, section 5.6.7); None where there is none, or none that can be.

    A header is nobody's signed word: a day or a year of a hundred digits is no reason to lose the answer beneath it.
    """
    try:
        told = parsedate_to_datetime(text)
    except (OverflowError, TypeError, ValueError):
        return None
    return told if told.tzinfo else told.replace(tzinfo=UTC)
