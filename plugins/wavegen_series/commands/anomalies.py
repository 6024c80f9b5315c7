"""`wavegen series anomalies`: how surprising each value is, given all that was before it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from wavegen.cli.output import json_option, note, show
from wavegen.cli.playing import FILE
from wavegen.errors import ConfigError

from ..forecasting.calibration_file import is_calibrated
from ..series import Names, Numbers, Series
from .forecasting_options import Asked, asks, need_outputs, plot_option

if TYPE_CHECKING:
    import numpy.typing as npt

    from ..forecasting.forecaster import Forecaster

    Flags = npt.NDArray[np.bool_]

_SHOWN_ROWS = 20


@click.command()
@asks
@click.option(
    "--quantile",
    default=0.995,
    show_default=True,
    help="A value is odd where it is more surprising than this share of the usual ones.",
)
@click.option("-o", "--output", type=FILE, help="A .csv or .parquet file for all scores.")
@plot_option
@json_option
def anomalies(
    asked: Asked, quantile: float, output: Path | None, plot: Path | None, as_json: bool
) -> None:
    """Score each value of the series in DATA by -log p, given its past, under the model in RUN.

    What is usual comes from `wavegen series calibrate`, else from DATA itself.
    """
    if not 0 < quantile < 1:
        raise ConfigError(f"quantile is {quantile:g}; it must be above 0 and below 1")
    need_outputs(output, plot)
    forecaster = asked.load()
    series = asked.read(forecaster)
    nats = [_nats(forecaster, each) for each in series]
    usual = "calibration" if is_calibrated(asked.run) else "these data"
    if usual == "calibration":
        known = forecaster.held_out(asked.run).nats
        assert known is not None  # the model has a density
    else:
        note("the run is not calibrated: what is usual comes from these very data")
        known = np.concatenate(nats).T
    limits = np.nanquantile(known, quantile, axis=1)
    odd = [each > limits for each in nats]
    if output is not None:
        from ..tables.writing import write_series

        write_series(output, [_with_scores(*each) for each in zip(series, nats, odd, strict=True)])
    if plot is not None:
        from ..pictures.series import draw_surprises

        left = draw_surprises(series[0], nats[0], odd[0], limits, plot)
        if left or len(series) > 1:
            note(f"{plot}: shows {series[0].name!r} only, {left} channels less")
    rows = [row for each in zip(series, nats, odd, strict=True) for row in _odd_rows(*each)]
    rows.sort(key=lambda row: -float(row["nats"]))
    values = {
        "quantile": quantile,
        "usual": usual,
        "limits_nats": limits.tolist(),
        "values": int(sum(np.isfinite(each).sum() for each in nats)),
        "odd": rows,
    }
    show(values, _table(rows, values["values"]), as_json)


def _nats(forecaster: Forecaster, series: Series) -> Numbers:
    """`(T, N)` -log p of each value. Raises `ConfigError` for a model without a density."""
    density = forecaster.log_density(series, 0)
    if density is None:
        raise ConfigError(
            "this model gives numbers without a distribution, so no value is more surprising than "
            "another; train one with another --domain.head"
        )
    return -density


def _with_scores(series: Series, nats: Numbers, odd: Flags) -> Series:
    """The series with its scores as further channels."""
    names = series.names.channels
    prefix = [""] if len(names) == 1 else [f"{name}_" for name in names]
    added = [f"{each}{what}" for what in ("nats", "bits", "odd") for each in prefix]
    columns = [series.values, nats, nats / math.log(2), odd.astype(float)]
    return Series(
        series.name,
        series.time[: len(series)],
        np.concatenate(columns, axis=1),
        names=Names((*names, *added)),
    )


def _odd_rows(series: Series, nats: Numbers, odd: Flags) -> Iterator[dict[str, Any]]:
    for t, k in np.argwhere(odd):
        yield {
            "unique_id": series.name,
            "ds": str(series.time[t]).removesuffix(".000000000").removesuffix("T00:00:00"),
            "channel": series.names.channels[k],
            "value": float(series.values[t, k]),
            "nats": float(nats[t, k]),
            "bits": float(nats[t, k]) / math.log(2),
        }


def _table(rows: Sequence[dict[str, Any]], n: int) -> str:
    """Lines for people: the most surprising first."""
    lines = [f"{len(rows):,} of {n:,} values are odd"]
    lines += [
        f"{row['unique_id']:<12} {row['ds']:<20} {row['channel']:<10} {row['value']:>12.6g} "
        f"{row['nats']:>9.3f} nats {row['bits']:>9.3f} bits"
        for row in rows[:_SHOWN_ROWS]
    ]
    if len(rows) > _SHOWN_ROWS:
        lines.append(f"... {len(rows) - _SHOWN_ROWS} more; -o FILE writes all scores")
    return "\n".join(lines)
