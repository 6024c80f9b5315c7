"""What `sample` and `stream` share: how a model is chosen, controlled and timed."""

from __future__ import annotations

import functools
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .. import config
from ..controls import Controls
from ..errors import DataError

if TYPE_CHECKING:
    from ..playing import TrainedModel

FILE = click.Path(path_type=Path)
run_argument = click.argument("run", type=FILE)
device_option = click.option(
    "--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:N or mps."
)


@dataclass(frozen=True)
class Request:
    """What is to be played, and how."""

    run: Path
    seconds: float | None
    steps: int | None
    seed: int
    prime: Path | None
    prime_seconds: float | None
    label: str | None
    follow: Path | None
    filters: tuple[str, ...]
    slots: int | None
    device: str
    controls: Controls

    def load(self) -> TrainedModel:
        """The model, its engine and its filters."""
        from ..playing import load

        return load(self.run, self.device, slots=self.slots, filters=self.filters)


def plays(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of everything that draws; it gets them as one `request`."""
    control_names = [f.name for f in fields(Controls)]
    names = [f.name for f in fields(Request) if f.name != "controls"]

    def collected(**values: Any) -> None:
        given = {name: values.pop(name) for name in control_names}
        given = {name: value for name, value in given.items() if value is not None}
        controls = config.parse(Controls, given, "controls")
        request = Request(**{name: values.pop(name) for name in names}, controls=controls)
        command(request=request, **values)

    decorated: Callable[..., None] = functools.update_wrapper(collected, command)
    for option in reversed(_options()):
        decorated = option(decorated)
    return decorated


@dataclass(frozen=True)
class Timing:
    """How fast something was drawn."""

    steps_drawn: int
    """Of all voices together."""
    compute_seconds: float
    rate_hz: float

    @classmethod
    def since(cls, begin: float, steps_drawn: int, rate_hz: float) -> Timing:
        """From `begin`, a reading of `time.perf_counter`, until now."""
        return cls(steps_drawn, time.perf_counter() - begin, rate_hz)

    def to_dict(self) -> dict[str, float]:
        """`rtf` is the seconds it takes to compute a second, `xrt` the inverse."""
        steps_per_s = self.steps_drawn / self.compute_seconds
        return {
            "steps_drawn": self.steps_drawn,
            "compute_seconds": self.compute_seconds,
            "steps_per_s": steps_per_s,
            "rtf": self.rate_hz / steps_per_s if self.steps_drawn else float("nan"),
            "xrt": steps_per_s / self.rate_hz,
        }

    def __str__(self) -> str:
        """One line."""
        values = self.to_dict()
        return "{steps_per_s:,.0f} steps/s, rtf {rtf:.3g}, xrt {xrt:.3g}".format(**values)


def need_writable(path: Path) -> None:
    """Notice an output that cannot be written before anything is computed for it."""
    if path.is_dir():
        raise DataError(f"{path}: is a folder; give the name of a file")
    try:
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise DataError(
            f"{path}: cannot write there ({error.strerror}); choose another place"
        ) from error


def _options() -> list[Callable[[Callable[..., None]], Callable[..., None]]]:
    texts = config.help_of(Controls)
    controls = [
        click.option(
            f"--{f.name.replace('_', '-')}", f.name, type=type(f.default), help=texts[f.name]
        )
        for f in fields(Controls)
    ]
    return [
        run_argument,
        click.option("--seconds", type=float, help="How long, the prime included."),
        click.option("--steps", type=int, help="How long in steps, instead of --seconds."),
        click.option("--seed", default=0, show_default=True, help="The same seed sounds the same."),
        click.option("--prime", type=FILE, help="A file to go on from."),
        click.option("--prime-seconds", type=float, help="How much of the prime, from its start."),
        click.option("--speaker", "label", metavar="LABEL", help="Whom or what to play."),
        click.option("--condition-from", "follow", type=FILE, help="A file to speak anew."),
        *controls,
        click.option("--filter", "filters", multiple=True, metavar="NAME", help="May be repeated."),
        click.option(
            "--slots",
            type=click.IntRange(4),
            help="Voices stepped together; another number may change the last bits of the result.",
        ),
        device_option,
    ]
