"""`wavegen plugins`: what is installed, and with --check what works."""

from __future__ import annotations

from dataclasses import asdict

import click

from ..plugins import PluginInfo
from ..plugins import plugins as table_of_plugins
from .output import json_option, show


@click.command()
@click.option("--check", is_flag=True, help="Load every plugin; exit with 1 if any is broken.")
@json_option
@click.pass_context
def plugins(ctx: click.Context, check: bool, as_json: bool) -> None:
    """List the plugins that are installed, importing none of them unless --check is given."""
    table = table_of_plugins()
    rows = table.load() if check else table.rows()
    text = "\n".join(_lines(row) for row in rows)
    show({"plugins": [asdict(row) for row in rows]}, text, as_json)
    if any(row.status == "broken" for row in rows):
        ctx.exit(1)


def _lines(row: PluginInfo) -> str:
    origin = f"{row.distribution} {row.version}".strip()
    line = f"{row.status:8} {row.name:16} {origin:24} {row.target}"
    details = [f"         {offer}" for offer in row.offers]
    if row.error:
        details.append(f"         {row.error}")
    return "\n".join([line, *details])
