"""The training loop: windows in, gradients, validation, checkpoints.

Dimensions: B batch, W scored steps, P head parameters.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from ..errors import TrainingError
from ..heads import Head
from ..model import SequenceModel
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
        params = self.model.tail(batch.x, batch.target.shape[1], batch.cond, batch.static)
        target, weight = batch.target, batch.weight
        if not params.is_contiguous():  # a model may compute time-major; copying it would cost
            params, target = params.transpose(0, 1), target.transpose(0, 1)
            weight = weight.transpose(0, 1)
        return (self.head.nll(params, target) * weight).sum(), weight.sum()


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
        self.validations = 0
        self.bits_train, self.bits_valid = math.nan, math.nan
        self.interrupted = False

    def run(self, save: Save) -> str:
        """Train to the end of the budget, or until asked to stop; returns the last checkpoint."""
        forward = self._parallel()
        began, reported = time.monotonic() - self.seconds, time.monotonic()
        recent: list[tuple[float, int]] = []
        norm, rate, saved = 0.0, 0.0, ""
        with Interrupt() as interrupt, ThreadPoolExecutor(1) as reader:
            ahead = reader.submit(self._batches, self.step)
            while (progress := self.progress) < 1 and not self.ranks.agree(interrupt.asked):
                batches = ahead.result()
                ahead = reader.submit(self._batches, self.step + 1)
                rate = self.config.lr * learning_rate_share(
                    self.config.schedule, progress, self.config.warmup
                )
                nats, count, norm = self._update(forward, batches, rate)
                self.step += 1
                self.scored += count * self.ranks.count
                self.seconds = self.ranks.agree(time.monotonic() - began)
                recent.append((nats, count))
                due = int(self.progress * self.config.validations) > self.validations
                if due or time.monotonic() - reported > _REPORT_SECONDS or self.progress >= 1:
                    self._report(recent, rate, norm, saved)
                    recent, reported = [], time.monotonic()
                if due and self.progress < 1:
                    self.validations = int(self.progress * self.config.validations)
                    self.validate(self.config.valid_steps)
                    saved = save(self)
                    self.seconds = self.ranks.agree(time.monotonic() - began)
            self.interrupted = bool(self.ranks.agree(interrupt.asked)) and self.progress < 1
        if recent:
            self._report(recent, rate, norm, saved)
        if not self.interrupted:
            self.validate(None)
        self.seconds = time.monotonic() - began
        return save(self)

    @property
    def progress(self) -> float:
        """Share of the budget that is used up."""
        by_steps = self.step / self.config.steps if self.config.steps else 0.0
        by_time = self.seconds / (60 * self.minutes) if self.minutes else 0.0
        return max(by_steps, by_time)

    def validate(self, most_steps: int | None) -> float:
        """Bits per symbol of the averaged weights on validation data, or on a spread part."""
        batch = self.config.batch
        some = (
            self._valid.all(batch) if most_steps is None else self._valid.spread(batch, most_steps)
        )
        self.bits_valid = self._score(some)
        bits = {"step": self.step, "seconds": self.seconds, "bits_valid": self.bits_valid}
        self._journal.tell("validated", {**bits, "bits_train": self.bits_train})
        self._journal.say(
            f"step {self.step}: {self.bits_valid:.3f} bits on validation, {self.bits_train:.3f} in "
            f"training, after {self.seconds:.0f} s"
        )
        return self.bits_valid

    def tensors(self) -> dict[str, Tensor]:
        """All tensors that resuming needs."""
        names = [name for name, _ in self.scorer.named_parameters()]
        found: dict[str, Tensor] = {f"raw/{name}": p for name, p in self.scorer.named_parameters()}
        found |= state_tensors(self.scorer, self._optimizers)
        if self.ema:
            found |= {f"ema/{name}": self.ema.average[name] for name in names}
        return found

    def counters(self) -> dict[str, Any]:
        """All plain values that resuming needs."""
        return {
            "step": self.step,
            "scored": self.scored,
            "seconds": self.seconds,
            "validations": self.validations,
            "ema_updates": self.ema.updates if self.ema else 0,
            "bits_train": _plain(self.bits_train),
            "bits_valid": _plain(self.bits_valid),
        }

    @torch.no_grad()
    def restore(self, tensors: dict[str, Tensor], counters: dict[str, Any]) -> None:
        """Stand where the run stood when these were taken."""
        parameters = dict(self.scorer.named_parameters())
        expected = {f"raw/{name}" for name in parameters}
        if missing := sorted(expected - tensors.keys()):
            raise TrainingError(
                f"the saved training state lacks {missing[0]!r}; it belongs to another model"
            )
        for name, parameter in parameters.items():
            parameter.copy_(tensors[f"raw/{name}"])
        load_state(self.scorer, self._optimizers, tensors)
        if self.ema:
            average = {n[4:]: value for n, value in tensors.items() if n.startswith("ema/")}
            self.ema.load(average, counters["ema_updates"])
        self.step, self.scored = counters["step"], counters["scored"]
        self.seconds, self.validations = counters["seconds"], counters["validations"]
        self.bits_train = counters["bits_train"] or math.nan
        self.bits_valid = counters["bits_valid"] or math.nan

    def _parallel(self) -> nn.Module:
        """The scorer, compiled and spread over processes as asked."""
        module: Any = self.scorer
        if self.config.compile:
            module = torch.compile(module)
        if self.ranks.count > 1:
            ids = [self.ranks.local] if self.device.type == "cuda" else None
            module = DistributedDataParallel(module, device_ids=ids)
        return module

    def _batches(self, step: int) -> list[Batch]:
        """The windows of one update; they depend on seed, step and rank alone."""
        key = (self.config.seed, step, self.ranks.rank)
        return [
            self._train.random(self.config.batch, (*key, part))
            for part in range(self.config.accumulate)
        ]

    def _update(
        self, forward: nn.Module, batches: list[Batch], rate: float
    ) -> tuple[float, int, float]:
        """One update; returns the sum of nats, the number of steps scored and the gradient norm."""
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
        norm = nn.utils.clip_grad_norm_(self.scorer.parameters(), limit)
        set_share(self._optimizers, rate / self.config.lr)
        for optimizer in self._optimizers:
            optimizer.step()
        self.scorer.zero_grad()
        if self.ema:
            self.ema.update()
        return float(total), int(count), float(norm)

    def _report(
        self, recent: list[tuple[float, int]], rate: float, norm: float, saved: str
    ) -> None:
        """Tell how it goes; a loss that is no number stops the run."""
        sums = torch.tensor(recent, dtype=torch.float64).sum(0).to(self.device, torch.float32)
        nats, count = self.ranks.sum(sums).tolist()
        self.bits_train = nats / max(count, 1) / math.log(2)
        if not math.isfinite(self.bits_train):
            raise TrainingError(
                f"the loss became {self.bits_train} at step {self.step} (learning rate "
                f"{rate:.2g}); last good checkpoint: {saved or 'none yet'}; try a lower "
                "--trainer.lr, or resume from there"
            )
        speed = self.scored / max(self.seconds, 1e-9)
        left = self.seconds * (1 / max(self.progress, 1e-9) - 1)
        self._journal.tell(
            "progress",
            {
                "step": self.step,
                "seconds": self.seconds,
                "bits": self.bits_train,
                "lr": rate,
                "gradient_norm": norm,
                "samples_per_s": speed,
            },
        )
        self._journal.progress(
            self.progress, f"{self.bits_train:.3f} bits  {speed:,.0f} samples/s  {left:.0f} s left"
        )

    @torch.no_grad()
    def _score(self, batches: Iterable[Batch]) -> float:
        """Bits per symbol of the averaged weights; each process takes its share of the batches."""
        if self.ema:
            self.ema.swap()
        self.scorer.eval()
        sums = torch.zeros(2, device=self.device, dtype=torch.float64)
        try:
            for index, batch in enumerate(batches):
                if index % self.ranks.count == self.ranks.rank:
                    with self._autocast():
                        nats, weight = self.scorer(batch.to(self.device))
                    sums += torch.stack([nats.double(), weight.double()])
        finally:
            if self.ema:
                self.ema.swap()
        nats, count = self.ranks.sum(sums).tolist()
        return nats / count / math.log(2) if count else math.nan

    def _autocast(self) -> AbstractContextManager[Any]:
        if self.config.precision != "bfloat16":
            return nullcontext()
        return torch.autocast(self.device.type, dtype=torch.bfloat16)


def _plain(value: float) -> float | None:
    """JSON has no NaN."""
    return value if math.isfinite(value) else None
