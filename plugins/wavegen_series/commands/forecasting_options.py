"""Options that the commands share which load a run and read series."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wavegen.cli.output import note
from wavegen.cli.playing import (
    FILE,
    device_option,
    engine_option,
    need_writable,
    precision_option,
    run_argument,
)
from wavegen.errors import ConfigError

if TYPE_CHECKING:
    from ..forecasting.forecaster import Forecaster
    from ..series import Series

plot_option = click.option("--plot", type=FILE, help="A PNG file to draw it to.")
seed_option = click.option(
    "--seed", default=0, show_default=True, help="The same seed, the same paths."
)


@dataclass(frozen=True)
class Asked:
    """A run, the data, and how the run's model is played."""

    run: Path
    data: Path
    engine: str
    device: str
    precision: str | None
    threads: int | None

    def load(self, **how: Any) -> Forecaster:
        """The model of the run; `how` is what `Forecaster.load` takes besides."""
        from ..forecasting.forecaster import Forecaster

        return Forecaster.load(
            self.run,
            engine=self.engine,
            device=self.device,
            precision=self.precision or "float32",
            threads=self.threads,
            **how,
        )

    def read(self, forecaster: Forecaster, future: Path | None = None) -> list[Series]:
        """The series of the data; a line where they are short."""
        series = forecaster.read(self.data, future)
        if line := forecaster.short(series):
            note(f"warning: {line}")
        return series


def asks(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command RUN, DATA and how to play; it gets them as one `asked`."""
    names = [f.name for f in fields(Asked)]

    def collected(**values: Any) -> None:
        asked = Asked(**{name: values.pop(name) for name in names})
        command(asked=asked, **values)

    decorated: Callable[..., None] = functools.update_wrapper(collected, command)
    options = [
        run_argument,
        click.argument("data", type=FILE),
        engine_option,
        device_option,
        precision_option,
        click.option("--threads", type=click.IntRange(1), help="Of the native engine; all cores."),
    ]
    for option in reversed(options):
        decorated = option(decorated)
    return decorated


def need_outputs(table: Path | None, plot: Path | None) -> None:
    """Notice files that cannot be written before anything is computed for them."""
    from ..tables.writing import SUFFIXES

    for file in (table, plot):
        if file is not None:
            need_writable(file)
    if table is not None and table.suffix.lower() not in SUFFIXES:
        raise ConfigError(f"{table}: tables are written as {' or '.join(SUFFIXES)}")


def numbers(text: str, what: str) -> tuple[float, ...]:
    """`.1,.5,.9`. Raises `ConfigError`."""
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise ConfigError(f"{what} is {text!r}; give numbers like .1,.5,.9") from error
