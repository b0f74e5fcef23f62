#!/usr/bin/env python
"""The operator's door: `python manage.py help` lists the commands."""

from __future__ import annotations

import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line
from django.db import OperationalError


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backoffice.settings")
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as refusal:
        sys.exit(f"{sys.argv[0]}: {refusal}")  # a sentence is enough: the traceback would point at our own code
    except OperationalError as failure:
        sys.exit(
            f"{sys.argv[0]}: The database does not serve us: {str(failure).strip()}\n"
            "See that it runs and that DATABASE_URL names it; if a table is missing, run: manage.py migrate"
        )


if __name__ == "__main__":
    main()
