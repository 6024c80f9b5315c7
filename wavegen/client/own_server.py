"""A server of one's own, in a process that ends with the measurement."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, Queue
from threading import Thread

from ..errors import ServerError
from .address import Address

_START_SECONDS = 300.0  # a large model is compiled first
_NO_LIMITS = {"voices_per_address": 100_000, "queue": 100_000, "messages_per_second": 10_000}
"""All listeners of a measurement come from one address."""


@contextmanager
def own_server(run: str, options: Sequence[str]) -> Iterator[tuple[Address, int]]:
    """`wavegen serve RUN` on a free port, and the number of its process."""
    limits = [word for name, n in _NO_LIMITS.items() for word in (f"--limit.{name}", str(n))]
    process = subprocess.Popen(
        [sys.executable, "-m", "wavegen", "serve", run, "--port", "0", *limits, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    lines: Queue[str | None] = Queue()
    reading = Thread(target=_read, args=(process, lines), daemon=True)
    reading.start()
    try:
        yield Address.of(_url(lines), None), process.pid
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        reading.join()


def memory_bytes(pid: int) -> int | None:
    """Resident memory of a process; None where the system does not tell."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return None
    found = re.search(r"^VmRSS:\s+(\d+) kB", status, re.MULTILINE)
    return int(found[1]) * 1024 if found else None


def _read(process: subprocess.Popen[str], lines: Queue[str | None]) -> None:
    assert process.stdout is not None
    with process.stdout as output:
        for line in output:
            lines.put(line)
    lines.put(None)


def _url(lines: Queue[str | None]) -> str:
    said = ""
    while True:
        try:
            line = lines.get(timeout=_START_SECONDS)
        except Empty:
            line = None
        if line is None:
            why = said.strip().rpartition("\n")[2] or "it said nothing"
            raise ServerError(f"the server did not start: {why}", "unreachable")
        if found := re.search(r"http://\S+", line):
            return found[0]
        said += line
