"""Wavelet denoising: small details of a series are noise, and are shrunk to nothing.

Donoho and Johnstone 1994: soft threshold s sqrt(2 log n), with the noise s = median |d1| / 0.6745
of the finest details d1.

Dimensions: T steps, N channels, W window, B windows at once.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from wavegen.errors import ConfigError

from ..series import Numbers

WAVELET = "coif3"
LEVELS = 3
WINDOW = 512
_AT_ONCE = 4096
"""Windows that are transformed together: 16 MB of numbers at the usual length."""


def denoise(
    x: Numbers, wavelet: str = WAVELET, levels: int = LEVELS, window: int = WINDOW
) -> Numbers:
    """Without noise `(T, N)`, causal: row t is made of the `window` values up to t, and no later.

    The value is taken from the end of each window, where a wavelet sees but half of what surrounds
    it: this removes less noise than `denoise_whole`, which looks ahead. While a window is too short
    for all levels, fewer are used (`levels_without_edges`), and at first none. A missing value
    counts as the last one before it, and stays missing.
    """
    _need(wavelet, levels)
    if window < 1:
        raise ConfigError(f"window is {window}; it must be 1 or more")
    return _by_channel(x, lambda y: _causal(y, wavelet, levels, window))


def denoise_whole(x: Numbers, wavelet: str = WAVELET, levels: int = LEVELS) -> Numbers:
    """Without noise `(T, N)`, each row made of the whole series: **later values leak into it**.

    For looking at a series that has ended. A forecast that is tried on it is helped by the future.
    """
    _need(wavelet, levels)

    def whole(y: Numbers) -> Numbers:
        usable = min(levels, levels_without_edges(len(y), wavelet))
        return _shrunk(y[None], wavelet, usable)[0]

    return _by_channel(x, whole)


def levels_without_edges(n: int, wavelet: str = WAVELET) -> int:
    """How many levels of a wavelet fit into n values: at deeper ones the edges reach everywhere."""
    return _pywt().dwt_max_level(n, _pywt().Wavelet(wavelet).dec_len)


def snr_db(signal: Numbers, noisy: Numbers) -> float:
    """Signal to noise ratio in decibels: 10 log10 of sum signal^2 / sum (noisy - signal)^2."""
    noise = np.nansum(np.square(noisy - signal))
    return float(10 * np.log10(np.nansum(np.square(signal)) / noise)) if noise else float("inf")


def rmse(signal: Numbers, noisy: Numbers) -> float:
    """Root of the mean squared difference, in units of the series."""
    return float(np.sqrt(np.nanmean(np.square(noisy - signal))))


def _causal(y: Numbers, wavelet: str, levels: int, window: int) -> Numbers:
    out = y.copy()
    for t in range(min(window - 1, len(y))):
        usable = min(levels, levels_without_edges(t + 1, wavelet))
        if usable:
            out[t] = _shrunk(y[None, : t + 1], wavelet, usable)[0, -1]
    usable = min(levels, levels_without_edges(window, wavelet))
    if usable and len(y) >= window:
        windows = np.lib.stride_tricks.sliding_window_view(y, window)
        for i in range(0, len(windows), _AT_ONCE):
            ends = _shrunk(windows[i : i + _AT_ONCE], wavelet, usable)[:, -1]
            out[window - 1 + i : window - 1 + i + len(ends)] = ends
    return out


def _shrunk(rows: Numbers, wavelet: str, levels: int) -> Numbers:
    """Rows `(B, W)`, each denoised by itself."""
    if levels == 0:
        return rows.copy()
    pywt, n = _pywt(), rows.shape[-1]
    coarse, *details = pywt.wavedec(rows, wavelet, level=levels, axis=-1)
    noise = np.median(np.abs(details[-1]), axis=-1, keepdims=True) / 0.6745
    threshold = noise * np.sqrt(2 * np.log(n))
    kept = [np.sign(d) * np.maximum(np.abs(d) - threshold, 0) for d in details]
    return pywt.waverec([coarse, *kept], wavelet, axis=-1)[:, :n]


def _by_channel(x: Numbers, treat: Any) -> Numbers:
    """`treat` each channel from its first value on, with gaps filled; then the gaps again."""
    out = np.full_like(x, np.nan)
    for channel in range(x.shape[1]):
        y = x[:, channel]
        there = ~np.isnan(y)
        if not there.any():
            continue
        first = int(np.argmax(there))
        last = np.maximum.accumulate(np.where(there, np.arange(len(y)), 0))
        out[first:, channel] = treat(y[last][first:])
        out[~there, channel] = np.nan
    return out


def _need(wavelet: str, levels: int) -> None:
    known = _pywt().wavelist(kind="discrete")
    if wavelet not in known:
        raise ConfigError(
            f"wavelet is {wavelet!r}; it must be a discrete one of PyWavelets, such as coif3, db4 "
            "or sym8"
        )
    if levels < 1:
        raise ConfigError(f"levels is {levels}; it must be 1 or more")


def _pywt() -> Any:
    try:
        import pywt  # pyright: ignore[reportMissingImports]
    except ModuleNotFoundError as error:
        raise ConfigError("wavelets need PyWavelets; pip install 'wavegen[series]'") from error
    return pywt
