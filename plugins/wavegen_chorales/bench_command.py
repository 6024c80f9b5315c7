"""`wavegen chorales bench`: a run under the protocols of published figures."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wavegen.cli.output import json_option, note, show
from wavegen.cli.playing import device_option, run_argument
from wavegen.errors import ConfigError, DataError

if TYPE_CHECKING:
    from wavegen.playing import TrainedModel

    from .domain import ChoralesDomain
    from .protocols import Protocol

_GERON = {"nats": 0.6557, "accuracy": 0.8164}
"""On the test split, with the solution in the notebook of chapter 15."""


@click.command()
@run_argument
@click.argument("source")
@click.option(
    "--protocol",
    type=click.Choice(["p1", "geron"]),
    default="p1",
    show_default=True,
    help="p1: whole pieces. geron: the windows of chapter 15 of Hands-On Machine Learning.",
)
@click.option(
    "--split", type=click.Choice(["test", "valid"]), default="test", show_default=True,
    help="Which pieces of SOURCE.",
)  # fmt: skip
@device_option
@json_option
def bench(
    run: Path, source: str, protocol: Protocol, split: str, device: str, as_json: bool
) -> None:
    """Score the model in RUN on SOURCE as published figures are: in nats for each note cell.

    A cell is one voice in one sixteenth, given all cells before it, in the order soprano, bass,
    alto, tenor. Nothing else is told: a model that takes key, metre, fermatas or given notes gets
    none. SOURCE is what training takes; the common split of 229, 76 and 77 pieces is known.
    """
    from wavegen import cache
    from wavegen.playing import load

    from .benchmark import is_common_split, measures, read_cells
    from .ngram import nats_per_note
    from .splits import steps_of

    model = load(run, device)
    domain = _comparable(model)
    corpus = domain.prepare([source], cache.folder(str(model.config["domain"]["name"])))
    scored = {"test": corpus.test, "valid": corpus.valid}[split]
    pieces = steps_of(scored)
    if not pieces:
        raise DataError(f"{source}: no piece of it is in the split {split}")
    cells = read_cells(model, pieces, protocol)
    floor = None
    if protocol == "p1":
        floor = nats_per_note(steps_of(corpus.train), pieces, domain.n_classes)
    found = {
        "protocol": protocol,
        "split": split,
        "is_common_split": is_common_split(pieces, split),
        "pieces": len(pieces),
        "notes": int(cells.counts.sum()),
        **measures(cells),
        "ngram_nats": floor,
    }
    if not found["is_common_split"]:
        note(f"these are not the {split} pieces that papers score; compare with none of them")
    show(found, _text(found), as_json)


def _comparable(model: TrainedModel) -> ChoralesDomain:
    from .domain import ChoralesDomain

    if not isinstance(model.domain, ChoralesDomain):
        raise ConfigError("this model knows no chorales; train one with wavegen train chorales")
    if model.domain.config.holds:
        raise ConfigError(
            "this model tells held notes from struck ones, which published figures do not; train "
            "one with --domain.holds false"
        )
    return model.domain


def _text(found: Mapping[str, Any]) -> str:
    """The figures beside those they are to be compared with."""
    voices = ", ".join(f"{v} {found[v]:.4f}" for v in ("soprano", "alto", "tenor", "bass"))
    lines = [
        f"{found['protocol']}, {found['split']}: {found['pieces']} pieces, {found['notes']:,} "
        "notes",
        f"nats a note   {found['micro']:.4f} (mean of pieces {found['macro']:.4f}; {voices})",
        f"nats a step   {found['step_nats']:.4f} ({found['change_nats']:.4f} where Bach changes "
        f"something, {found['change_share']:.1%} of steps)",
        f"likeliest     {found['accuracy']:.2%} of notes right, {found['step_accuracy']:.2%} of "
        f"steps (copying the step before: {found['copied_accuracy']:.2%} and "
        f"{found['copied_step_accuracy']:.2%})",
    ]
    if found["ngram_nats"] is not None:
        lines.append(
            f"n-gram        {found['ngram_nats']:.4f} nats a note, counted in the training pieces"
        )
    if found["protocol"] == "geron":
        lines.append(
            f"the book's    {_GERON['nats']} nats a note, {_GERON['accuracy']:.2%} right, on test"
        )
    return "\n".join(lines)
