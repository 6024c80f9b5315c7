"""The commands of this plugin: `forecast`, and `series` with everything else."""

from __future__ import annotations

import click


@click.group()
def series() -> None:
    """Look at time series, clean them, and judge forecasts of them."""


commands: tuple[click.Command, ...] = (series,)
