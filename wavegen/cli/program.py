"""`wavegen program`: a model as a program file, or the text of one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .output import json_option, note, show
from .playing import (
    FILE,
    PROGRAM_SUFFIX,
    filter_option,
    need_writable,
    precision_option,
    run_argument,
)

if TYPE_CHECKING:
    from ..program.program import Program


@click.command()
@run_argument
@click.option(
    "-o", "--output", type=FILE, help="The file to write; RUN.program if not told otherwise."
)
@precision_option
@filter_option
@click.option("--dump", "as_text", is_flag=True, help="Print what is in it; with -o, write too.")
@json_option
def program(
    run: Path,
    output: Path | None,
    precision: str | None,
    filters: tuple[str, ...],
    as_text: bool,
    as_json: bool,
) -> None:
    """Make a program of the model in RUN: one file that plays without PyTorch.

    As in `wavegen program RUN -o voice.program --precision bfloat16`, then `wavegen sample
    voice.program -o out.wav`. It holds the model's step, the draw and the filters as a list of
    operations, and a voice for each label that is ready to play. RUN may itself be a program file,
    for --dump or another precision.
    """
    is_program = run.suffix == PROGRAM_SUFFIX or run.is_file()
    if output is None and not as_text:
        output = Path(run.absolute().name).with_suffix(PROGRAM_SUFFIX)
    if output is not None:
        need_writable(output)
    made = _read(run, precision, filters) if is_program else _made(run, precision, filters)
    from ..program.dump import dump, totals

    values: dict[str, Any] = {"file": None if output is None else str(output), **totals(made)}
    if output is not None:
        made.write(output)
        values["bytes"] = output.stat().st_size
        note(f"{values['bytes']:,} bytes, {made.precision}, {made.n_macs:,} MACs a step")
    show(values, dump(made) if as_text else str(output), as_json)


def _made(run: Path, precision: str | None, filters: tuple[str, ...]) -> Program:
    """The program of a run."""
    from ..playing import load

    model = load(run, "cpu", engine="torch", filters=filters)
    return model.program(precision or "float32")


def _read(file: Path, precision: str | None, filters: tuple[str, ...]) -> Program:
    """A program that was made before."""
    from ..errors import ConfigError
    from ..program.precision import precision_of, with_precision
    from ..program.program import Program

    if filters:
        raise ConfigError(f"--filter takes a run, and {file} is a program")
    made = Program.read(file)
    if precision is None:
        return made
    about = {**made.header["about"], "precision": precision}
    return with_precision(made, precision_of(precision)).with_about(about)
