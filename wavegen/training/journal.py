"""What a run tells: to its log, `log.jsonl`, to observers, and to the person watching."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from .. import atomic
from ..hookspecs import Event, Observer
from ..plain import plain

_BAR_STEPS = 1000  # the bar counts thousandths of the run


class Journal:
    """Passes events on. A silent one (`speaks` False) writes and prints nothing."""

    def __init__(self, run: Path, observers: Sequence[Observer], speaks: bool, shows: bool) -> None:
        self._observers, self._speaks, self._shows = observers, speaks, speaks and shows
        self._path = run / "log.jsonl"
        self._bar: Any = None
        self._shown = 0

    @property
    def is_heard(self) -> bool:
        """Whether an observer listens."""
        return bool(self._observers)

    def forget_after(self, step: int) -> None:
        """Drop the lines of steps that a resumed run will make again."""
        if not self._speaks or not self._path.exists():
            return
        lines = self._path.read_text(encoding="utf-8").splitlines()
        kept = [line for line in lines if _step_of(line) <= step]
        atomic.write_file(self._path, "".join(f"{line}\n" for line in kept).encode())

    def tell(self, kind: str, values: Mapping[str, Any]) -> None:
        """Write one event and notify the observers."""
        if not self._speaks:
            return
        values = plain(values)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"event": kind, **values}) + "\n")
        for observer in self._observers:
            observer.notify(Event(kind, values))

    def say(self, line: str) -> None:
        """A line for the person, above the progress bar."""
        if self._shows:
            if self._bar is not None and sys.stderr.isatty():
                click.echo("\r\x1b[K", nl=False, err=True)
            click.echo(line, err=True)

    def warn(self, line: str) -> None:
        """A line the person should not miss."""
        if self._speaks:
            click.echo(f"warning: {line}", err=True)

    def progress(self, share: float, line: str) -> None:
        """Move the progress bar; away from a terminal it stays silent."""
        if not self._shows or not sys.stderr.isatty():
            return
        if self._bar is None:
            self._bar = click.progressbar(
                length=_BAR_STEPS,
                file=sys.stderr,
                bar_template="%(bar)s %(info)s",
                show_percent=False,
                width=24,
                item_show_func=lambda item: str(item or ""),
            )
            self._bar.__enter__()
        now = min(_BAR_STEPS, int(share * _BAR_STEPS))
        self._bar.update(now - self._shown, line)
        self._shown = now

    def close(self) -> None:
        """End the bar's line."""
        if self._bar is not None:
            self._bar.__exit__(None, None, None)
            self._bar = None


def _step_of(line: str) -> float:
    """The step a line tells of; a line cut by a kill tells of none and is dropped."""
    try:
        return json.loads(line).get("step", 0)
    except ValueError:
        return float("inf")
