"""The folder of messages that stands in for Redis: several processes ring and listen, and none trips over another."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from queue import Empty
from typing import Any

import pytest
from kombu import Connection

from backoffice import embedded_broker

RINGS = 400
RINGER = """
import sys
from kombu import Connection
from backoffice import embedded_broker
embedded_broker.register()
folder, rings = sys.argv[1], int(sys.argv[2])
with Connection("folder://", transport_options={name: folder for name in ("data_folder_in", "data_folder_out")}
        | {"control_folder": folder + "/control"}) as bell:
    queue = bell.SimpleQueue("rings")
    for number in range(rings):
        queue.put(number)
        bell.SimpleQueue(f"other-{number % 3}").close()
"""


def bell(folder: Path) -> Connection:
    embedded_broker.register()
    options = {"data_folder_in": str(folder), "data_folder_out": str(folder), "control_folder": str(folder / "control")}
    return Connection("folder://", transport_options=options)


def channel(folder: Path) -> Any:
    return bell(folder).channel()


def test_what_is_put_by_several_processes_arrives_once_each(tmp_path: Path) -> None:
    ringers = [
        subprocess.Popen([sys.executable, "-c", RINGER, str(tmp_path), str(RINGS)], cwd=Path(__file__).parents[2])
        for _ in range(3)
    ]
    heard: list[int] = []
    with bell(tmp_path) as listener:
        queue = listener.SimpleQueue("rings")
        while len(heard) < 3 * RINGS:
            message = queue.get(timeout=30)
            heard.append(message.payload)
            message.ack()
        with pytest.raises(Empty):
            queue.get(block=False)
    assert [ringer.wait(timeout=30) for ringer in ringers] == [0, 0, 0]
    assert sorted(heard) == sorted(list(range(RINGS)) * 3)


def test_a_message_has_its_name_only_when_it_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    write = Path.write_text

    def watched(self: Path, *args: str, **options: str) -> int:
        seen.extend(one.name for one in tmp_path.glob("*.msg"))
        return write(self, *args, **options)

    monkeypatch.setattr(Path, "write_text", watched)
    channel(tmp_path)._put("rings", {"body": "one"})
    assert seen == []
    assert channel(tmp_path)._get("rings") == {"body": "one"}


def test_a_damaged_message_is_thrown_away_and_the_next_one_is_heard(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "0_killed.rings.msg").touch()
    one = channel(tmp_path)
    one._put("rings", {"body": "next"})
    assert one._get("rings") == {"body": "next"}
    assert "rings was unreadable" in caplog.text
    with pytest.raises(Empty):
        one._get("rings")


def test_a_table_that_a_killed_process_left_empty_is_begun_anew(tmp_path: Path) -> None:
    (tmp_path / "control").mkdir()
    (tmp_path / "control" / "bell.exchange").touch()
    one = channel(tmp_path)
    one._queue_bind("bell", "rings", "", "rings")
    assert [row.queue for row in one.get_table("bell")] == ["rings"]
    one._delete("rings", "bell", "rings", "")
    assert one.get_table("bell") == []
