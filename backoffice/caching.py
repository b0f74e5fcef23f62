"""The cache on Redis, which may be dead or empty at any time: then nothing is remembered, and everything goes on."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.core.cache.backends.redis import RedisCache
from redis.exceptions import RedisError

log = logging.getLogger(__name__)


def _or(nothing: Callable[..., Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """What a call answers while Redis does not."""

    def patient(ask: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(ask)
        def asked(cache: RedisCache, *args: Any, **options: Any) -> Any:
            try:
                return ask(cache, *args, **options)
            except (RedisError, OSError) as error:
                log.warning("cache.silent %s: %s. Look at REDIS_URL.", ask.__name__, type(error).__name__)
                return nothing(*args, **options)

        return asked

    return patient


def _given(key: object, default: object = None, *_args: object, **_options: object) -> object:
    return default


class PatientRedisCache(RedisCache):
    """Django's cache on Redis, as if it were empty while Redis does not answer."""

    get = _or(_given)(RedisCache.get)
    set = _or(lambda *_args, **_options: None)(RedisCache.set)
    add = _or(lambda *_args, **_options: True)(RedisCache.add)
    touch = _or(lambda *_args, **_options: False)(RedisCache.touch)
    delete = _or(lambda *_args, **_options: False)(RedisCache.delete)
    has_key = _or(lambda *_args, **_options: False)(RedisCache.has_key)
    incr = _or(lambda *_args, **_options: 1)(RedisCache.incr)
    get_many = _or(lambda *_args, **_options: {})(RedisCache.get_many)
    set_many = _or(lambda *_args, **_options: [])(RedisCache.set_many)
    delete_many = _or(lambda *_args, **_options: None)(RedisCache.delete_many)
    clear = _or(lambda *_args, **_options: False)(RedisCache.clear)
