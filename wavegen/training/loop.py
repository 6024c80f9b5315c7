"""The training loop: windows in, gradients, validation, checkpoints.

Dimensions: B batch, W scored steps, P head parameters.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import chain
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from ..errors import TrainingError
from ..heads import Head
from ..model import SequenceModel
from ..plain import plain
from .config import TrainerConfig
from .distributed import Ranks
from .ema import Ema
from .interrupt import Interrupt
from .journal import Journal
from .optimizers import load_state, optimizers, set_share, state_tensors
from .schedule import learning_rate_share
from .windows import Batch, Windows

_DEFAULT_MINUTES = 20.0
_REPORT_SECONDS = 2.0


class Save(Protocol):
    """Writes a checkpoint and returns where it is."""

    def __call__(self, state: Trainer) -> str:
        """Save what the trainer holds now."""
        ...


class Scorer(nn.Module):
    """Model and head as one module, so that all parameters train together."""

    def __init__(self, model: SequenceModel[Any], head: Head) -> None:
        super().__init__()
        self.model, self.head = model, head

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Nats of all scored steps of a batch, and their number."""
        cond = None if batch.cond is None else self.model.look_ahead(batch.cond)
        params = self.model.tail(batch.x, batch.target.shape[1], cond, batch.static)
        target, weight = batch.target, batch.weight
        if not params.is_contiguous():  # a model may compute time-major; copying it would cost
            params, target = params.transpose(0, 1), target.transpose(0, 1)
            weight = weight.transpose(0, 1)
        return (self.head.nll(params, target) * weight).sum(), weight.sum()


@dataclass(frozen=True)
class Counters:
    """How far a run has come, as it is saved."""

    step: int
    scored: int
    seconds: float
    ema_updates: int
    bits_train: float | None
    bits_valid: float | None


class Trainer:
    """All that changes in a run. `run` takes it from where it stands to the end of its budget."""

    def __init__(
        self,
        scorer: Scorer,
        config: TrainerConfig,
        train: Windows,
        valid: Windows,
        device: torch.device,
        ranks: Ranks,
        journal: Journal,
    ) -> None:
        self.scorer, self.config, self.device, self.ranks = scorer, config, device, ranks
        self._train, self._valid, self._journal = train, valid, journal
        self.minutes = config.minutes or (0 if config.steps else _DEFAULT_MINUTES)
        self._optimizers = optimizers(scorer, scorer.model.hidden_weights(), config)
        self.ema = Ema(scorer, config.ema) if config.ema else None
        self.step, self.scored, self.seconds = 0, 0, 0.0
        self.bits_train, self.bits_valid = math.nan, math.nan
        self.interrupted = False
        self.saved = ""
        """The newest checkpoint."""
        self._saved_step = -1
        self._rate = 0.0
        self._interrupt = Interrupt()

    def run(self, save: Save) -> str:
        """Train to the end of the budget, or until asked to stop; returns the last checkpoint."""
        forward = self._parallel()
        began, reported, norm = time.monotonic() - self.seconds, self.seconds, 0.0
        recent: list[tuple[float, int]] = []
        with self._interrupt, ThreadPoolExecutor(1) as reader:
            ahead = reader.submit(self._batches, self.step)
            while (progress := self.progress) < 1 and not self._is_asked_to_stop():
                batches = ahead.result()
                ahead = reader.submit(self._batches, self.step + 1)
                share = learning_rate_share(self.config.schedule, progress, self.config.warmup)
                nats, count, norm = self._update(forward, batches, share)
                self.step += 1
                self.scored += count * self.ranks.count
                self.seconds = self.ranks.agree(time.monotonic() - began)
                recent.append((nats, count))
                is_over = self.progress >= 1
                is_due = self._validations(self.progress) > self._validations(progress)
                if is_due or is_over or self.seconds - reported > _REPORT_SECONDS:
                    self._report(recent, norm)
                    recent, reported = [], self.seconds
                if is_due and not is_over and self.validate(self.config.valid_steps):
                    self.seconds = self.ranks.agree(time.monotonic() - began)
                    self._save(save)
                    self.seconds = reported = self.ranks.agree(time.monotonic() - began)
            if recent:
                self._report(recent, norm)
            self.interrupted = self.progress < 1 or not self.validate(None)
            self.seconds = self.ranks.agree(time.monotonic() - began)
            if not self.interrupted or self._saved_step != self.step:
                self._save(save)
        return self.saved

    @property
    def progress(self) -> float:
        """Share of the budget that is used up."""
        by_steps = self.step / self.config.steps if self.config.steps else 0.0
        by_time = self.seconds / (60 * self.minutes) if self.minutes else 0.0
        return max(by_steps, by_time)

    def validate(self, most_steps: int | None) -> bool:
        """Score the averaged weights on validation data, or on a spread part of them.

        False if the run was asked to stop before all was scored.
        """
        batch = self.config.batch
        some = (
            self._valid.all(batch) if most_steps is None else self._valid.spread(batch, most_steps)
        )
        bits = self._score(some)
        if bits is None:
            return False
        self.bits_valid = bits
        values = {"step": self.step, "seconds": self.seconds, "bits_valid": bits}
        self._journal.tell("validated", {**values, "bits_train": self.bits_train})
        self._journal.say(
            f"step {self.step}: {self.bits_valid:.3f} bits on validation, {self.bits_train:.3f} in "
            f"training, after {self.seconds:.0f} s"
        )
        return True

    def averaged(self) -> AbstractContextManager[None]:
        """The scorer computes with the averaged weights while this lasts."""
        return self.ema.applied() if self.ema else nullcontext()

    def tensors(self) -> dict[str, Tensor]:
        """All tensors that resuming needs."""
        names = [name for name, _ in self.scorer.named_parameters()]
        found: dict[str, Tensor] = {f"raw/{name}": value for name, value in self._raw().items()}
        found |= state_tensors(self.scorer, self._optimizers)
        if self.ema:
            found |= {f"ema/{name}": self.ema.average[name] for name in names}
        return found

    def _raw(self) -> dict[str, Tensor]:
        """Parameters as they are trained, and the buffers that belong to the model."""
        kept = self.scorer.state_dict()
        buffers = {name: b for name, b in self.scorer.named_buffers() if name in kept}
        return {**dict(self.scorer.named_parameters()), **buffers}

    def counters(self) -> Counters:
        """All plain values that resuming needs."""
        return Counters(
            self.step,
            self.scored,
            self.seconds,
            self.ema.updates if self.ema else 0,
            plain(self.bits_train),
            plain(self.bits_valid),
        )

    @torch.no_grad()
    def restore(self, saved: str, tensors: Mapping[str, Tensor], counters: Counters) -> None:
        """Stand where the run stood when the checkpoint `saved` was written."""
        for name, value in self._raw().items():
            found = tensors.get(f"raw/{name}")
            if found is None or found.shape != value.shape:
                there = "nothing" if found is None else f"{tuple(found.shape)}"
                raise TrainingError(
                    f"{saved}: holds {there} for {name!r}, the model needs "
                    f"{tuple(value.shape)}; plugin or data have changed, so train anew"
                )
            value.copy_(found)
        load_state(self.scorer, self._optimizers, tensors)
        self.saved, self._saved_step = saved, counters.step
        self.step, self.scored, self.seconds = counters.step, counters.scored, counters.seconds
        self.bits_train = math.nan if counters.bits_train is None else counters.bits_train
        self.bits_valid = math.nan if counters.bits_valid is None else counters.bits_valid
        if self.ema:
            average = {n[4:]: value for n, value in tensors.items() if n.startswith("ema/")}
            # A run that kept no average so far begins one with the weights it has.
            self.ema.load(average or dict(self.scorer.named_parameters()), counters.ema_updates)

    def _parallel(self) -> nn.Module:
        """The scorer, compiled and spread over processes as asked."""
        module: Any = self.scorer
        if self.config.compile and self._can_compile():
            module = torch.compile(module)
        if self.ranks.count > 1:
            ids = [self.ranks.local] if self.device.type == "cuda" else None
            module = DistributedDataParallel(module, device_ids=ids)
        return module

    def _can_compile(self) -> bool:
        """Try it on a trifle; where it fails, say why and go on without."""
        try:
            torch.compile(lambda x: x + 1)(torch.zeros(8, device=self.device))
        except Exception as error:  # a compiler can fail in any way
            reason = str(error).strip().split("\n")[0]
            self._journal.warn(f"torch.compile does not work here ({reason}); going on without it")
            return False
        return True

    def _batches(self, step: int) -> list[Batch]:
        """The windows of one update; they depend on seed, step and rank alone."""
        key = (self.config.seed, step, self.ranks.rank)
        return [
            self._train.random(self.config.batch, (*key, part))
            for part in range(self.config.accumulate)
        ]

    def _validations(self, progress: float) -> int:
        """How many validations are due by then."""
        return int(progress * self.config.validations)

    def _is_asked_to_stop(self) -> bool:
        return bool(self.ranks.agree(self._interrupt.asked))

    def _update(
        self, forward: nn.Module, batches: list[Batch], share: float
    ) -> tuple[float, int, float]:
        """One update; returns the sum of nats, the number of steps scored and the gradient norm."""
        self._rate = share * self.config.lr
        torch.manual_seed(hash((self.config.seed, self.step, self.ranks.rank)))  # for dropout
        self.scorer.train()
        total, count = torch.zeros((), device=self.device), 0.0
        for part, batch in enumerate(batches):
            held: AbstractContextManager[Any] = nullcontext()
            if isinstance(forward, DistributedDataParallel) and part + 1 < len(batches):
                held = forward.no_sync()
            with held:
                with self._autocast():
                    nats, weight = forward(batch.to(self.device))
                (nats / weight.clamp_min(1) / len(batches)).backward()
            total += nats.detach()
            count += float(batch.weight.sum())
        limit = self.config.clip or math.inf
        norm = float(nn.utils.clip_grad_norm_(self.scorer.parameters(), limit))
        if not math.isfinite(norm):  # in all processes alike, since they share the gradient
            raise self._diverged("loss" if not math.isfinite(float(total)) else "gradient", norm)
        set_share(self._optimizers, share)
        for optimizer in self._optimizers:
            optimizer.step()
        self.scorer.zero_grad()
        if self.ema:
            self.ema.update()
        return float(total), int(count), norm

    def _report(self, recent: list[tuple[float, int]], norm: float) -> None:
        """Tell how it goes."""
        nats, count = self.ranks.sum([sum(column) for column in zip(*recent, strict=True)])
        self.bits_train = nats / max(count, 1) / math.log(2)
        if not math.isfinite(self.bits_train):
            raise self._diverged("loss", self.bits_train)
        speed = self.scored / max(self.seconds, 1e-9)
        left = self.seconds * (1 / max(self.progress, 1e-9) - 1)
        self._journal.tell(
            "progress",
            {
                "step": self.step,
                "seconds": self.seconds,
                "bits": self.bits_train,
                "lr": self._rate,
                "gradient_norm": norm,
                "samples_per_s": speed,
            },
        )
        self._journal.progress(
            self.progress, f"{self.bits_train:.3f} bits  {speed:,.0f} samples/s  {left:.0f} s left"
        )

    def _diverged(self, what: str, value: float) -> TrainingError:
        return TrainingError(
            f"the {what} became {value} after step {self.step} (learning rate {self._rate:.2g}); "
            f"last good checkpoint: {self.saved or 'none yet'}; try a lower --trainer.lr and "
            "--trainer.muon_lr, or resume from there with them"
        )

    def _save(self, save: Save) -> None:
        """Write a checkpoint, but never one that holds a NaN."""
        averages = self.ema.average.values() if self.ema else ()
        if not all(
            bool(weight.isfinite().all()) for weight in chain(self.scorer.parameters(), averages)
        ):
            raise self._diverged("weights", math.nan)
        self.saved, self._saved_step = save(self), self.step

    @torch.no_grad()
    def _score(self, batches: Iterable[Batch]) -> float | None:
        """Bits per symbol of the averaged weights, or None if asked to stop on the way.

        Each process takes its share of the batches. Without any data the bits are NaN.
        """
        sums = [0.0, 0.0]
        self.scorer.eval()
        with self.averaged():
            for index, batch in enumerate(batches):
                if self._is_asked_to_stop():
                    return None
                if index % self.ranks.count == self.ranks.rank:
                    with self._autocast():
                        scored = self.scorer(batch.to(self.device))
                    sums = [before + float(now) for before, now in zip(sums, scored, strict=True)]
        nats, count = self.ranks.sum(sums)
        if not math.isfinite(nats):
            raise self._diverged("loss on validation data", nats)
        return nats / count / math.log(2) if count else math.nan

    def _autocast(self) -> AbstractContextManager[Any]:
        if self.config.precision != "bfloat16":
            return nullcontext()
        return torch.autocast(self.device.type, dtype=torch.bfloat16)
