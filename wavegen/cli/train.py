"""`wavegen train`: a folder of files in, a run folder with checkpoints out."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from ..errors import ConfigError
from ..plugins import plugins
from .options import ConfiguredCommand, Section
from .output import json_option, show

SECTIONS = ("domain", "model", "trainer")


class TrainCommand(ConfiguredCommand):
    """`train`, with the options of the domain and the model that it names."""

    prefixes = tuple(f"--{name}." for name in SECTIONS)

    def sections(self, arguments: Mapping[str, Any]) -> Sequence[Section]:
        """The domain's, the model's and the trainer's settings."""
        from ..training.config import TrainerConfig

        found: list[Section] = []
        named, suited = arguments.get("model"), dict[str, Any]()
        if name := arguments.get("domain"):
            domain = plugins().domain(name)
            title = f"Domain options ({domain.name})"
            found.append(Section("domain", title, domain.spec.config, "--domain."))
            named, suited = named or domain.spec.model, dict(domain.spec.trainer)
        if named:
            model = plugins().model(named)
            presets = f"; presets {', '.join(model.spec.presets)}" if model.spec.presets else ""
            title = f"Model options ({model.name}{presets})"
            found.append(Section("model", title, model.spec.config, "--model."))
            suited |= model.spec.trainer
        trainer = Section("trainer", "Training options", TrainerConfig, "--trainer.", suited)
        return [*found, trainer]


@click.command(cls=TrainCommand, context_settings={"max_content_width": 100})
@click.argument("domain", required=False)
@click.argument("sources", nargs=-1, metavar="SOURCE...")
@click.option(
    "-o",
    "--output",
    "run",
    required=True,
    type=click.Path(path_type=Path),
    metavar="RUN",
    help="Folder of the run: checkpoints and log.",
)
@click.option(
    "--model", default=None, metavar="NAME", help="The model.  [default: what suits DOMAIN]"
)
@click.option("--preset", metavar="NAME", help="A named set of the model's settings.")
@click.option(
    "-c",
    "--config",
    "config_file",
    type=click.Path(path_type=Path),
    metavar="FILE.toml",
    help="Settings in sections [domain], [model], [trainer]; the command line wins.",
)
@click.option("--valid", multiple=True, metavar="SOURCE", help="Validation files; may be repeated.")
@click.option("--test", multiple=True, metavar="SOURCE", help="Test files; may be repeated.")
@click.option("--resume", is_flag=True, help="Go on where the run in RUN stopped.")
@click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda", "mps"]),
    help="Where to compute; short for --trainer.device.",
)
@click.option("--minutes", type=float, help="When to stop; short for --trainer.minutes.")
@click.option("--steps", type=int, help="When to stop; short for --trainer.steps.")
@click.option(
    "--observe", "observers", multiple=True, metavar="NAME", help="An observer; may be repeated."
)
@json_option
@click.pass_context
def train(
    ctx: click.Context,
    domain: str | None,
    sources: tuple[str, ...],
    run: Path,
    model: str | None,
    preset: str | None,
    config_file: Path | None,
    valid: tuple[str, ...],
    test: tuple[str, ...],
    resume: bool,
    device: str | None,
    minutes: float | None,
    steps: int | None,
    observers: tuple[str, ...],
    settings: dict[str, dict[str, Any]],
    as_json: bool,
) -> None:
    """Train a model of kind --model on SOURCE... (files, folders, globs) of kind DOMAIN.

    `wavegen train audio --help` adds the options of that domain; `wavegen train --resume -o RUN`
    goes on with a run as it was started, under other --trainer options if any are given.
    """
    if not resume and not (domain and sources):
        raise click.UsageError(
            "give DOMAIN and SOURCE..., as in: wavegen train audio sounds/ -o run"
        )
    from .. import training

    short = {"device": device, "minutes": minutes, "steps": steps}
    settings["trainer"] |= {name: value for name, value in short.items() if value is not None}
    merged = _under(_read(config_file), settings)
    first = os.environ.get("RANK", "0") == "0"  # the other processes of torchrun stay silent
    result = training.train(
        domain or "",
        sources,
        run,
        model=model,
        preset=preset,
        domain_config=merged["domain"],
        model_config=merged["model"],
        trainer=merged["trainer"],
        valid=valid,
        test=test,
        resume=resume,
        observers=observers,
        progress=first,
    )
    if first:
        text = f"{result.run}: {result.steps} steps, {result.bits_valid:.3f} bits on validation"
        show(result.to_dict(), text, as_json)
    if result.interrupted:
        ctx.exit(130)


def _read(config_file: Path | None) -> dict[str, dict[str, Any]]:
    """The sections of a settings file."""
    from .. import config

    loaded = config.read(config_file) if config_file else {}
    for name, section in loaded.items():
        if name not in SECTIONS or not isinstance(section, dict):
            raise ConfigError(
                f"{config_file}: {name!r} is no section; settings stand under "
                + ", ".join(f"[{known}]" for known in SECTIONS)
            )
    return loaded


def _under(
    lower: Mapping[str, Mapping[str, Any]], upper: Mapping[str, Mapping[str, Any]]
) -> dict[str, dict[str, Any]]:
    """Both sets of settings; where both have one, `upper` wins."""
    return {name: {**lower.get(name, {}), **upper.get(name, {})} for name in SECTIONS}
