"""What commands print: text for people, or with `--json` one JSON object on standard output."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import click

from ..plain import plain

json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print the result as JSON on standard output."
)
"""The decorator that gives a command `--json`; the command gets it as `as_json`."""


def show(result: Mapping[str, Any], text: str, as_json: bool, *, err: bool = False) -> None:
    """Print a command's result: `text`, or `result` as JSON (NaN and infinities become null).

    `err` is for commands whose standard output carries something else.
    """
    click.echo(json.dumps(plain(result), indent=2) if as_json else text, err=err)


def note(line: str) -> None:
    """Tell the user something that is not the result: it goes to standard error."""
    click.echo(line, err=True)
