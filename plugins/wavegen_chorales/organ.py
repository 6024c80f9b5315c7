"""A chorale as sound: an additive organ in plain NumPy, and WAV files.

Each voice is a sum of harmonics as an organ's principals mix them, with a soft beginning and end.

Dimensions: N samples, T steps.
"""

from __future__ import annotations

import math
import os
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from wavegen.errors import DataError

from .grid import STEPS_PER_QUARTER, ChoraleGrid
from .voice_notes import notes_of

Samples = npt.NDArray[np.float32]

RELEASE_SECONDS = 0.15
"""How long a note sounds on after its end, and how long the sound of a piece exceeds it."""
_ATTACK_SECONDS = 0.025
_HARMONICS = (1.0, 0.55, 0.22, 0.3, 0.06, 0.12, 0.03, 0.1)  # 8', 4', 2' and 1' stops stand out
_TABLE = 2**14  # points of one period: its steps are 75 dB below the tone
PEAK = 0.9
_A4, _A4_HZ = 69, 440.0


def seconds_per_step(grid: ChoraleGrid) -> float:
    """How long a sixteenth lasts."""
    return 60 / grid.bpm / STEPS_PER_QUARTER


def frequency_hz(pitch: int) -> float:
    """Of a MIDI number, in equal temperament at A4 = 440 Hz."""
    return _A4_HZ * 2 ** ((pitch - _A4) / 12)


def render(grid: ChoraleGrid, rate_hz: int = 44_100) -> Samples:
    """The sound of a grid, `(N,)` within ±0.9; N is its time and `RELEASE_SECONDS`.

    Repeated notes are heard as such: each is let go a little before the next one is struck.
    Loudness does not depend on the piece. Harmonics beyond half the rate are left out.
    """
    step = seconds_per_step(grid) * rate_hz
    tail = round(RELEASE_SECONDS * rate_hz)
    sound = np.zeros(round(len(grid) * step) + tail, np.float32)
    tables: dict[int, Samples] = {}
    for notes in notes_of(grid):
        ends = notes.starts + notes.lengths
        struck_again = np.zeros(len(ends), bool)
        struck_again[:-1] = (ends[:-1] == notes.starts[1:]) & (np.diff(notes.pitches) == 0)
        for start, end, pitch, again in zip(
            notes.starts.tolist(), ends.tolist(), notes.pitches.tolist(), struck_again, strict=True
        ):
            if pitch not in tables:
                tables[pitch] = period(pitch, rate_hz)
            first, last = round(start * step), round(end * step)
            if again:  # a gap in which the release is heard
                last -= gap(last - first, tail)
            heard = tone(tables[pitch], pitch, 0, last - first + tail, rate_hz)
            shape(heard, 0, last - first, tail, rate_hz)
            sound[first : first + len(heard)] += heard[: len(sound) - first]
    np.clip(sound, -PEAK, PEAK, out=sound)  # only overlapping ends and beginnings come near it
    return sound


def write_wav(grid: ChoraleGrid, path: Path, rate_hz: int = 44_100) -> None:
    """Write a WAV of 16 bits. Raises `DataError` where there is no place for it."""
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.wav")
    try:
        soundfile.write(temporary, render(grid, rate_hz), rate_hz, "PCM_16")
        temporary.replace(path)
    except (OSError, soundfile.SoundFileError) as error:
        raise DataError(f"{path}: cannot be written ({error}); choose another place") from error
    finally:
        temporary.unlink(missing_ok=True)


def period(pitch: int, rate_hz: int) -> Samples:
    """One period of a pitch, as loud as a quarter of the whole at most, lower ones louder."""
    phase = np.arange(_TABLE) * (2 * math.pi / _TABLE)
    n_audible = math.ceil(rate_hz / 2 / frequency_hz(pitch)) - 1
    # Harmonics that start at different phases peak less together.
    partials = [
        level * np.sin(k * phase + k * k)
        for k, level in enumerate(_HARMONICS[: max(0, n_audible)], 1)
    ]
    level = PEAK / 4 / sum(_HARMONICS) * 10 ** (-max(0, pitch - 48) / 150)
    return (level * np.sum([np.zeros(_TABLE), *partials], axis=0)).astype(np.float32)


def gap(length: int, tail: int) -> int:
    """Samples by which a note is shorter where it is struck again: its release is heard there."""
    return min(tail // 2, length // 3)


def tone(table: Samples, pitch: int, start: int, stop: int, rate_hz: int) -> Samples:
    """Samples `start` to `stop` of a pitch: the period read at the right speed."""
    speed = frequency_hz(pitch) * _TABLE / rate_hz
    return table[(np.arange(start, stop) * speed).astype(np.int64) & (_TABLE - 1)]


def shape(tone: Samples, start: int, end: int | None, tail: int, rate_hz: int) -> None:
    """Fade a tone in from its sample 0, and out over `tail` samples from `end` on.

    `tone` begins with its sample `start`; an end of None is not known yet.
    """
    attack = max(1, round(_ATTACK_SECONDS * rate_hz))
    rising = np.sin(np.linspace(0, math.pi / 2, attack, dtype=np.float32)) ** 2
    tone[: max(0, attack - start)] *= rising[start : start + len(tone)]
    if end is not None and tail:
        falling = np.cos(np.linspace(0, math.pi / 2, tail, dtype=np.float32)) ** 2
        tone[end - start :] *= falling[: len(tone) - (end - start)]
