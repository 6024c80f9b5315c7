"""The commands of this plugin: `forecast`, and `series` with everything else."""

from __future__ import annotations

import click

from .abrupt import abrupt
from .anomalies import anomalies
from .backtest import backtest
from .bench import bench
from .calibrate import calibrate
from .data import data
from .denoise import denoise
from .forecast import forecast
from .impute import impute
from .look import look
from .speed import speed


@click.group()
def series() -> None:
    """Look at time series, clean them, and judge forecasts of them."""


series.add_command(backtest)
series.add_command(abrupt)
series.add_command(bench)
series.add_command(data)
series.add_command(denoise)
series.add_command(anomalies)
series.add_command(calibrate)
series.add_command(impute)
series.add_command(look)
series.add_command(speed)

commands: tuple[click.Command, ...] = (series, forecast)
