"""`wavegen chorales harmonize` and `infill`: notes around given ones, from files to files."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wavegen.cli.output import json_option, note, show
from wavegen.cli.playing import (
    FILE,
    controlled,
    device_option,
    engine_option,
    filter_option,
    need_writable,
    numbered,
)
from wavegen.controls import Controls
from wavegen.errors import ConfigError, DataError

if TYPE_CHECKING:
    from .grid import ChoraleGrid, Flags, Key
    from .harmonizing import Filled

_VOICES = ("soprano", "alto", "tenor", "bass")
_GUARD = "chorale-parallels"
_SHIPPED = "bach"
"""The model that comes with wavegen."""


@dataclass(frozen=True)
class _Wish:
    """What is to be written, by which model, and how."""

    run: Path
    output: Path
    n: int
    seed: int
    controls: Controls
    guard: bool
    filters: tuple[str, ...]
    engine: str
    device: str
    as_json: bool


def _fills(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of what writes notes around given ones; it gets a `_Wish`."""
    names = [f.name for f in fields(_Wish)]

    def collected(**values: Any) -> None:
        wish = _Wish(**{name: values.pop(name) for name in names})
        _need_output(wish)
        command(wish=wish, **values)

    decorated: Callable[..., None] = functools.update_wrapper(collected, command)
    options = [
        click.option(
            "--model",
            "run",
            default=_SHIPPED,
            show_default=True,
            type=FILE,
            help="A run of --model chorale.",
        ),
        click.option("-o", "--output", type=FILE, required=True, help="The file to write."),
        click.option(
            "-n",
            "n",
            default=1,
            show_default=True,
            type=click.IntRange(1),
            help="How many: OUT-1.mid, OUT-2.mid, ... with the seeds SEED, SEED + 1, ...",
        ),
        click.option("--seed", default=0, show_default=True, help="The same seed, the same notes."),
        controlled,
        click.option(
            "--guard/--no-guard",
            default=True,
            show_default=True,
            help="Keep new notes off parallel fifths and octaves.",
        ),
        filter_option,
        engine_option,
        device_option,
        json_option,
    ]
    for option in reversed(options):
        decorated = option(decorated)
    return decorated


@click.command()
@click.argument("tune", type=FILE)
@_fills
def harmonize(wish: _Wish, tune: Path) -> None:
    """Write an alto, a tenor and a bass to the tune in TUNE, no note of which is changed.

    TUNE has one voice, or is a piece of which the soprano is taken. What is out of a soprano's
    range is harmonized where it can be sung, and moved back.
    """
    from .given_parts import brought_into_range, cells_of
    from .tune import load_tune

    reading = load_tune(tune)
    move = brought_into_range(reading.grid)
    if move:
        note(f"out of a soprano's range: harmonized {move:+d} semitones away, and moved back")
    grid = reading.grid.transposed(move)
    filled = _filled(wish, reading.notes, grid, cells_of(grid, ("soprano",), None))
    back = [_moved(each, -move, reading.grid.key) for each in filled]
    _deliver(wish, back, {"moved_semitones": move})


def _moved(filled: Filled, semitones: int, key: Key | None) -> Filled:
    """Back where the tune was; its key, moved there and back, may be spelled in another way."""
    assumed = filled.assumed_key
    return replace(
        filled,
        grid=replace(filled.grid.transposed(semitones), key=key),
        assumed_key=None if assumed is None else assumed.transposed(semitones),
    )


@click.command()
@click.argument("piece", type=FILE)
@click.option("--voice", "voices", multiple=True, type=click.Choice(_VOICES), help="Repeatable.")
@click.option("--bars", metavar="FIRST-LAST", help="As 3-5, or 3; a pickup is bar 0.")
@_fills
def infill(wish: _Wish, piece: Path, voices: tuple[str, ...], bars: str | None) -> None:
    """Write some of PIECE anew: some voices, some bars, or some voices in some bars.

    All else stays as it is, to the note.
    """
    from .given_parts import cells_of
    from .reading import read

    if not voices and bars is None:
        raise ConfigError("what is to be written anew? give --voice, --bars or both")
    span = None if bars is None else _span(bars)
    reading = read(piece)
    anew = cells_of(reading.grid, voices or _VOICES, span)
    _deliver(wish, _filled(wish, reading.notes, reading.grid, ~anew), {})


def _filled(wish: _Wish, notes: Sequence[str], grid: ChoraleGrid, given: Flags) -> list[Filled]:
    from wavegen.playing import load

    from .harmonizing import fill

    for line in notes:
        note(line)
    filters = [*dict.fromkeys([_GUARD] * wish.guard + list(wish.filters))]
    model = load(wish.run, wish.device, engine=wish.engine, filters=filters)
    return fill(model, grid, given, wish.n, seed=wish.seed, controls=wish.controls)


def _deliver(wish: _Wish, filled: Sequence[Filled], about: Mapping[str, Any]) -> None:
    from .writing import write

    files = numbered(wish.output, wish.n)
    key = filled[0].assumed_key
    if key is not None:
        note(f"the file says no key; the model was told {key.name}, which fits its notes best")
    for each, file in zip(filled, files, strict=True):
        write(each.grid, file)
        note(f"{file}: {each.nats_per_cell:.4f} nats per new note cell")
    values = {
        "files": [str(file) for file in files],
        "nats_per_cell": [each.nats_per_cell for each in filled],
        "seeds": [wish.seed + i for i in range(wish.n)],
        "assumed_key": None if key is None else key.name,
        **about,
    }
    show(values, "\n".join(values["files"]), wish.as_json)


def _need_output(wish: _Wish) -> None:
    from .player import ChoralesPlayer

    if wish.output.suffix.lower() not in ChoralesPlayer.suffixes:
        raise DataError(
            f"{wish.output}: cannot write that; use {', '.join(ChoralesPlayer.suffixes)}"
        )
    for file in numbered(wish.output, wish.n):
        need_writable(file)


def _span(text: str) -> tuple[int, int]:
    """`3-5` or `3`."""
    found = re.fullmatch(r"(\d{1,6})(?:-(\d{1,6}))?", text.strip())
    first, last = (int(found[1]), int(found[2] or found[1])) if found else (1, 0)
    if first > last:
        raise ConfigError(f"bars are {text!r}; give the first and the last, like 3-5")
    return first, last
