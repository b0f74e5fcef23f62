"""`python -m benchmarks.run NAME ARGUMENT …`: sets Django up, then hands over; `python -m benchmarks` starts it."""

from __future__ import annotations

import sys
from importlib import import_module

import django

if __name__ == "__main__":
    django.setup()
    import_module(f"benchmarks.{sys.argv[1]}").main(*sys.argv[2:])
