"""
`python -m tests.fuzz TARGET… [--seconds N] [--runs N]`: bytes that coverage breeds, for each of these parsers in turn.

What is worth keeping stays in var/fuzz/TARGET, so that the next run begins where this one ended; what breaks a parser
is kept as var/fuzz/TARGET-crash-….
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NoReturn

import atheris
import django

MEMORY_MB = 700  # the programs and their coverage take 200
SECONDS_EACH = 10  # for one input: longer than that it hangs
LARGEST = 64 * 1024

os.environ.setdefault("BACKOFFICE_MODE", "test")
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backoffice.settings")
with atheris.instrument_imports(include=["payments.gateways", "orders.imports", "zipfile", "gzip"]):
    django.setup()
    logging.disable()
    from tests.fuzz.targets import TARGETS


def main() -> None:
    asked = argparse.ArgumentParser(prog="python -m tests.fuzz")
    asked.add_argument("target", nargs="+", choices=TARGETS)
    asked.add_argument("--seconds", type=int, default=60)
    asked.add_argument("--runs", type=int, default=-1)
    asked.add_argument("--corpus", type=Path, default=Path("var/fuzz"), help="the folder that keeps what was found")
    told = asked.parse_args()
    sys.exit(max(run(name, told) for name in told.target))


def run(name: str, told: argparse.Namespace) -> int:
    """
    In a process of its own, which is how the fuzzer ends; what it needs is imported already.

    :return: its exit code, or 1 if it was killed
    """
    print(f"== {name}", flush=True)
    child = os.fork()
    if not child:
        fuzz(name, told)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    print(f"exit code {code}", flush=True)
    return code if code >= 0 else 1


def fuzz(name: str, told: argparse.Namespace) -> NoReturn:
    target, kept = TARGETS[name], told.corpus / name
    kept.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as seeds:
        for number, seed in enumerate(target.seeds()):
            (Path(seeds) / f"seed-{number}").write_bytes(seed)
        options = {
            "max_total_time": told.seconds,
            "runs": told.runs,
            "rss_limit_mb": MEMORY_MB,
            "malloc_limit_mb": MEMORY_MB,
            "timeout": SECONDS_EACH,
            "max_len": LARGEST,
            "artifact_prefix": f"{kept}-",
            "print_final_stats": 1,
        }
        switches = [f"-{name}={value}" for name, value in options.items()]
        atheris.Setup([sys.argv[0], *switches, str(kept), seeds], target.feed)
        atheris.Fuzz()
    raise AssertionError("the fuzzer ends its process")


main()
