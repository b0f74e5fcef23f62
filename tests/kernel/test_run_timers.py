from __future__ import annotations

import json
import signal
import time
from io import StringIO

import pytest
from django.core.management import call_command

from kernel import timers
from kernel.events import publish
from kernel.models import Delivery, ScheduleTick
from tests.helpers import handling
from tests.kernel.test_events import Cups, KettleBoiled
from tests.processes import Processes, slim_processes

__all__ = ["slim_processes"]


@pytest.mark.django_db
class TestOnce:
    def test_does_what_is_due_without_celery(self) -> None:
        cups, out = Cups(), StringIO()
        with handling(KettleBoiled, cups):
            publish(KettleBoiled(kettle_id=1))
            call_command("run_timers", "--once", "--only", "kernel.deliver_events", "--format", "json", stdout=out)

        assert cups.effects == 1
        [row] = json.loads(out.getvalue())["rows"]
        assert (row["reference"], row["kind"], row["handled"]) == ("kernel.deliver_events", "ok", 1)

    def test_exits_3_when_a_timer_failed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(*, at: object, limit: int) -> int:
            raise ZeroDivisionError

        broken = timers.Timer("kernel.prune", timers.timers["kernel.prune"].every, fail)
        monkeypatch.setitem(timers.timers, "kernel.prune", broken)

        with pytest.raises(SystemExit) as end:
            call_command("run_timers", "--once", "--only", "kernel.prune", stdout=StringIO())

        assert end.value.code == 3
        assert ScheduleTick.objects.get().error


@pytest.mark.django_db
class TestDeliveriesRerun:
    @pytest.fixture
    def _parked(self) -> None:
        with handling(KettleBoiled, Cups(), name="a"), handling(KettleBoiled, Cups(), name="b"):
            publish(KettleBoiled(kettle_id=1))
        Delivery.objects.update(state="parked", last_error="x")

    @pytest.mark.usefixtures("_parked")
    def test_lets_those_of_one_handler_go_on(self) -> None:
        call_command("deliveries_rerun", "--handler", "a", stdout=StringIO())

        assert dict(Delivery.objects.values_list("handler", "state")) == {"a": "queued", "b": "parked"}

    @pytest.mark.usefixtures("_parked")
    def test_as_a_dry_run_only_shows_them(self) -> None:
        out = StringIO()
        call_command("deliveries_rerun", "--dry-run", stdout=out)

        assert len(out.getvalue().splitlines()) == 3
        assert Delivery.objects.parked().count() == 2


@pytest.mark.race
@pytest.mark.slow
class TestLoop:
    def test_goes_on_until_it_is_stopped_and_then_ends_well(self, slim_processes: Processes) -> None:
        program = "from django.core.management import call_command; call_command('run_timers')"
        process = slim_processes.start(program)
        look = "from kernel.models import Heartbeat; print(Heartbeat.objects.filter(name='scheduler').count())"
        deadline = time.monotonic() + 60
        while slim_processes.run(look).strip() == "0" and time.monotonic() < deadline:
            time.sleep(0.2)

        assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        _out, errors = process.communicate(timeout=30)
        assert process.returncode == 0, errors
