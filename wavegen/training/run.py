"""`train`: prepare data, build the model, run the loop, leave a folder that plays and resumes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from .. import cache, checkpoint, config, device
from ..domain import Corpus, Domain
from ..errors import CheckpointError, ConfigError, DataError
from ..model import SequenceModel
from ..playing import TrainedModel
from ..plugins import Offer, plugins
from .allocator import keep_freed_memory
from .baselines import baselines
from .config import TrainerConfig
from .distributed import Ranks, ranks
from .initial import keras_style
from .journal import Journal
from .loop import Counters, Scorer, Trainer
from .precision import fast_precision
from .remarks import data_line, judge
from .request import NOTHING, Request, absolute, continued, new
from .run_folder import run_folder
from .sampler import Sampler
from .saving import Saver
from .windows import Windows


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
        "sources": [absolute(source) for source in sources],
        "valid": [absolute(source) for source in valid],
        "test": [absolute(source) for source in test],
        "domain_config": dict(domain_config),
        "model_config": dict(model_config),
    }
    if found:
        request = continued(found, asked, preset=preset, trainer=trainer)
    elif checkpoint.checkpoints(run):
        raise ConfigError(
            f"{run} already holds a run; go on with it (--resume) or choose another folder"
        )
    else:
        request = new(asked, model=model, preset=preset, trainer=trainer)
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
    journal.say(
        f"{request.model} with {n_parameters:,} parameters, lead-in {lead_in} steps "
        f"({lead_in / domain.rate_hz:.3g} s), on {chosen} in {settings.precision}\n"
        f"{data_line(request.domain, corpus, simple)}"
    )
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
    about = {
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
    trained = {
        "baselines": simple,
        "parameters": n_parameters,
        "sequences": len(corpus.train.names),
        "device": str(chosen),
        "precision": settings.precision,
        "suffix": domain.suffixes[0],
    }
    trainer.run(Saver(run, request, about, trained, sampler, here, journal))
    return _finished(run, trainer, simple, journal)


def _finished(
    run: Path, trainer: Trainer, simple: Mapping[str, float], journal: Journal
) -> TrainingResult:
    """Say what came of it."""
    bits_kept = checkpoint.bits_valid(Path(trainer.saved)) if trainer.saved else None
    bits_valid = trainer.bits_valid if bits_kept is None else bits_kept
    if trainer.interrupted:
        journal.say(f"stopped at step {trainer.step}; go on with: wavegen train --resume -o {run}")
    else:
        judge(journal, trainer, simple, bits_valid)
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


def _counters(found: checkpoint.Checkpoint) -> Counters:
    """How far the run had come."""
    match found.training_state().get("trainer"):
        case dict() as counters:
            return config.parse(Counters, counters, "counters")
        case _:
            raise CheckpointError(f"{found.path}: lacks how far the run had come; train anew")
