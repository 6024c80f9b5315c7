"""Series that formulas make, from a seed alone: what models can be measured on exactly.

Dimensions: n series, T steps, N channels.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from wavegen.errors import ConfigError

from ..series import Numbers

_WARM_UP = 500
"""Steps that are thrown away, so that what remains does not remember how it began."""


def geron(n: int, steps: int, seed: int) -> Numbers:
    """Two sines and noise `(n, T)` (Geron 2019, Hands-On Machine Learning, chapter 15).

    A series spans one unit of time however many steps it has. The noise is uniform, of variance
    0.1^2 / 12 = 0.000833: no forecast has a smaller mean squared error. `RandomState(seed)` draws
    the numbers in the book's order, and they are rounded to float32 as there, so that its figures
    come out to the digit.
    """
    rng = np.random.RandomState(seed)
    frequency1, frequency2, offset1, offset2 = rng.random_sample((4, n, 1))
    time = np.linspace(0, 1, steps)
    waves = 0.5 * np.sin((time - offset1) * (10 + 10 * frequency1))
    waves += 0.2 * np.sin((time - offset2) * (20 + 20 * frequency2))
    waves += 0.1 * (rng.random_sample((n, steps)) - 0.5)
    return waves.astype(np.float32).astype(np.float64)


def damped(n: int, steps: int, seed: int) -> Numbers:
    """Sines that die away to 0.5 `(n, T)`: 0.5 + 0.5 sin(2 pi t / p) exp(-d t).

    The period p is one of 10 ... 20, the decay d uniform from 0.01 to 0.1 (Brownlee 2017, Long
    Short-Term Memory Networks with Python, stacked LSTM). Without their mean they are a linear
    recurrence: x(t) = 2 r cos(w) x(t-1) - r^2 x(t-2), r = exp(-d), w = 2 pi / p.
    """
    rng = np.random.RandomState(seed)
    period = rng.randint(10, 21, (n, 1)).astype(np.float64)
    decay = rng.uniform(0.01, 0.1, (n, 1))
    return damped_sine(steps, period, decay)


def damped_sine(steps: int, period: Numbers | float, decay: Numbers | float) -> Numbers:
    """One damped sine `(T,)`, or one for each row of `period` and `decay` `(n, 1)`."""
    time = np.arange(steps)
    return 0.5 + 0.5 * np.sin(2 * np.pi * time / period) * np.exp(-decay * time)


def sine(n: int, steps: int, seed: int) -> Numbers:
    """One sine and noise `(n, T)`: period uniform from 10 to 50 steps, any phase, noise of 0.1."""
    rng = np.random.RandomState(seed)
    period, phase = rng.uniform(10, 50, (n, 1)), rng.uniform(0, 2 * np.pi, (n, 1))
    waves = np.sin(2 * np.pi * np.arange(steps) / period + phase)
    return waves + 0.1 * rng.standard_normal((n, steps))


def multi_sine(n: int, steps: int, seed: int) -> Numbers:
    """Five sines added up `(n, T)`: periods from 5 to 200 steps, evenly spread in their logarithm.

    Their amplitudes are uniform and add up to 1; there is no noise.
    """
    rng = np.random.RandomState(seed)
    period = np.exp(rng.uniform(np.log(5), np.log(200), (n, 5, 1)))
    phase, size = rng.uniform(0, 2 * np.pi, (n, 5, 1)), rng.uniform(0, 1, (n, 5, 1))
    waves = size * np.sin(2 * np.pi * np.arange(steps) / period + phase)
    return waves.sum(axis=1) / size.sum(axis=1)


def autoregressive(
    n: int, steps: int, seed: int, coefficients: Sequence[float] = (1.5, -0.75)
) -> Numbers:
    """AR(p) `(n, T)`: x(t) = a1 x(t-1) + ... + ap x(t-p) + e(t), e standard normal, stationary.

    The best forecast of one step has the mean squared error 1, and its density an entropy of
    (1 + log 2 pi) / 2 = 1.4189 nats. Raises `ConfigError` where the coefficients make it explode.
    """
    poles = np.abs(np.roots([1.0, *(-a for a in coefficients)]))
    if poles.size and poles.max() >= 1:
        raise ConfigError(
            f"coefficients are {tuple(coefficients)}: a pole of size {poles.max():.3g} makes the "
            "series explode; all must be below 1"
        )
    p, weights = len(coefficients), np.array(coefficients)[::-1]
    x = np.random.RandomState(seed).standard_normal((n, _WARM_UP + steps))
    for t in range(p, x.shape[1]):
        x[:, t] += x[:, t - p : t] @ weights
    return x[:, _WARM_UP:]


def mackey_glass(n: int, steps: int, seed: int) -> Numbers:
    """Chaos with a delay `(n, T)`: dx/dt = 0.2 x(t-17) / (1 + x(t-17)^10) - 0.1 x(t).

    Mackey and Glass 1977, sampled once a unit of time, with a history of 1.2 and noise of 0.05
    before it begins. Runge and Kutta's fourth order takes ten steps a unit; where the past is
    needed between two of them, it is their mean.
    """
    per_unit, delay = 10, 170
    past = 1.2 + 0.05 * np.random.RandomState(seed).standard_normal((delay + 1, n))
    x = np.concatenate([past, np.empty(((_WARM_UP + steps) * per_unit, n))])
    dt = 1 / per_unit

    def slope(now: Numbers, late: Numbers) -> Numbers:
        return 0.2 * late / (1 + late**10) - 0.1 * now

    for t in range(delay, len(x) - 1):
        now, begin, end = x[t], x[t - delay], x[t - delay + 1]
        middle = (begin + end) / 2
        k1 = slope(now, begin)
        k2 = slope(now + dt / 2 * k1, middle)
        k3 = slope(now + dt / 2 * k2, middle)
        k4 = slope(now + dt * k3, end)
        x[t + 1] = now + dt / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return x[delay + 1 :: per_unit][_WARM_UP:].T


def adding(n: int, steps: int, seed: int) -> Numbers:
    """The adding task as series `(n, T, 2)`: numbers and marks, and at the end the sum.

    The last number is the sum of the two marked ones; its own mark is 0.
    """
    import torch

    from wavegen.training.memory_tasks import Adding

    x, target = Adding(steps - 1).examples(n, torch.Generator().manual_seed(seed))
    last = torch.stack([target, torch.zeros_like(target)], 2)
    return torch.cat([x, last], 1).double().numpy()


def copy(n: int, steps: int, seed: int) -> Numbers:
    """The copy task as series `(n, T)`: ten symbols of 1 to 8, blanks (0), a sign (9), the ten."""
    import torch

    from wavegen.training.memory_tasks import CopyMemory

    x, target = CopyMemory(steps - 20).examples(n, torch.Generator().manual_seed(seed))
    return torch.cat([x[:, : -CopyMemory.n_scored], target], 1).double().numpy()
