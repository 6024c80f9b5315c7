"""What is worth knowing about a set of sounds, and how far two sets are from each other.

Dimensions: T time, F frames, C mel bands.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from .codec import Samples
from .features import LogMel, frame_pieces

_FRAME_SECONDS = 0.02
_SILENT_DBFS = -50.0
_CLIPPED = 0.999
_TINY = 1e-12


def describe(sounds: Sequence[Samples], rate_hz: int) -> dict[str, float]:
    """Level, clipping, silence, brightness and noisiness of all `(T,)` together.

    Brightness (centroid) and noisiness (flatness: 0 a tone, 1 white noise) are means over frames
    of 20 ms, weighted by their power, so that pauses do not count.
    """
    joined = np.concatenate([np.zeros(0, np.float32), *sounds]).astype(np.float64)
    frame = max(16, int(rate_hz * _FRAME_SECONDS))
    if len(joined) < frame:
        return {"seconds": len(joined) / rate_hz}
    frames = joined[: len(joined) // frame * frame].reshape(-1, frame)
    powers = np.square(frames).mean(axis=1)
    spectra = np.abs(np.fft.rfft(frames * np.hanning(frame))) ** 2 + _TINY
    frequencies_hz = np.fft.rfftfreq(frame, 1 / rate_hz)
    centroids = spectra @ frequencies_hz / spectra.sum(axis=1)
    flatness = np.exp(np.log(spectra).mean(axis=1)) / spectra.mean(axis=1)
    crossings = int(np.count_nonzero(np.diff(np.signbit(joined))))
    weights = powers + _TINY
    return {
        "seconds": len(joined) / rate_hz,
        "rms_dbfs": float(10 * np.log10(np.square(joined).mean() + _TINY)),
        "peak": float(np.abs(joined).max()),
        "clipped_share": float((np.abs(joined) >= _CLIPPED).mean()),
        "silent_share": float((powers < 10 ** (_SILENT_DBFS / 10)).mean()),
        "zero_crossings_per_s": crossings * rate_hz / len(joined),
        "centroid_hz": float(np.average(centroids, weights=weights)),
        "flatness": float(np.average(flatness, weights=weights)),
    }


def mel_statistics(sound: Samples, rate_hz: int, n_mels: int = 40) -> npt.NDArray[np.float64]:
    """Mean and spread over time of each log-mel band, `(2C,)`: the colour of a voice."""
    n_fft = 512 if rate_hz < 16_000 else 1024
    frames = np.concatenate(list(frame_pieces([sound], LogMel(rate_hz, n_fft, n_fft // 4, n_mels))))
    return np.concatenate([frames.mean(axis=0), frames.std(axis=0)]).astype(np.float64)


def mel_distance(some: Sequence[Samples], others: Sequence[Samples], rate_hz: int) -> float:
    """RMS difference of the mean `mel_statistics` of two sets; 0 is alike, 0.1 is 12 dB."""
    centres = [
        np.mean([mel_statistics(sound, rate_hz) for sound in sounds], axis=0)
        for sounds in (some, others)
    ]
    return float(np.sqrt(np.square(centres[0] - centres[1]).mean()))
