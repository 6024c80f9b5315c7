"""Tell the speakers of four_speakers.sh apart: nearest centroid on the mel statistics of each file.

    python four_speakers_classify.py FOLDER

The centroids come from the training recordings. The held-out recordings show what the classifier
can do at all; the samples show whether the model speaks like whom it was asked to. Needs librosa:
pip install wavegen[audio].

Dimensions: F files, M mel bands, T frames.
"""

from __future__ import annotations

import csv
import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import librosa
import numpy as np
import numpy.typing as npt
import soundfile

N_MELS = 32
FLOOR_DB = -45.0
"""Frames this far below the loudest are pauses; they say nothing about the voice."""

Features = npt.NDArray[np.float64]


def mel_statistics(path: Path) -> Features | None:
    """Mean and deviation of each mel band over the frames that hold sound, `(2 M,)`."""
    samples, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
    sound = samples.mean(axis=1)
    if len(sound) < 1024 or not sound.any():
        return None
    power = librosa.feature.melspectrogram(y=sound, sr=rate_hz, n_fft=512, n_mels=N_MELS)  # (M, T)
    level = librosa.power_to_db(power.sum(axis=0), ref=np.max)
    mels = librosa.power_to_db(power)[:, level > FLOOR_DB]
    mels -= mels.mean()  # how loud a file is must not matter
    return np.concatenate([mels.mean(axis=1), mels.std(axis=1)])


def features(files: Mapping[str, Sequence[Path]]) -> dict[str, Features]:
    """`(F, 2 M)` of each speaker, files without sound left out."""
    rows = {
        name: [row for path in paths if (row := mel_statistics(path)) is not None]
        for name, paths in files.items()
    }
    return {name: np.stack(found) for name, found in rows.items()}


def listed(path: Path) -> dict[str, list[Path]]:
    """The files of each speaker in a list with the columns path and label."""
    files: dict[str, list[Path]] = {}
    with path.open(newline="", encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            files.setdefault(row["label"], []).append(Path(row["path"]))
    return files


def sampled(folder: Path, names: Sequence[str]) -> dict[str, list[Path]]:
    """The samples of each speaker: `FOLDER/NAME/*.wav`."""
    return {name: sorted((folder / name).glob("*.wav")) for name in names}


def chance_of(hits: int, tries: int, chance: float) -> float:
    """The probability of at least so many hits by guessing."""
    return sum(
        math.comb(tries, k) * chance**k * (1 - chance) ** (tries - k)
        for k in range(hits, tries + 1)
    )


def main(folder: Path) -> None:
    """Print a table of guesses for the held-out recordings and for the samples."""
    train = features(listed(folder / "train.csv"))
    names = sorted(train)
    everything = np.concatenate([train[name] for name in names])
    mean, deviation = everything.mean(axis=0), everything.std(axis=0) + 1e-9
    centroids = np.stack([((train[name] - mean) / deviation).mean(axis=0) for name in names])

    tests = {
        "held-out recordings": listed(folder / "valid.csv"),
        "samples": sampled(folder / "samples", names),
    }
    for title, files in tests.items():
        hits = tries = 0
        print(f"{title}\n  {'':8}" + "".join(f"{name:>8}" for name in names))
        for name, rows in features(files).items():
            scaled = (rows - mean) / deviation
            distance = ((scaled[:, None] - centroids) ** 2).sum(axis=-1)  # (F, speakers)
            guesses = np.bincount(distance.argmin(axis=1), minlength=len(names))
            print(f"  {name:8}" + "".join(f"{count:8}" for count in guesses))
            hits += int(guesses[names.index(name)])
            tries += len(rows)
        chance = 1 / len(names)
        print(
            f"  right: {hits} of {tries} = {hits / tries:.1%}; chance {chance:.1%}; "
            f"p = {chance_of(hits, tries, chance):.2g}\n"
        )


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python four_speakers_classify.py FOLDER")
    main(Path(sys.argv[1]))
