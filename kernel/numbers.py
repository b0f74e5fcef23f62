"""Numbers that go to a gateway: unique without asking anybody, and telling nothing about how much is sold."""

from __future__ import annotations

import secrets
from datetime import datetime

from .clock import local

RANDOM_DIGITS = 9


def gateway_number(prefix: str, *, at: datetime) -> str:
    """P261122120000 and nine random digits: 22 characters with a prefix of one, as all gateways accept."""
    moment = local(at).strftime("%y%m%d%H%M%S")
    return f"{prefix}{moment}{secrets.randbelow(10**RANDOM_DIGITS):0{RANDOM_DIGITS}d}"
