"""`python -m tests.simulation --seeds 1000`, or `--seed 17 -v` for the whole story of one: see README.md."""

from __future__ import annotations

import argparse
import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

LAST_STEPS = 25
ENVIRONMENT = {
    "DJANGO_SETTINGS_MODULE": "backoffice.settings",
    "BACKOFFICE_MODE": "test",
    "DATABASE_URL": "sqlite://",  # in memory
    "REDIS_URL": "",
    "SMS_BACKEND": "kernel.transports.MemorySms",
}


def main() -> int:
    wanted = arguments()
    if wanted.jobs > 1 and wanted.seed is None:
        return divide(wanted)
    return run(wanted)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=100, help="how many, from --first on")
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--seed", type=int, help="this one alone")
    parser.add_argument("--case", help="a fault on purpose, by its name in cases.py, or all of them")
    parser.add_argument("--stride", type=int, default=1, help=argparse.SUPPRESS)
    parser.add_argument("--jobs", type=int, default=1, help="processes, each with a database of its own")
    parser.add_argument("--seconds", type=float, default=0, help="begin no seed after that long")
    parser.add_argument("--without", default="", help="the name of a guard that is switched off: some seed must fail")
    parser.add_argument("--story", type=Path, help="a file for the whole story, as JSON lines")
    parser.add_argument("-v", "--verbose", action="store_true", help="tell the whole story")
    return parser.parse_args()


def divide(wanted: argparse.Namespace) -> int:
    """Each job takes every so-manieth seed; the first failure is enough to fail."""
    passed = ["--seeds", str(wanted.seeds), "--stride", str(wanted.jobs), "--seconds", str(wanted.seconds)]
    passed += ["--without", wanted.without, *(["-v"] if wanted.verbose else [])]
    jobs = [
        subprocess.Popen([sys.executable, "-m", "tests.simulation", *passed, "--first", str(wanted.first + number)])
        for number in range(wanted.jobs)
    ]
    return max(job.wait() for job in jobs)


def run(wanted: argparse.Namespace) -> int:
    with TemporaryDirectory(prefix="simulation-") as folder:
        os.environ |= ENVIRONMENT | {"DATA_DIR": folder}
        import django

        django.setup()
        logging.disable(logging.CRITICAL)
        from . import guards
        from .cases import CASES
        from .play import play
        from .stage import DAWN, Stage
        from .world import frozen_at

        with frozen_at(DAWN):
            stage = Stage(Path(folder) / "sandbox")
        failed, played, started = [], 0, time.monotonic()
        kind = "cases" if wanted.case else "seeds"
        names: Iterator[int | str] = cases(wanted, [*CASES]) if wanted.case else seeds(wanted)
        with guards.without(wanted.without):
            for name in names:
                if wanted.seconds and time.monotonic() - started > wanted.seconds:
                    break
                verdict = play(stage, name, verbose=wanted.verbose)
                played += 1
                if wanted.story:
                    with wanted.story.open("a") as file:
                        file.write(json.dumps([name, verdict.complaints, verdict.story]) + "\n")
                if verdict.complaints:
                    failed.append(name)
                    report(kind, name, verdict.story, verdict.complaints, wanted)
                    if wanted.without:
                        break  # one is proof enough
        print(f"{played} {kind} in {time.monotonic() - started:.0f} s, {len(failed)} failed {failed or ''}", flush=True)
        return 1 if failed else 0


def cases(wanted: argparse.Namespace, known: Sequence[str]) -> Iterator[str]:
    yield from known if wanted.case == "all" else [wanted.case]


def seeds(wanted: argparse.Namespace) -> Iterator[int]:
    if wanted.seed is not None:
        yield wanted.seed
        return
    yield from range(wanted.first, wanted.first + wanted.seeds, wanted.stride)


def report(
    kind: str, name: int | str, story: Sequence[str], complaints: Sequence[str], wanted: argparse.Namespace
) -> None:
    singular = kind.removesuffix("s")
    without = f" --without {wanted.without}" if wanted.without else ""
    again = f"Again: python -m tests.simulation --{singular} {name} -v{without}"
    lines = [f"\n{singular.capitalize()} {name} failed. The last steps:", *story[-LAST_STEPS:], *complaints, again]
    print("\n".join(lines), flush=True)


if __name__ == "__main__":
    sys.exit(main())
