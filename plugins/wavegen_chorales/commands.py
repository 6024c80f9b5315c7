"""`wavegen chorales`: judge chorales and models of them, and write notes around given ones."""

from __future__ import annotations

import click

from wavegen.cli.output import json_option, note, show

from .bench_command import bench
from .filling_commands import harmonize, infill


@click.group()
def chorales() -> None:
    """Judge chorales and models of them, harmonize tunes, write parts of a piece anew."""


chorales.add_command(bench)
chorales.add_command(harmonize)
chorales.add_command(infill)


@chorales.command("eval")
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@json_option
def evaluate(sources: tuple[str, ...], as_json: bool) -> None:
    """Set the chorales in SOURCE... beside Bach's: what can be counted, grades, a two-sample test.

    Each folder, glob or archive is a set with a column of its own; single files are one set
    together. Nothing is trained or loaded.
    """
    from .battery_reference import shipped
    from .battery_table import AREAS, json_of, table, text_of
    from .judging import sets_of

    judged, notes = sets_of(sources)
    for line in notes:
        note(line)
    rows = table(judged, shipped())
    if not any(row.name in AREAS and row.cells.keys() & judged.keys() for row in rows):
        note(
            "no two-sample test: it takes five pieces of ten bars in a set, and scikit-learn "
            "(pip install 'wavegen[chorales]')"
        )
    counts = {name: len(grids) for name, grids in judged.items()}
    sizes = ", ".join(f"{name}: {count} pieces" for name, count in counts.items())
    show({"pieces": counts, "measures": json_of(rows)}, f"{sizes}\n{text_of(rows)}", as_json)
