"""`python -m benchmarks [NAME …] [--size N] [--rounds N]`: each on a database of its own, in lines of JSON."""

from __future__ import annotations

import subprocess
import sys
from argparse import ArgumentParser

from .database import NotPostgresql, own_database

NAMES = ("check_books", "import_orders", "notification_apply", "notification_http", "reconcile", "sign")


def main() -> int:
    parser = ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}; all if none is named")
    parser.add_argument("--size", type=int, default=100_000, help="orders (100000)")
    parser.add_argument("--rounds", type=int, default=5, help="floor and project in turn, so many times (5)")
    given = parser.parse_args()
    if unknown := set(given.names) - set(NAMES):
        parser.error(f"no benchmark {', '.join(sorted(unknown))}; choose of {', '.join(NAMES)}")
    try:
        return max(_run(name, given.size, given.rounds) for name in given.names or NAMES)
    except NotPostgresql as refusal:
        print(refusal, file=sys.stderr)
        return 1


def _run(name: str, size: int, rounds: int) -> int:
    with own_database() as environment:
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.run", name, str(size), str(rounds)], env=environment, check=False
        )
    if done.returncode:
        print(f"{name} failed", file=sys.stderr)
    return int(bool(done.returncode))


if __name__ == "__main__":
    sys.exit(main())
