"""`wavegen series data`: the data sets there are, and any of them as a file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from wavegen.cli.output import json_option, show
from wavegen.cli.playing import FILE, need_writable
from wavegen.errors import ConfigError


@click.command()
@click.argument("name", required=False)
@click.option("-o", "--output", type=FILE, help="Write NAME here, as CSV or Parquet.")
@click.option("--column", "columns", multiple=True, help="A column to write; may be repeated.")
@click.option("-n", "n", type=int, help="How many series to generate.")
@click.option("--steps", type=int, help="How long they are.")
@click.option("--seed", default=0, show_default=True, help="The same seed, the same series.")
@json_option
def data(
    name: str | None,
    output: Path | None,
    columns: tuple[str, ...],
    n: int | None,
    steps: int | None,
    seed: int,
    as_json: bool,
) -> None:
    """List the data sets that there are, or write the one called NAME to a file.

    Generated ones take -n, --steps and --seed. Real ones come with other packages; nothing is
    fetched from a network. Each can be named in place of a file: wavegen train series NAME.
    """
    from ..datasets.catalogue import DATASETS, find, load

    if name is None:
        if output is not None:
            raise ConfigError(f"which data set is to be written? {', '.join(DATASETS)}")
        show({"datasets": {key: _about(key) for key in DATASETS}}, _table(), as_json)
        return
    if output is None:
        find(name)
        show({name: _about(name)}, _line(name), as_json)
        return
    from ..tables.writing import write_series

    need_writable(output)
    series = load(name, columns, n=n, steps=steps, seed=seed)
    write_series(output, series)
    rows = sum(len(each) for each in series)
    told = {"file": str(output), "series": len(series), "rows": rows}
    show(told, f"{output}: {len(series)} series, {rows} rows", as_json)


def _about(name: str) -> Mapping[str, Any]:
    from ..datasets.catalogue import INSTALL, Generated, find

    source = find(name)
    if isinstance(source, Generated):
        size = {"series": source.n, "steps": source.steps}
        return {"summary": source.summary, "from": "generated", **size, "cure": None}
    return {
        "summary": source.summary,
        "from": source.package,
        "steps": source.rows,
        "licence": source.licence,
        "cure": None if source.installed else INSTALL,
    }


def _table() -> str:
    from ..datasets.catalogue import DATASETS

    return "\n".join(_line(name) for name in DATASETS)


def _line(name: str) -> str:
    about = _about(name)
    if about["from"] == "generated":
        where = f"generated, {about['series']} of {about['steps']} steps"
    else:
        where = f"{about['from']}, {about['steps']} steps; {about['licence']}"
    missing = f"\n{'':15}not installed: {about['cure']}" if about["cure"] else ""
    return f"{name:15}{about['summary']}\n{'':15}{where}{missing}"
