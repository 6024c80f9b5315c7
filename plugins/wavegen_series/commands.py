"""The commands of this plugin: `forecast`, and `series` with everything else."""

from __future__ import annotations

import click

from .command_abrupt import abrupt
from .command_anomalies import anomalies
from .command_backtest import backtest
from .command_bench import bench
from .command_calibrate import calibrate
from .command_data import data
from .command_denoise import denoise
from .command_forecast import forecast
from .command_impute import impute
from .command_look import look
from .command_speed import speed


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
