"""`wavegen series abrupt`: where series turn abruptly."""

from __future__ import annotations

import click

from wavegen.cli.output import json_option, show

from ..tables.columns import Columns
from .column_options import reads_tables


@click.command()
@click.argument("source")
@reads_tables
@click.option(
    "--threshold", default=0.02, show_default=True, help="Of the change; 0.02 is two percent."
)
@json_option
def abrupt(source: str, columns: Columns, threshold: float, as_json: bool) -> None:
    """List the steps at which the series in SOURCE, a table or a data set, turn abruptly.

    How much a series moves is D(t) = (x(t) - x(t-1)) / x(t-1); a turn is C(t) = D(t) - D(t-1),
    and abrupt where it is above the threshold either way.
    """
    import numpy as np

    from ..sources import gather
    from ..treatments.abrupt import abrupt as found
    from ..treatments.abrupt import turn

    rows, lines = [], []
    for series in gather([source], columns):
        where, turns = found(series.values, threshold), turn(series.values)
        known = np.isfinite(turns).sum(axis=0)
        for k, channel in enumerate(series.names.channels):
            steps = np.flatnonzero(where[:, k])
            times = [str(time).removesuffix("T00:00:00.000000000") for time in series.time[steps]]
            sizes = turns[steps, k].tolist()
            share = len(steps) / max(1, int(known[k]))
            rows.append(
                {
                    "series": series.name,
                    "channel": channel,
                    "steps": len(series),
                    "abrupt": len(steps),
                    "share": share,
                    "times": times,
                    "turns": sizes,
                }
            )
            lines += [f"{time}  {size:+.4f}" for time, size in zip(times, sizes, strict=True)]
            lines.append(
                f"{series.name} {channel}: {len(steps)} of {len(series)} steps ({share:.1%}) turn "
                f"by more than {threshold:g}"
            )
    show({"series": rows}, "\n".join(lines), as_json)
