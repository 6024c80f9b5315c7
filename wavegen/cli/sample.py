"""`wavegen sample`: new sequences from a trained model, each into a file."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import DataError
from ..hookspecs import Event, Observer
from .output import json_option, note, show
from .playing import (
    FILE,
    PlayCommand,
    Request,
    Timing,
    described,
    need_writable,
    numbered,
    plays,
)

if TYPE_CHECKING:
    from ..playing import TrainedModel
    from ..program.player import Player

_SOUND = (".wav", ".flac", ".ogg", ".mp3", ".aiff")


@click.command(cls=PlayCommand)
@plays
@click.option("-o", "--output", required=True, type=FILE, help="The file to write.")
@click.option(
    "-n",
    "n",
    default=1,
    show_default=True,
    type=click.IntRange(1),
    help="How many: OUT-1.wav, OUT-2.wav, ... with the seeds SEED, SEED + 1, ...",
)
@click.option("--picture", type=FILE, help="A PNG file to draw it to.")
@click.option("--observe", "observers", multiple=True, metavar="NAME", help="An observer to tell.")
@json_option
def sample(
    request: Request,
    output: Path,
    n: int,
    picture: Path | None,
    observers: tuple[str, ...],
    as_json: bool,
) -> None:
    """Draw new sequences from the model in RUN, as long as its kind commonly is (sounds: 4 s).

    RUN is a run, a checkpoint, or a program file made by `wavegen program`. A prime is the
    beginning of what is written and counts as part of its length. `wavegen sample RUN --help` adds
    what the domain of RUN can be asked for.
    """
    from ..plugins import plugins

    files, pictures = numbered(output, n), numbered(picture, n) if picture else []
    for file in [*files, *pictures]:
        need_writable(file)
    folder = request.run if request.run.is_dir() else request.run.parent
    listeners = [plugins().observer(name).spec.build(folder) for name in observers]
    model = request.load()
    domain = model.domain
    if output.suffix.lower() not in domain.suffixes:
        raise DataError(f"{output}: cannot write that; use {', '.join(domain.suffixes)}")
    arguments = request.arguments()
    if request.seconds is None and request.steps is None and request.follow is None:
        arguments["seconds"] = domain.default_seconds
    if request.prime is not None:
        arguments["prime"] = domain.load(request.prime)
    if request.follow is not None:
        arguments["follow"] = domain.load(request.follow)
    player = described(model)

    counter = _Counter()
    begin = time.perf_counter()
    sequences = model.generate(n, **arguments, progress=counter)
    timing = Timing.since(begin, counter.done, domain.rate_hz)
    counter.close()
    seeds = [request.seed + i for i in range(n)]
    for raw, file in zip(sequences, files, strict=True):
        domain.save(raw, file)
    for raw, file, seed in zip(sequences, pictures, seeds, strict=bool(pictures)):
        domain.picture(raw, file, f"{request.run.name}, seed {seed}")
    values = {
        "files": [str(file) for file in files],
        "pictures": [str(file) for file in pictures],
        "seeds": seeds,
        **player,
        **timing.to_dict(),
    }
    _tell(listeners, values, _trained_steps(model))
    note(f"{timing}, seed{'s' if n > 1 else ''} {request.seed}" + (f"-{seeds[-1]}" * (n > 1)))
    if player["engine_note"]:
        note(player["engine_note"])
    show(values, "\n".join(values["files"]), as_json)


def _trained_steps(model: TrainedModel | Player) -> int:
    from ..program.player import Player

    if isinstance(model, Player):
        return 0
    return model.config.get("trained", {}).get("steps", 0)


class _Counter:
    """Shows on a terminal how far it is."""

    def __init__(self) -> None:
        self.done = 0

    def __call__(self, done: int, total: int | None) -> None:
        self.done = done
        if total and sys.stderr.isatty():
            click.echo(f"\rdrawing: {done / total:4.0%} of {total:,} steps", nl=False, err=True)

    def close(self) -> None:
        """Take the line away."""
        if self.done and sys.stderr.isatty():
            click.echo("\r\x1b[K", nl=False, err=True)


def _tell(listeners: list[Observer], values: dict[str, Any], step: int) -> None:
    """One event for each file."""
    for i, (file, seed) in enumerate(zip(values["files"], values["seeds"], strict=True)):
        event: dict[str, Any] = {"step": step, "file": file, "seed": seed, "xrt": values["xrt"]}
        if file.lower().endswith(_SOUND):
            event["audio"] = file
        if values["pictures"]:
            event["picture"] = values["pictures"][i]
        for listener in listeners:
            listener.notify(Event("sampled", event))
