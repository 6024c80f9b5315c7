"""What `sample` and `stream` share: how a model is chosen, controlled and timed."""

from __future__ import annotations

import functools
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .. import checkpoint, config
from ..controls import Controls
from ..errors import ConfigError, DataError, PluginError
from ..plugins import plugins
from .options import PLAIN, ConfiguredCommand, Section

if TYPE_CHECKING:
    from ..playing import TrainedModel
    from ..program.player import Player

PROGRAM_SUFFIX = ".program"
FILE = click.Path(path_type=Path)
run_argument = click.argument("run", type=FILE)
engine_option = click.option(
    "--engine",
    default="auto",
    show_default=True,
    help="native (C++, on the CPU), torch, or auto: native where it can.",
)
precision_option = click.option(
    "--precision",
    metavar="NAME",
    help="Of the matrices of the native engine: float32 (if not told otherwise), bfloat16, int8.",
)
filter_option = click.option(
    "--filter",
    "filters",
    multiple=True,
    metavar="NAME",
    help="A change to the model's output before each draw; may be repeated.",
)
device_option = click.option(
    "--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:N or mps."
)


@dataclass(frozen=True)
class Request:
    """What is to be played, and how."""

    run: Path
    """A run or checkpoint, which are folders, or a program file."""
    seconds: float | None
    steps: int | None
    seed: int
    prime: Path | None
    prime_seconds: float | None
    prime_bars: int | None
    label: str | None
    follow: Path | None
    filters: tuple[str, ...]
    slots: int | None
    threads: int | None
    device: str
    engine: str
    precision: str | None
    controls: Controls
    plan: Any
    """What is asked of a new sequence: the domain's own dataclass, or None."""

    def load(self) -> TrainedModel | Player:
        """The model, its engine and its filters; or the program, for which no torch is imported."""
        if _is_program(self.run):
            from ..program.player import play

            self._need_no_run()
            return play(self.run, threads=self.threads)
        from ..playing import load

        model = load(
            self.run,
            self.device,
            engine=self.engine,
            precision=self.precision or "float32",
            slots=self.slots,
            threads=self.threads,
            filters=self.filters,
        )
        _ = model.engine  # made now, lest the lowering be counted as drawing
        return model

    def arguments(self) -> dict[str, Any]:
        """What `generate` and `stream` take just as it was given."""
        of_runs = {"prime_bars": self.prime_bars, "plan": self.plan}
        return {
            "seconds": self.seconds,
            "steps": self.steps,
            "seed": self.seed,
            "controls": self.controls,
            "prime_seconds": self.prime_seconds,
            "label": self.label,
            **{name: value for name, value in of_runs.items() if value is not None},
        }

    def _need_no_run(self) -> None:
        """Refuse what was settled when the program was made, or takes a run."""
        wishes = {
            "--condition-from": self.follow is not None,
            "--prime-bars": self.prime_bars is not None,
            "--filter": bool(self.filters),
            "--slots": self.slots is not None,
            f"--device {self.device}": self.device not in ("auto", "cpu"),
            f"--engine {self.engine}": self.engine not in ("auto", "native"),
            "--precision": self.precision is not None,
        }
        for option, is_wished in wishes.items():
            if is_wished:
                raise ConfigError(
                    f"{option} takes a run, and {self.run} is a program; give the run, or make "
                    "another program of it with wavegen program"
                )


class PlayCommand(ConfiguredCommand):
    """A command that draws, with the options of what RUN's domain can be asked for."""

    prefixes = (PLAIN,)

    def sections(self, arguments: Mapping[str, Any]) -> Sequence[Section]:
        """What can be asked of a new sequence; of a program nothing can."""
        run = arguments.get("run")
        plan = None if run is None or _is_program(run) else _plan_of(run)
        if plan is None:
            return ()
        return (Section("plan", "What to ask for, where no sequence is followed", plan, PLAIN),)


def controlled(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of the sampling controls; it gets them as one `controls`."""
    names = [f.name for f in fields(Controls)]

    def collected(**values: Any) -> None:
        given = {name: values.pop(name) for name in names}
        given = {name: value for name, value in given.items() if value is not None}
        command(controls=config.parse(Controls, given, "controls"), **values)

    decorated: Callable[..., None] = functools.update_wrapper(collected, command)
    texts = config.help_of(Controls)
    for f in reversed(fields(Controls)):
        option = click.option(
            f"--{f.name.replace('_', '-')}", f.name, type=type(f.default), help=texts[f.name]
        )
        decorated = option(decorated)
    return decorated


def plays(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of everything that draws; it gets them as one `request`."""
    names = [f.name for f in fields(Request) if f.name not in ("controls", "plan")]

    def collected(
        settings: Mapping[str, Mapping[str, str]], controls: Controls, **values: Any
    ) -> None:
        given = {name: values.pop(name) for name in names}
        asked = settings.get("plan")
        plan = config.parse(_plan_of(given["run"]), asked, "plan") if asked else None
        request = Request(**given, controls=controls, plan=plan)
        command(request=request, **values)

    decorated: Callable[..., None] = functools.update_wrapper(collected, command)
    for option in reversed(_options()):
        decorated = option(decorated)
    return decorated


def described(model: TrainedModel | Player) -> dict[str, Any]:
    """What plays it; from here on that is ready."""
    from ..program.player import Player

    if isinstance(model, Player):
        return {"device": "cpu", "engine": "native", "engine_note": None}
    return {
        "device": str(model.device),
        "engine": model.engine_name,
        "engine_note": model.engine_note,
    }


@dataclass(frozen=True)
class Timing:
    """How fast something was drawn."""

    steps_drawn: int
    """Of all voices together."""
    compute_seconds: float
    rate_hz: float

    @classmethod
    def since(cls, begin: float, steps_drawn: int, rate_hz: float) -> Timing:
        """From `begin`, a reading of `time.perf_counter`, until now."""
        return cls(steps_drawn, time.perf_counter() - begin, rate_hz)

    def to_dict(self) -> dict[str, float]:
        """`rtf` is the seconds it takes to compute a second, `xrt` the inverse."""
        steps_per_s = self.steps_drawn / self.compute_seconds
        return {
            "steps_drawn": self.steps_drawn,
            "compute_seconds": self.compute_seconds,
            "steps_per_s": steps_per_s,
            "rtf": self.rate_hz / steps_per_s if self.steps_drawn else float("nan"),
            "xrt": steps_per_s / self.rate_hz,
        }

    def __str__(self) -> str:
        """One line."""
        values = self.to_dict()
        return "{steps_per_s:,.0f} steps/s, rtf {rtf:.3g}, xrt {xrt:.3g}".format(**values)


def _is_program(run: Path) -> bool:
    return run.suffix == PROGRAM_SUFFIX or run.is_file()


def _plan_of(run: Path) -> Any:
    """The dataclass of what can be asked of the domain of a run; None where nothing can."""
    match checkpoint.config_of(run).get("domain"):
        case {"name": str(name), "plugin": str(plugin)}:
            try:
                return plugins().domain(f"{plugin}:{name}").spec.plan
            except PluginError:  # loading the run says what to install
                return None
        case _:
            return None


def numbered(path: Path, n: int) -> list[Path]:
    """`out.wav`, or `out-1.wav`, `out-2.wav`, ... where there are several."""
    if n == 1:
        return [path]
    return [path.with_name(f"{path.stem}-{i}{path.suffix}") for i in range(1, n + 1)]


def need_writable(path: Path) -> None:
    """Notice an output that cannot be written before anything is computed for it."""
    if path.is_dir():
        raise DataError(f"{path}: is a folder; give the name of a file")
    try:
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise DataError(
            f"{path}: cannot write there ({error.strerror}); choose another place"
        ) from error


def _options() -> list[Callable[[Callable[..., None]], Callable[..., None]]]:
    return [
        run_argument,
        click.option("--seconds", type=float, help="How long, the prime included."),
        click.option("--steps", type=int, help="How long in steps, instead of --seconds."),
        click.option("--seed", default=0, show_default=True, help="The same seed sounds the same."),
        click.option("--prime", type=FILE, help="A file to go on from."),
        click.option("--prime-seconds", type=float, help="How much of the prime, from its start."),
        click.option("--prime-bars", type=int, help="The same in bars, where it has any."),
        click.option("--speaker", "label", metavar="LABEL", help="Whom or what to play."),
        click.option("--condition-from", "follow", type=FILE, help="A file to speak anew."),
        controlled,
        filter_option,
        engine_option,
        precision_option,
        click.option(
            "--slots",
            type=click.IntRange(1),
            help="Voices played together; on the torch engine, which takes 4 or more, another "
            "number may change the last bits of the result.",
        ),
        click.option(
            "--threads",
            type=click.IntRange(1),
            help="Of the native engine, which shares voices out among them; all cores if not told "
            "otherwise.",
        ),
        device_option,
    ]
