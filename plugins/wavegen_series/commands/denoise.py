"""`wavegen series denoise`: series without their noise, with no look at what comes later."""

from __future__ import annotations

from pathlib import Path

import click

from wavegen.cli.output import json_option, note, show
from wavegen.cli.playing import FILE, need_writable
from wavegen.errors import ConfigError

from ..tables.columns import Columns
from .column_options import reads_tables


@click.command()
@click.argument("source")
@click.option("-o", "--output", type=FILE, required=True, help="The CSV or Parquet file to write.")
@reads_tables
@click.option("--wavelet", default="coif3", show_default=True, help="One that PyWavelets has.")
@click.option("--levels", default=3, show_default=True, help="How coarse details may be to go.")
@click.option(
    "--window", default=512, show_default=True, help="Values that each value is made of, its own "
    "and those before it.",
)  # fmt: skip
@click.option("--moving-average", "width", type=int, help="Mean of so many values, not wavelets.")
@click.option(
    "--whole-series",
    is_flag=True,
    help="Make each value of the whole series, later values too. Never forecast the result.",
)
@json_option
def denoise(
    source: str,
    output: Path,
    columns: Columns,
    wavelet: str,
    levels: int,
    window: int,
    width: int | None,
    whole_series: bool,
    as_json: bool,
) -> None:
    """Take the noise out of the series in SOURCE, a table or the name of a data set.

    Every value is made of those up to it, so that a forecast of the result is honest. What is
    reported is how much was changed, not how good it is: nobody knows the series without noise.
    """
    from dataclasses import replace

    from ..sources import gather
    from ..tables.writing import write_series
    from ..treatments import denoise as wavelets
    from ..treatments.transforms import moving_average

    need_writable(output)
    if whole_series and width is not None:
        raise ConfigError("a moving average never looks ahead; leave --whole-series out")
    if whole_series:
        note(
            "later values leak into earlier ones: what is forecast of this looks better than it is"
        )
    series = gather([source], columns)
    span = min(len(each) for each in series) if whole_series else window
    usable = wavelets.levels_without_edges(span, wavelet)
    if width is None and usable < levels:
        note(
            f"the edges of {span} values leave {usable} of {levels} levels of {wavelet}: deeper "
            "ones are not used"
        )
    rows, clean = [], []
    for each in series:
        if width is not None:
            values = moving_average(each.values, width)
        elif whole_series:
            values = wavelets.denoise_whole(each.values, wavelet, levels)
        else:
            values = wavelets.denoise(each.values, wavelet, levels, window)
        clean.append(replace(each, values=values))
        for k, channel in enumerate(each.names.channels):
            before, after = each.values[:, k], values[:, k]
            rows.append(
                {
                    "series": each.name,
                    "channel": channel,
                    "snr_db": wavelets.snr_db(after, before),
                    "rmse": wavelets.rmse(after, before),
                }
            )
    write_series(output, clean)
    lines = [
        f"{row['series']} {row['channel']}: {row['snr_db']:.2f} dB, RMSE {row['rmse']:.4g}"
        for row in rows
    ]
    show({"file": str(output), "changes": rows}, "\n".join([*lines, str(output)]), as_json)
