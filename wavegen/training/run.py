"""`train`: prepare data, build the model, run the loop, leave a folder that plays and resumes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .. import cache, checkpoint, config, device
from ..domain import Corpus, Domain, Split
from ..errors import CheckpointError, ConfigError, DataError
from ..heads import missing
from ..model import SequenceModel
from ..plain import plain
from ..playing import TrainedModel
from ..plugins import Offer, plugins
from .allocator import keep_freed_memory
from .baselines import baselines
from .card import card
from .config import TrainerConfig
from .distributed import Ranks, ranks
from .initial import keras_style
from .journal import Journal
from .loop import Counters, Scorer, Trainer
from .precision import fast_precision
from .run_folder import run_folder
from .sampler import Sampler
from .windows import Windows

NOTHING: Mapping[str, Any] = {}

_NEAR_BASELINE = 0.05
"""Bits: a model that gains no more than this over a baseline has learnt little."""


@dataclass(frozen=True)
class TrainingResult:
    """What a run came to."""

    run: Path
    checkpoint: Path
    steps: int
    scored: int
    bits_train: float
    bits_valid: float
    baselines: Mapping[str, float]
    seconds: float
    interrupted: bool

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {**asdict(self), "run": str(self.run), "checkpoint": str(self.checkpoint)}


@dataclass(frozen=True)
class Request:
    """What was asked for; kept in the checkpoint, so that resuming asks for the same."""

    domain: str
    sources: Sequence[str]
    valid: Sequence[str]
    test: Sequence[str]
    model: str
    domain_config: Mapping[str, Any]
    model_config: Mapping[str, Any]
    trainer: TrainerConfig


def train(
    domain: str,
    sources: Sequence[str],
    run: Path,
    *,
    model: str | None = None,
    preset: str | None = None,
    domain_config: Mapping[str, Any] = NOTHING,
    model_config: Mapping[str, Any] = NOTHING,
    trainer: Mapping[str, Any] = NOTHING,
    valid: Sequence[str] = (),
    test: Sequence[str] = (),
    resume: bool = False,
    observers: Sequence[str] = (),
    progress: bool = True,
) -> TrainingResult:
    """Train a model on `sources` and leave its checkpoints in `run`.

    Where no `model` is named it is the one that suits the domain. Training settings that are not
    given are those that suit the domain and the model, and the usual ones for the rest.
    With `resume` the run goes on as it was asked for: nothing else need be given, only `trainer`
    values may differ from the old ones. Raises a `WavegenError` for all that a user can mend.
    """
    run = Path(run)
    found = checkpoint.read(run) if resume else None
    asked = {
        "domain": domain,
        "sources": [_absolute(source) for source in sources],
        "valid": [_absolute(source) for source in valid],
        "test": [_absolute(source) for source in test],
        "domain_config": dict(domain_config),
        "model_config": dict(model_config),
    }
    if preset is not None:
        name = _request_of(found).model if found else _model_for(domain, model)
        asked["model_config"] = {**_preset(name, preset), **model_config}
    if found:
        request = _kept(found, asked, trainer)
    elif checkpoint.checkpoints(run):
        raise ConfigError(
            f"{run} already holds a run; go on with it (--resume) or choose another folder"
        )
    else:
        model = _model_for(domain, model)
        suited = {**plugins().domain(domain).spec.trainer, **plugins().model(model).spec.trainer}
        settings = config.parse(TrainerConfig, {**suited, **trainer}, "trainer")
        request = Request(**asked, model=model, trainer=settings)
    chosen = device.choose(request.trainer.device)
    with ranks(chosen.type) as here:
        if chosen.type == "cuda" and here.count > 1:
            chosen = torch.device("cuda", here.local)
        with run_folder(run) if here.is_first else nullcontext():
            told = observers if here.is_first else ()
            listeners = [plugins().observer(name).spec.build(run) for name in told]
            journal = Journal(run, listeners, here.is_first, progress)
            try:
                return _run(request, run, found, chosen, here, journal)
            finally:
                journal.close()


def _run(
    request: Request,
    run: Path,
    found: checkpoint.Checkpoint | None,
    chosen: torch.device,
    here: Ranks,
    journal: Journal,
) -> TrainingResult:
    settings = request.trainer
    if settings.precision == "auto":
        settings = replace(settings, precision=fast_precision(chosen))
    if settings.threads:
        torch.set_num_threads(settings.threads)
    if chosen.type == "cpu":
        keep_freed_memory()

    domain_offer, model_offer = plugins().domain(request.domain), plugins().model(request.model)
    corpus = _corpus(request, domain_offer, here, journal)
    domain = corpus.domain
    torch.manual_seed(settings.seed)
    head = domain.head()
    built = config.parse(model_offer.spec.config, request.model_config, "model")
    model = model_offer.spec.build(built, domain.spec(head))
    if settings.init == "keras":
        keras_style(model)
    domain.admit(model)
    scorer = Scorer(model, head).to(chosen)
    longest = int(max(split.lengths.max(initial=1) for split in (corpus.train, corpus.valid)))
    lead_in = _lead_in(model, settings, longest)
    window = min(settings.window, longest)
    train_windows = Windows(domain, corpus.train, lead_in, window)
    valid_windows = Windows(domain, corpus.valid, lead_in, window)
    trainer = Trainer(scorer, settings, train_windows, valid_windows, chosen, here, journal)
    if found:
        trainer.restore(str(found.path), found.training(), _counters(found))
        journal.forget_after(trainer.step)
    simple = {
        **baselines(head, corpus.train, corpus.valid),
        **domain.baselines(corpus.train, corpus.valid),
    }
    n_parameters = sum(p.numel() for p in scorer.parameters())
    journal.tell(
        "started",
        {
            "step": trainer.step,
            "parameters": n_parameters,
            "lead_in": lead_in,
            "device": str(chosen),
            "precision": settings.precision,
            "baselines": simple,
            "data": dict(corpus.report),
        },
    )
    for note in corpus.report.get("notes", ()):
        journal.say(note)
    journal.say(_summary(request, corpus, n_parameters, lead_in, settings, chosen, simple))

    sampler = None
    if settings.sample_seconds and journal.is_heard:
        split = corpus.valid if len(corpus.valid.names) else corpus.train
        sampler = Sampler(
            lambda: TrainedModel(model, head, domain, lead_in=lead_in, device=chosen),
            split,
            settings.sample_seconds,
            run / "samples",
            journal,
        )
    description = {
        "model": _entry(model_offer, built),
        "domain": _entry(domain_offer, domain.config),
        "spec": config.to_dict(domain.spec(head)),
        "lead_in": lead_in,
        "trainer": config.to_dict(settings),
        "data": {
            "sources": list(request.sources),
            "valid": list(request.valid),
            "test": list(request.test),
            "report": dict(corpus.report),
        },
    }

    def save(state: Trainer) -> str:
        if not here.is_first:
            here.wait()
            return ""
        if sampler and not state.interrupted:
            with state.averaged():
                sampler.draw(state.step)
        trained = {
            "steps": state.step,
            "scored": state.scored,
            "seconds": state.seconds,
            "bits_train": state.bits_train,
            "bits_valid": state.bits_valid,
            "baselines": simple,
            "parameters": n_parameters,
            "sequences": len(corpus.train.names),
            "device": str(chosen),
            "precision": settings.precision,
            "suffix": domain.suffixes[0],
        }
        with state.averaged():
            weights = {name: value.clone() for name, value in scorer.state_dict().items()}
        if state.progress >= 1 and not state.interrupted:
            better = _better(run, state.bits_valid)
            if better is not None:
                trained["bits_valid"] = checkpoint.bits_valid(better)
                weights = checkpoint.read(better).weights()
                journal.say(f"{better.name} was better on validation: its weights are kept")
        kept = plain({**description, "trained": trained})
        path = checkpoint.write(
            run,
            state.step,
            config=kept,
            weights=weights,
            card=card(kept),
            training=state.tensors(),
            training_state={
                "trainer": asdict(state.counters()),
                "request": _request(request),
            },
            keep=settings.keep,
        )
        journal.tell("saved", {"step": state.step, "checkpoint": str(path)})
        here.wait()
        return str(path)

    trainer.run(save)
    bits_kept = checkpoint.bits_valid(Path(trainer.saved)) if trainer.saved else None
    bits_valid = trainer.bits_valid if bits_kept is None else bits_kept
    if trainer.interrupted:
        journal.say(f"stopped at step {trainer.step}; go on with: wavegen train --resume -o {run}")
    else:
        _judge(journal, trainer, simple, bits_valid)
    result = TrainingResult(
        run,
        Path(trainer.saved),
        trainer.step,
        trainer.scored,
        trainer.bits_train,
        bits_valid,
        simple,
        trainer.seconds,
        trainer.interrupted,
    )
    journal.tell(
        "finished",
        {
            "step": result.steps,
            "seconds": result.seconds,
            "bits_train": result.bits_train,
            "bits_valid": result.bits_valid,
        },
    )
    return result


def _model_for(domain: str, model: str | None) -> str:
    """The model that is named, or the one that suits the domain."""
    return model or plugins().domain(domain).spec.model


def _preset(model: str, preset: str) -> Mapping[str, Any]:
    presets = plugins().model(model).spec.presets
    if preset not in presets:
        known = ", ".join(presets) or "none"
        raise ConfigError(f"{model} has no preset {preset!r}; known: {known}")
    return presets[preset]


def _corpus(request: Request, offer: Offer[Any], here: Ranks, journal: Journal) -> Corpus:
    """Prepared data; one process prepares, the others find its cache."""
    domain: Domain[Any] = offer.spec.build(
        config.parse(offer.spec.config, request.domain_config, "domain")
    )
    folder = cache.folder(offer.spec.name)

    def prepare() -> Corpus:
        return domain.prepare(request.sources, folder, valid=request.valid, test=request.test)

    corpus = prepare() if here.is_first else None
    here.wait()
    corpus = corpus or prepare()
    if int(corpus.train.lengths.sum()) == 0:
        raise DataError(f"{', '.join(request.sources)}: nothing is left to train on")
    if int(corpus.valid.lengths.sum()) == 0:
        journal.warn("there are no validation data; give --valid, or more files")
    return corpus


def _better(run: Path, bits_valid: float) -> Path | None:
    """The best checkpoint so far, where it is better than what the run ends with."""
    best = checkpoint.best(run)
    bits = None if best is None else checkpoint.bits_valid(best)
    return best if bits is not None and bits < bits_valid else None


def _lead_in(model: SequenceModel[Any], settings: TrainerConfig, longest: int) -> int:
    """Start symbols before every sequence: enough to fill what a step looks at.

    Where that is unbounded, no more than the longest sequence has steps.
    """
    if model.receptive_field is None:
        return min(settings.context, longest)
    return model.receptive_field + model.cond_reach


def _entry(offer: Offer[Any], built: Any) -> dict[str, Any]:
    """What a checkpoint says of a plugin's part."""
    return {
        "name": offer.spec.name,
        "plugin": offer.plugin,
        "distribution": offer.distribution,
        "version": offer.version,
        "config": config.to_dict(built),
    }


def _request(request: Request) -> dict[str, Any]:
    return {**asdict(request), "trainer": config.to_dict(request.trainer)}


def _kept(
    found: checkpoint.Checkpoint, asked: Mapping[str, Any], changes: Mapping[str, Any]
) -> Request:
    """The request of a run that is resumed; `asked` may repeat it."""
    request = _request_of(found, changes)
    configs = {
        "domain_config": plugins().domain(request.domain).spec.config,
        "model_config": plugins().model(request.model).spec.config,
    }
    for name, value in asked.items():
        kept = getattr(request, name)
        if name in configs:  # text from the command line may mean what a value means
            value = config.parse(configs[name], {**kept, **value}, name)
            kept = config.parse(configs[name], kept, name)
        if value and value != kept:
            raise ConfigError(
                f"{found.path}: was made with {name} {kept}, not {value}; leave it out to resume, "
                "or train into another folder"
            )
    return request


def _request_of(found: checkpoint.Checkpoint, changes: Mapping[str, Any] = NOTHING) -> Request:
    """What a run was asked for, with `changes` of its training settings."""
    match found.training_state().get("request"):
        case {"trainer": dict() as settings} as kept:
            trainer = config.parse(TrainerConfig, {**settings, **changes}, "trainer")
            return config.parse(Request, {**kept, "trainer": trainer}, "request")
        case _:
            raise CheckpointError(f"{found.path}: lacks what was asked for; train anew")


def _counters(found: checkpoint.Checkpoint) -> Counters:
    """How far the run had come."""
    match found.training_state().get("trainer"):
        case dict() as counters:
            return config.parse(Counters, counters, "counters")
        case _:
            raise CheckpointError(f"{found.path}: lacks how far the run had come; train anew")


def _absolute(source: str) -> str:
    """So that a run can be resumed from another folder."""
    return str(Path(source).absolute())


def _summary(
    request: Request,
    corpus: Corpus,
    n_parameters: int,
    lead_in: int,
    settings: TrainerConfig,
    chosen: torch.device,
    simple: Mapping[str, float],
) -> str:
    rate = corpus.domain.rate_hz
    steps = [_to_predict(split) for split in (corpus.train, corpus.valid)]
    beside = ", ".join(f"{name} {bits:.2f}" for name, bits in simple.items())
    return (
        f"{request.model} with {n_parameters:,} parameters, lead-in {lead_in} steps "
        f"({lead_in / rate:.3g} s), on {chosen} in {settings.precision}\n"
        f"{request.domain}: {steps[0]:,} steps ({steps[0] / rate:.0f} s) to train, {steps[1]:,} "
        f"({steps[1] / rate:.0f} s) to validate" + (f"; bits to beat: {beside}" if beside else "")
    )


def _to_predict(split: Split) -> int:
    """Steps of all sequences, but for those that are history and only read."""
    count = 0
    for index, length in enumerate(split.lengths.tolist()):
        target = split.target(index, 0, length) if length else None
        count += length if target is None else _known(target)
    return count


def _known(target: Tensor) -> int:
    """Steps of which something is there to be predicted."""
    return int((~missing(target).reshape(len(target), -1).all(1)).sum())


def _judge(
    journal: Journal, trainer: Trainer, simple: Mapping[str, float], bits_valid: float
) -> None:
    """Warn when what is kept is hardly better than statistics, or was learnt by heart."""
    best = min(simple.items(), key=lambda item: item[1], default=None)
    if best and bits_valid > best[1] - _NEAR_BASELINE:
        journal.warn(
            f"{bits_valid:.2f} bits on validation do not clearly beat {best[0]} statistics "
            f"({best[1]:.2f}): likely too few updates ({trainer.step}), a learning rate that is "
            f"too high or low ({trainer.config.lr:g}), or validation data unlike the training data"
        )
    elif trainer.bits_valid - trainer.bits_train > 0.5:
        journal.warn(
            f"validation ({trainer.bits_valid:.2f} bits) lies far above training "
            f"({trainer.bits_train:.2f}): the model remembers its data; use more of them, a "
            "smaller preset, or --model.dropout"
        )
