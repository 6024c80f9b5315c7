"""Rules of part writing, as changes to the logits of a voice right before it is drawn.

Each knows from the width of the parameters whether held notes have classes of their own, and from
how much is drawn which voice comes next: soprano, bass, alto, tenor.

Dimensions: B batch, K classes, N = 4 values of an event, k values drawn.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from wavegen.errors import ConfigError

from .codec import LOWEST, N_PITCHES

Filter = Callable[[Tensor, Tensor, Tensor], Tensor]
"""`(logits (B, K), previous event (B, N), drawn (B, k)) -> logits (B, K)`."""

PENALTY_NATS = 3.5
"""Off the logits of what is unwanted: it becomes 33 times less likely, yet never impossible."""
_POSSIBLE = -1e20
"""Below this are only logits of what the model itself has ruled out."""
_FIFTH, _OCTAVE = 7, 0
_RANGES = ((60, 81), (36, 66), (52, 74), (46, 69))
"""Lowest and highest note of each value in the 229 training chorales of the common split."""
_ABOVE, _BELOW = ((), (0,), (0,), (0, 2)), ((), (), (1,), (1,))
"""Values drawn before each value that are higher, and that are lower, voices."""
_MAJOR = (0, 2, 4, 5, 7, 9, 11)


def parallels(logits: Tensor, previous: Tensor, drawn: Tensor) -> Tensor:
    """Make parallel fifths, octaves and unisons with any voice already drawn unlikely.

    Parallel: from one event to the next both voices move in the same direction, and are a fifth,
    or an octave or unison, apart before and after. Octaves more or less do not matter.
    """
    _need_steps(previous)
    candidates, before, now = _candidates(logits), _sounding(previous), _sounding(drawn)
    own = before[:, drawn.shape[1], None]  # (B, 1)
    count = torch.zeros_like(logits)
    for value in range(drawn.shape[1]):
        other, then = now[:, value, None], before[:, value, None]
        is_sounding = (own > 0) & (other > 0) & (then > 0) & (candidates > 0)
        up = 1 if value in _ABOVE[drawn.shape[1]] else -1
        was, will_be = up * (then - own) % 12, up * (other - candidates) % 12
        is_perfect = (was == will_be) & ((was == _FIFTH) | (was == _OCTAVE))
        moves_alike = (other - then) * (candidates - own) > 0
        count = count + (is_sounding & is_perfect & moves_alike)
    return logits - PENALTY_NATS * count.clamp(max=1)


def ranges(logits: Tensor, previous: Tensor, drawn: Tensor) -> Tensor:
    """Forbid notes outside the range of each voice."""
    _need_steps(previous)
    low, high = _RANGES[drawn.shape[1]]
    candidates = _candidates(logits)
    is_out = (candidates < low - LOWEST + 1) | (candidates > high - LOWEST + 1)
    return _forbidden(logits, is_out & (candidates > 0))


def crossing(logits: Tensor, previous: Tensor, drawn: Tensor) -> Tensor:
    """Forbid notes above a higher voice or below a lower one, as far as those are drawn."""
    _need_steps(previous)
    candidates, now = _candidates(logits), _sounding(drawn)
    for value in _ABOVE[drawn.shape[1]]:
        other = now[:, value, None]
        logits = _forbidden(logits, (other > 0) & (candidates > other))
    for value in _BELOW[drawn.shape[1]]:
        is_under = (candidates > 0) & (candidates < now[:, value, None])
        logits = _forbidden(logits, is_under)
    return logits


def scale(tonic: int) -> Filter:
    """Make notes outside the major scale on a pitch class, 0 for C, unlikely.

    It is the natural minor scale three semitones lower as well.
    """
    is_in = torch.zeros(12, dtype=torch.bool)
    is_in[[(tonic + step) % 12 for step in _MAJOR]] = True

    def keep(logits: Tensor, previous: Tensor, drawn: Tensor) -> Tensor:
        candidates = _candidates(logits)
        is_out = ~is_in.to(logits.device)[(candidates - 1 + LOWEST) % 12] & (candidates > 0)
        return logits - PENALTY_NATS * is_out

    return keep


def _forbidden(logits: Tensor, is_out: Tensor) -> Tensor:
    """Logits without what is out, unless nothing is left: a note that is given stays."""
    left = logits.masked_fill(is_out, -math.inf)
    return torch.where(left.amax(1, keepdim=True) < _POSSIBLE, logits, left)


def _need_steps(previous: Tensor) -> None:
    """Refuse flat sequences: which voice a note of theirs belongs to is not known here."""
    if previous.dim() != 2:
        raise ConfigError(
            "this filter tells voices apart, which takes whole steps; with domain.flat use none "
            "but chorale-scale-KEY"
        )


def _candidates(logits: Tensor) -> Tensor:
    """The note that each class sounds, `(1, K)`: 0 for a rest, else 1 for the lowest pitch."""
    n_classes = logits.shape[1]
    if n_classes not in (1 + N_PITCHES, 1 + 2 * N_PITCHES):
        raise ConfigError(
            f"the filters of chorales change one voice after the other, of {1 + N_PITCHES} or "
            f"{1 + 2 * N_PITCHES} classes each; this model draws from {n_classes} parameters"
        )
    return _sounding(torch.arange(n_classes, device=logits.device))[None]


def _sounding(classes: Tensor) -> Tensor:
    """Classes to notes, whether struck or held."""
    return torch.where(classes > N_PITCHES, classes - N_PITCHES, classes)
