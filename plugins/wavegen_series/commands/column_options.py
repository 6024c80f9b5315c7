"""The options of commands that read tables: which column is what."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click

from ..tables.columns import Columns

_NAMES = {
    "id": "Column that says which series a row belongs to; found if it has a usual name.",
    "time": "Column of dates or whole numbers; found if it has a usual name.",
}


def reads_tables(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command `--id`, `--time` and `--target`; it gets them as `columns`."""

    def collected(id: str, time: str, target: tuple[str, ...], **values: Any) -> None:
        command(columns=Columns(id=id, time=time, target=target), **values)

    decorated: Callable[..., None] = functools.update_wrapper(collected, command)
    decorated = click.option(
        "--target", multiple=True, metavar="COLUMN", help="Column of values; may be repeated."
    )(decorated)
    for name, text in reversed(_NAMES.items()):
        decorated = click.option(f"--{name}", default="", metavar="COLUMN", help=text)(decorated)
    return decorated
