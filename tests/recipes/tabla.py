"""What the tabla model that comes with wavegen was trained on: `assets/recordings`, arranged.

    python tabla.py FOLDER
    wavegen train audio FOLDER/train --valid FOLDER/valid -o RUN --preset S --model.layers 11 \\
        --model.dropout 0.05 --domain.rate_hz 16000 --domain.test_percent 0 --trainer.batch 4 \\
        --minutes 45

The recordings are single strokes and four bars of playing, 41 seconds in all: a model of them is
silent most of the time. Here the strokes play the theka of teental, sixteen beats, with fills, so
that there is a pulse to be learnt.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

RATE_HZ = 16_000
BEAT_SECONDS = 0.28
LEFT = ("ghe1", "ghe2", "ghe4", "ghe5", "ghe7", "ghe8")
RIGHT = {
    "na": ("na", "na_o"),
    "tin": ("tun1", "tun2", "tun3"),
    "ta": ("tas1", "tas2", "tas3"),
    "te": ("te2", "te_m", "re"),
}
THEKA = (
    ("dha", "dhin", "dhin", "dha") * 2 + ("dha", "tin", "tin", "ta") + ("ta", "dhin", "dhin", "dha")
)
BOLS = {"dha": (True, "na"), "dhin": (True, "tin"), "tin": (False, "tin"), "ta": (False, "ta")}
Samples = npt.NDArray[np.float32]


def stroke(name: str) -> Samples:
    folder = Path(__file__).resolve().parents[2] / "assets" / "recordings"
    samples, rate_hz = soundfile.read(folder / f"tabla_{name}.flac", dtype="float32")
    samples = soxr.resample(samples, rate_hz, RATE_HZ)
    return samples / np.abs(samples).max()


class Drum:
    """One of the two drums: a new stroke ends the one before."""

    def __init__(self, n: int) -> None:
        self.out = np.zeros(n, np.float32)

    def play(self, samples: Samples, at: int, gain: float, end: int) -> None:
        n = min(len(samples), end - at, len(self.out) - at)
        fade = np.minimum(1, np.arange(n, 0, -1) / (0.01 * RATE_HZ), dtype=np.float32)
        self.out[at : at + n] = gain * samples[:n] * fade


def arranged(seconds: float, seed: int) -> Samples:
    rng = np.random.default_rng(seed)
    strokes = {name: stroke(name) for name in (*LEFT, *(n for row in RIGHT.values() for n in row))}
    n = round(seconds * RATE_HZ)
    left, right = Drum(n), Drum(n)
    beat = BEAT_SECONDS * rng.uniform(0.97, 1.03)
    onsets: list[tuple[float, bool, str]] = []
    for i in range(int(seconds / beat)):
        is_left, hand = BOLS[THEKA[i % 16]]
        onsets.append((i * beat, is_left, hand))
        if rng.random() < 0.35:  # a fill on the half of the beat
            onsets.append(((i + 0.5) * beat, rng.random() < 0.2, "te"))
    for drum, wanted in ((left, [o for o in onsets if o[1]]), (right, onsets)):
        for (at, _, hand), after in zip(wanted, [*wanted[1:], (seconds, True, "")], strict=True):
            names = LEFT if drum is left else RIGHT[hand]
            begin, end = (round((t + rng.normal(0, 0.002)) * RATE_HZ) for t in (at, after[0]))
            gain = 0.4 * rng.uniform(0.7, 1.0) * (1 if hand != "te" else 0.6)
            if 0 <= begin < n:
                drum.play(strokes[rng.choice(names)], begin, gain, end)
    return left.out + right.out


def main(folder: Path) -> None:
    for name, count, first in (("train", 15, 0), ("valid", 2, 100)):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for i in range(count):
            path = folder / name / f"{i}.flac"
            soundfile.write(path, arranged(20.0, first + i), RATE_HZ)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
