"""`wavegen eval`: the bits of a trained model on files it was not trained on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import ConfigError
from .output import json_option, note, show
from .playing import device_option, precision_option, run_argument

if TYPE_CHECKING:
    from torch import Tensor

    from ..domain import Corpus, Split
    from ..playing import TrainedModel

_METRIC_STEPS = 20_000_000  # what the domain's metrics look at; bits are of everything


@click.command()
@run_argument
@click.argument("sources", nargs=-1, metavar="[SOURCE]...")
@device_option
@precision_option
@json_option
def evaluate(
    run: Path, sources: tuple[str, ...], device: str, precision: str | None, as_json: bool
) -> None:
    """Score the model in RUN on SOURCE..., or on what was held out when it was trained.

    Bits per symbol are exact: each symbol given all those before it. With a --precision of fewer
    bits the native engine steps through them: what it costs in quality.
    """
    from ..playing import load

    model = load(run, device, precision=precision or "float32")
    splits = dict(_given(model, sources) if sources else _held_out(model))
    scores = {name: _score(model, parts) for name, parts in splits.items()}
    simple = {} if sources else model.config.get("trained", {}).get("baselines", {})
    show(
        {"run": str(run), "splits": scores, "baselines_on_validation": simple},
        "\n".join(_lines(scores, simple)),
        as_json,
    )


def _given(model: TrainedModel, sources: tuple[str, ...]) -> Iterator[tuple[str, list[Split]]]:
    corpus = _prepared(model, sources)
    yield "given", [corpus.train, corpus.valid, corpus.test]


def _held_out(model: TrainedModel) -> Iterator[tuple[str, list[Split]]]:
    data = model.config.get("data")
    if not isinstance(data, dict) or not data.get("sources"):
        raise ConfigError("the checkpoint does not say what was held out; give files to score")
    corpus = _prepared(model, data["sources"], data.get("valid", ()), data.get("test", ()))
    found = {"validation": corpus.valid, "test": corpus.test}
    kept = {name: [split] for name, split in found.items() if split.lengths.sum()}
    if not kept:
        raise ConfigError("nothing was held out when it was trained; give files to score")
    yield from kept.items()


def _prepared(model: TrainedModel, sources: Any, valid: Any = (), test: Any = ()) -> Corpus:
    from .. import cache

    folder = cache.folder(str(model.config["domain"]["name"]))
    corpus = model.domain.prepare(
        [str(s) for s in sources],
        folder,
        valid=[str(s) for s in valid],
        test=[str(s) for s in test],
    )
    for line in corpus.report.get("notes", ()):
        note(line)
    return corpus


def _score(model: TrainedModel, parts: list[Split]) -> dict[str, Any]:
    """Bits of all sequences together and of each, and what the domain knows of them."""
    from ..scoring import n_scored

    names = [name for part in parts for name in part.names]
    lengths = [n_scored(part, i) for part in parts for i in range(len(part.names))]
    bits = [total for part in parts for total in model.score_split(part)]
    return {
        "bits_per_symbol": sum(bits) / max(1, sum(lengths)),
        "symbols": sum(lengths),
        "seconds": sum(lengths) / model.domain.rate_hz,
        "sequences": [
            {"name": name, "symbols": length, "bits_per_symbol": total / max(1, length)}
            for name, length, total in zip(names, lengths, bits, strict=True)
        ],
        "metrics": model.domain.metrics(list(_sequences(parts))),
    }


def _sequences(parts: list[Split]) -> Iterator[Tensor]:
    """Whole sequences, as many as fit under the cap."""
    left = _METRIC_STEPS
    for part in parts:
        for index, length in enumerate(part.lengths.tolist()):
            if length <= left:
                left -= length
                yield part.read(index, 0, length)[0]


def _lines(scores: Mapping[str, Mapping[str, Any]], simple: Mapping[str, float]) -> Iterator[str]:
    for name, score in scores.items():
        yield (
            f"{name}: {score['bits_per_symbol']:.4f} bits per symbol over {score['symbols']:,} "
            f"symbols ({score['seconds']:.1f} s) of {len(score['sequences'])} sequences"
        )
        yield "  " + ", ".join(f"{key} {value:.4g}" for key, value in score["metrics"].items())
    if simple:
        beside = ", ".join(f"{name} {bits:.4f}" for name, bits in simple.items())
        yield f"simple statistics on validation: {beside}"
