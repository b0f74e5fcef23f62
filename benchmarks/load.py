"""`python -m benchmarks.load PORT FILE CONNECTIONS`: sends prepared requests over connections that stay open."""

from __future__ import annotations

import asyncio
import json
import pickle
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

Answered = tuple[float, int]  # seconds, HTTP status


async def _converse(port: int, requests: Iterator[bytes]) -> list[Answered]:
    """The next request goes out when the last is answered."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answered = []
    for request in requests:
        started = time.perf_counter()
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(_length(head))
        answered.append((time.perf_counter() - started, int(head.split(b" ", 2)[1])))
    writer.close()
    return answered


def _length(head: bytes) -> int:
    lines = head.lower().split(b"\r\n")
    return next(int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length:"))


async def _send(port: int, requests: list[bytes], connections: int) -> dict[str, object]:
    waiting = iter(requests)
    started = time.perf_counter()
    told = await asyncio.gather(*(_converse(port, waiting) for _connection in range(connections)))
    seconds = time.perf_counter() - started
    times = sorted(time for answered in told for time, _status in answered)
    return {
        "seconds": seconds,
        "statuses": Counter(status for answered in told for _time, status in answered),
        "p50_ms": 1000 * times[len(times) // 2],
        "p99_ms": 1000 * times[len(times) * 99 // 100],
        "cpu": time.process_time(),
    }


if __name__ == "__main__":
    requests = pickle.loads(Path(sys.argv[2]).read_bytes())
    print(json.dumps(asyncio.run(_send(int(sys.argv[1]), requests, int(sys.argv[3])))))
