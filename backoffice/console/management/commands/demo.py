from __future__ import annotations

import sys
from pathlib import Path

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandParser
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext

from backoffice.console.demo import load, purge, stage, statements
from backoffice.console.demo.processes import Program, Troupe, ensure_free
from backoffice.console.setup import ensure_owner, prepare_shop
from kernel.clock import now
from kernel.commands import OK, OpsCommand
from kernel.errors import DomainError
from kernel.models import User

HOST = "127.0.0.1"
OWNER = "owner"
SHOP = "云栖生活馆"


class NotInProduction(DomainError):
    text = gettext_noop("The demo is not for a production shop. Use manage.py setup.")


class Command(OpsCommand):
    help = gettext_noop(
        "A shop to try out: `demo` loads it and runs web, worker and sandbox; `demo load` and `demo purge` only "
        "add or remove the sample orders."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("what", nargs="?", choices=("run", "load", "purge"), default="run")
        parser.add_argument("--orders", type=int, default=500, help=_("how many sample orders (500)"))
        parser.add_argument("--days", type=int, default=60, help=_("over how many days (60)"))
        parser.add_argument("--seed", type=int, default=7, help=_("another seed, another shop (7)"))
        parser.add_argument("--port", type=int, default=settings.PORT, help=_("of the web server (PORT, or 8000)"))

    def run(self, *, what: str, port: int, **options: int) -> int:
        if settings.PRODUCTION:
            raise NotInProduction
        if what == "purge":
            return self._purge()
        if what == "load":
            return self._load(port=port, **options)
        return self._run(port=port, **options)

    def _purge(self) -> int:
        count = purge.purge()
        self.summary(
            ngettext("%(count)d sample order removed.", "%(count)d sample orders removed.", count), count=count
        )
        return OK

    def _load(self, *, port: int, orders: int, days: int, seed: int, **_other: object) -> int:
        call_command("migrate", interactive=False, verbosity=0)
        prepare_shop(at=now(), name=SHOP)
        password = ensure_owner(username=OWNER, at=now())
        sandbox_url = f"http://{HOST}:{port + 1}"
        account = stage.ensure_account(sandbox_dir=self._sandbox_dir, sandbox_url=sandbox_url, seed=seed, at=now())
        stage.ensure_others(sandbox_dir=self._sandbox_dir, sandbox_url=sandbox_url, seed=seed, at=now())
        job, recipe = load.open_recipe(seed=seed, count=orders, days=days, at=now())
        if job.state != job.State.DONE:
            steps = load.load(
                recipe=recipe,
                account=account,
                staff=User.objects.get(username=OWNER),
                sandbox_dir=self._sandbox_dir,
            )
            for _number in self.progress(steps, total=recipe.orders):
                pass
            statements.load_statements(account=account, sandbox_dir=self._sandbox_dir, at=recipe.at)
            load.finish(job, at=now())
        self._tell_owner(password)
        return OK

    @property
    def _sandbox_dir(self) -> Path:
        return settings.DATA_DIR / "sandbox"

    def _tell_owner(self, password: str) -> None:
        if password:
            self.say(_("Sign in as %(user)s with the password %(password)s") % {"user": OWNER, "password": password})
        else:
            self.say(_("Sign in as %(user)s with the password of the first start.") % {"user": OWNER})
        self.say(_("Another password: .venv/bin/python manage.py changepassword %(user)s") % {"user": OWNER})

    def _run(self, *, port: int, **options: int) -> int:
        ensure_free(host=HOST, port=port, name=_("web server"))
        ensure_free(host=HOST, port=port + 1, name=_("sandbox"))
        self._load(port=port, **options)
        troupe = Troupe(_programs(port), environment={"PORT": str(port), "PUBLIC_URL": f"http://{HOST}:{port}"})
        try:
            troupe.start()
            self.say(_("Back office  http://%(host)s:%(port)d/") % {"host": HOST, "port": port})
            self.say(_("Sandbox      http://%(host)s:%(port)d/") % {"host": HOST, "port": port + 1})
            self.say(_("Logs         %(folder)s") % {"folder": settings.DATA_DIR / "log"})
            self.say(_("Ctrl-C stops it all."))
            troupe.watch()
        finally:
            troupe.stop()
        self.say(_("Stopped. `make demo` goes on where you left off."))
        return OK


def _programs(port: int) -> list[Program]:
    python, log = sys.executable, settings.DATA_DIR / "log"
    web = ["-m", "gunicorn", "backoffice.wsgi", "--bind", f"{HOST}:{port}", "--workers", "2", "--threads", "4"]
    web += ["--preload", "--no-control-socket"]  # read the code once; leave nothing in anybody's home
    worker = ["-m", "celery", "-A", "backoffice", "worker", "--beat", "--concurrency", "2", "--loglevel", "INFO"]
    worker += ["--schedule", str(settings.DATA_DIR / "celerybeat")]
    sandbox = ["--port", str(port + 1), "--state", str(settings.DATA_DIR / "sandbox"), "--speed", "60"]
    return [
        Program(
            name="sandbox",
            argv=[python, "-m", "sandbox", *sandbox],  # without Django it is there at once
            log=log / "sandbox.log",
            ready_url=f"http://{HOST}:{port + 1}/",
        ),
        Program(
            name="web", argv=[python, *web], log=log / "web.log", ready_url=f"http://{HOST}:{port}/static/pay/pay.js"
        ),
        Program(name="worker", argv=[python, *worker], log=log / "worker.log"),
    ]
