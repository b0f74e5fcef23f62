"""The bell that wakes workers: `celery -A backoffice worker`. What is due stands in rows; see docs/decisions."""

from __future__ import annotations

import os

from celery import Celery
from celery.signals import setup_logging
from django.conf import settings

from backoffice import embedded_broker

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backoffice.settings")
embedded_broker.register()

app = Celery("backoffice")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@setup_logging.connect
def keep_our_logging(**_ignored: object) -> None:
    """Celery leaves logging alone when somebody listens here: Django has set it up, redaction included."""


@app.on_after_configure.connect
def make_broker_folders(**_ignored: object) -> None:
    """The embedded broker writes into folders that it does not make."""
    if settings.EMBEDDED:
        for name in ("messages", "control"):
            (settings.BROKER_DIR / name).mkdir(parents=True, exist_ok=True)
