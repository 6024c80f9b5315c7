"""Mu-law, in the one convention of wavegen: codes 0..C-1, torchaudio's formula, mu = C - 1.

    code = floor((f(x) + 1) / 2 * mu + 1/2),   f(x) = sign(x) log(1 + mu |x|) / log(1 + mu)

Unlike torchaudio it clamps x to [-1, 1] and refuses NaN, so that a code is always one of the C.
All arithmetic is float64: a code does not depend on the type that the samples arrive in.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from wavegen.errors import DataError


def encode(x: npt.ArrayLike, classes: int = 256) -> npt.NDArray[np.int64]:
    """Samples of any shape, clamped to [-1, 1], to codes 0..C-1; silence is C/2.

    >>> encode([-1.0, 0.0, 1.0]).tolist()
    [0, 128, 255]
    """
    clamped = np.clip(np.asarray(x, dtype=np.float64), -1, 1)
    if np.isnan(clamped).any():
        raise DataError(f"{np.isnan(clamped).sum()} samples are NaN; mu-law has no code for them")
    mu = classes - 1
    compressed = np.copysign(np.log1p(mu * np.abs(clamped)) / np.log1p(mu), clamped)
    return ((compressed + 1) / 2 * mu + 0.5).astype(np.int64)


def decode(codes: npt.ArrayLike, classes: int = 256) -> npt.NDArray[np.float64]:
    """Codes 0..C-1 of any shape to samples between -1 and 1.

    >>> decode([0, 128, 255]).round(6).tolist()
    [-1.0, 8.6e-05, 1.0]
    """
    mu = classes - 1
    compressed = np.asarray(codes, dtype=np.float64) / mu * 2 - 1
    expanded = np.expm1(np.abs(compressed) * np.log1p(mu)) / mu
    return np.copysign(expanded, compressed)
