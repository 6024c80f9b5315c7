"""What commands print: text for people, or with `--json` one JSON object on standard output."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import click

json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print the result as JSON on standard output."
)
"""The decorator that gives a command `--json`; the command gets it as `as_json`."""


def show(result: Mapping[str, Any], text: str, as_json: bool) -> None:
    """Print a command's result: `text`, or `result` as JSON (NaN and infinities become null)."""
    click.echo(json.dumps(_finite(result), indent=2) if as_json else text)


def note(line: str) -> None:
    """Tell the user something that is not the result: it goes to standard error."""
    click.echo(line, err=True)


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
