"""How often an address or a link may ask. Counted in the cache; when that is gone, nobody is turned away."""

from __future__ import annotations

import logging

from django.core.cache import cache
from django.http import HttpRequest
from redis.exceptions import RedisError

from kernel.http import client_address
from kernel.secrets import fingerprint

logger = logging.getLogger(__name__)

WINDOW_SECONDS = 60


def is_allowed(*, what: str, who: str, per_minute: int) -> bool:
    """Whether this is not yet one too many within a minute."""
    key = f"limit:{what}:{fingerprint(who)}"
    try:
        if cache.add(key, 1, timeout=WINDOW_SECONDS):
            return True
        return cache.incr(key) <= per_minute
    except ValueError:  # it ran out between the two
        return True
    except (RedisError, OSError) as error:
        logger.warning("limits.no_cache %s", type(error).__name__)
        return True


def address_of(request: HttpRequest) -> str:
    return client_address(request) or "unknown"
