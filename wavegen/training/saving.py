"""How a trainer becomes a checkpoint that plays and resumes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .. import checkpoint
from ..plain import plain
from .card import card
from .distributed import Ranks
from .journal import Journal
from .loop import Trainer
from .request import Request
from .sampler import Sampler


class Saver:
    """Writes into the folder of a run; of several processes the first one writes."""

    def __init__(
        self,
        run: Path,
        request: Request,
        about: Mapping[str, Any],
        trained: Mapping[str, Any],
        sampler: Sampler | None,
        ranks: Ranks,
        journal: Journal,
    ) -> None:
        self._run, self._request, self._sampler = run, request, sampler
        self._about = about
        """What `config.json` says of the model and its data."""
        self._trained = trained
        """What it says of the training, but for how far that has come."""
        self._ranks, self._journal = ranks, journal

    def __call__(self, state: Trainer) -> str:
        """Write what the trainer holds; returns where."""
        path = self._written(state) if self._ranks.is_first else ""
        self._ranks.wait()
        return path

    def _written(self, state: Trainer) -> str:
        if self._sampler and not state.interrupted:
            with state.averaged():
                self._sampler.draw(state.step)
        trained = {
            "steps": state.step,
            "scored": state.scored,
            "seconds": state.seconds,
            "bits_train": state.bits_train,
            "bits_valid": state.bits_valid,
            **self._trained,
        }
        with state.averaged():
            weights = {name: value.clone() for name, value in state.scorer.state_dict().items()}
        if state.progress >= 1 and not state.interrupted:
            better = self._better(state.bits_valid)
            if better is not None:
                trained["bits_valid"] = checkpoint.bits_valid(better)
                weights = checkpoint.read(better).weights()
                self._journal.say(f"{better.name} was better on validation: its weights are kept")
        kept = plain({**self._about, "trained": trained})
        path = checkpoint.write(
            self._run,
            state.step,
            config=kept,
            weights=weights,
            card=card(kept),
            training=state.tensors(),
            training_state={
                "trainer": asdict(state.counters()),
                "request": self._request.to_dict(),
            },
            keep=state.config.keep,
        )
        self._journal.tell("saved", {"step": state.step, "checkpoint": str(path)})
        return str(path)

    def _better(self, bits_valid: float) -> Path | None:
        """The best checkpoint so far, where it is better than what the run ends with."""
        best = checkpoint.best(self._run)
        bits = None if best is None else checkpoint.bits_valid(best)
        return best if bits is not None and bits < bits_valid else None
