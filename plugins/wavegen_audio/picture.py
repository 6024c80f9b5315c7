"""A picture of a recording: its waveform above its spectrogram.

Dimensions: T time.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from wavegen.errors import ConfigError, DataError

from .codec import Samples

_COLUMNS = 1_600  # points of the waveform and of the spectrogram across the picture
_SPAN_DB = 80.0
_TINY = 1e-10
_INK, _FAINT, _WAVE = "#1f2430", "#8a90a0", "#3b5b92"


def draw(samples: Samples, rate_hz: int, path: Path, title: str) -> None:
    """Write a PNG. Raises `ConfigError` where matplotlib is missing, `DataError` on no samples."""
    if not len(samples):
        raise DataError(f"{path}: nothing to draw, the recording has no samples")
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ConfigError(
            "pictures need matplotlib, which is not installed; pip install 'wavegen[plot]'"
        ) from error
    seconds = len(samples) / rate_hz
    figure = Figure(figsize=(10, 5.2), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    wave, spectrum = figure.subplots(2, 1, sharex=True, height_ratios=(1, 2.2))

    low, high = _envelope(samples)
    times = np.linspace(0, seconds, len(low))
    wave.fill_between(times, low, high, color=_WAVE, linewidth=0.6, edgecolor=_WAVE)
    reach = max(0.05, 1.08 * float(np.abs(samples).max()))
    wave.set(ylim=(-reach, reach), ylabel="amplitude")
    if title:
        wave.set_title(title, loc="left", color=_INK, fontsize=12, pad=10)

    decibels = _spectrogram(samples)
    image = spectrum.imshow(
        decibels,
        origin="lower",
        aspect="auto",
        extent=(0, seconds, 0, rate_hz / 2_000),
        cmap="magma",
        vmin=-_SPAN_DB,
        vmax=0,
        interpolation="bilinear",
    )
    spectrum.set(xlabel="seconds", ylabel="kHz", xlim=(0, seconds))
    scale = figure.colorbar(image, ax=spectrum, pad=0.01, aspect=18)
    scale.set_label("dB below the loudest")
    for axes in (wave, spectrum, scale.ax):
        axes.tick_params(colors=_FAINT, labelsize=9)
        axes.xaxis.label.set_color(_INK)
        axes.yaxis.label.set_color(_INK)
        for side in axes.spines.values():
            side.set_visible(False)
    wave.tick_params(bottom=False)
    try:
        figure.savefig(path, dpi=150, format="png")
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}; choose another place") from error


def _envelope(samples: Samples) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """The lowest and highest sample of each column."""
    starts = np.unique(np.linspace(0, len(samples), _COLUMNS, endpoint=False, dtype=np.int64))
    return np.minimum.reduceat(samples, starts), np.maximum.reduceat(samples, starts)


def _spectrogram(samples: Samples) -> npt.NDArray[np.float64]:
    """Power in dB of the loudest, frequencies x columns; long recordings are seen through gaps."""
    size = 512
    padded = np.pad(samples, (size // 2, size // 2))
    hop = max(size // 8, len(samples) // _COLUMNS)
    windows = np.lib.stride_tricks.sliding_window_view(padded, size)[::hop]
    power = np.abs(np.fft.rfft(windows * np.hanning(size))) ** 2
    return 10 * np.log10((power.T + _TINY) / (power.max() + _TINY))
