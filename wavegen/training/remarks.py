"""What a run says to people: what it begins with, and how good what it leaves is."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from ..domain import Corpus, Split
from ..heads import missing
from .journal import Journal
from .loop import Trainer

_NEAR_BASELINE = 0.05
"""Bits: a model that gains no more than this over a baseline has learnt little."""
_BY_HEART = 0.5
"""Bits that validation may lie above training."""


def data_line(name: str, corpus: Corpus, simple: Mapping[str, float]) -> str:
    """How much there is to learn from, and the bits of simple statistics."""
    train, valid = _to_predict(corpus.train), _to_predict(corpus.valid)
    rate = corpus.domain.rate_hz
    beside = ", ".join(f"{baseline} {bits:.2f}" for baseline, bits in simple.items())
    return (
        f"{name}: {train:,} steps ({train / rate:.0f} s) to train, {valid:,} "
        f"({valid / rate:.0f} s) to validate" + (f"; bits to beat: {beside}" if beside else "")
    )


def judge(
    journal: Journal, trainer: Trainer, simple: Mapping[str, float], bits_valid: float
) -> None:
    """Warn where what is kept is hardly better than statistics, or was learnt by heart."""
    best = min(simple.items(), key=lambda item: item[1], default=None)
    if best and bits_valid > best[1] - _NEAR_BASELINE:
        journal.warn(
            f"{bits_valid:.2f} bits on validation do not clearly beat {best[0]} statistics "
            f"({best[1]:.2f}): likely too few updates ({trainer.step}), a learning rate that is "
            f"too high or low ({trainer.config.lr:g}), or validation data unlike the training data"
        )
    elif trainer.bits_valid - trainer.bits_train > _BY_HEART:
        journal.warn(
            f"validation ({trainer.bits_valid:.2f} bits) lies far above training "
            f"({trainer.bits_train:.2f}): the model remembers its data; use more of them, a "
            "smaller preset, or --model.dropout"
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
