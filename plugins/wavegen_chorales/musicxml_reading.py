"""A MusicXML file, plain or zipped, to a grid: music21 reads the notation.

Dimensions: T steps.
"""

from __future__ import annotations

import io
import warnings
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from wavegen.errors import ConfigError, DataError

from .grid import (
    DEFAULT_BPM,
    MAX_BAR_STEPS,
    MAX_BPM,
    MAX_STEPS,
    MIN_BPM,
    STEPS_PER_QUARTER,
    UNKNOWN,
    ChoraleGrid,
    Flags,
    Key,
    Reading,
)
from .steps import Sung, lay, words
from .voice_names import by_name

MAX_BYTES = 4 * 2**20
"""Of the notation, unpacked: fifty times a chorale."""


def read_musicxml(content: bytes, name: str) -> Reading:
    """Four parts, by their names, else in their order. Raises `DataError`."""
    parts = _parts(content, name)
    voices = by_name({number: part.partName or "" for number, part in enumerate(parts)})
    if voices is not None:
        return _grid([parts[number] for number in voices], name)
    if len(parts) != 4:
        raise DataError(
            f"{name}: has {len(parts)} parts; four are needed, or four among them called soprano, "
            "alto, tenor and bass"
        )
    return _grid(parts, name)


def read_musicxml_tune(content: bytes, name: str) -> Reading:
    """The only part, or the soprano of four, above three that rest. Raises `DataError`."""
    parts = _parts(content, name)
    voices = by_name({number: part.partName or "" for number, part in enumerate(parts)})
    if voices is None and len(parts) not in (1, 4):
        raise DataError(f"{name}: has {len(parts)} parts; a tune is one, or the soprano of four")
    return _grid([parts[voices[0] if voices else 0]], name)


def _parts(content: bytes, name: str) -> list[Any]:
    """The parts of a score, as music21 has them."""
    try:
        from music21 import converter, exceptions21  # pyright: ignore[reportMissingImports]
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"{name}: MusicXML is read by music21; pip install 'wavegen[chorales]'"
        ) from error
    notation = _unzipped(content, name) if content[:2] == b"PK" else content
    if len(notation) > MAX_BYTES:
        raise DataError(f"{name}: more than {MAX_BYTES // 2**20} MiB of MusicXML; split it")
    if b"<score-partwise" not in notation and b"<\0s\0c\0o\0r\0e" not in notation:
        raise DataError(f"{name}: not a MusicXML file (no score-partwise in it)")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about notation that a grid has no place for
            score: Any = converter.parseData(notation, format="musicxml")
            return list(score.parts)
    except (
        exceptions21.Music21Exception,
        SyntaxError,
        LookupError,
        ValueError,
        TypeError,
    ) as error:
        what = " ".join(str(error).split())[:200] or type(error).__name__
        raise DataError(f"{name}: music21 cannot read this MusicXML ({what})") from error


def _unzipped(content: bytes, name: str) -> bytes:
    """The notation in an .mxl; sizes that a zip states are not to be trusted."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for member in archive.namelist():
                if not member.startswith("META-INF/") and member.endswith((".xml", ".musicxml")):
                    with archive.open(member) as file:
                        return file.read(MAX_BYTES + 1)
    except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError, RuntimeError) as error:
        raise DataError(f"{name}: not a readable .mxl archive ({error})") from error
    raise DataError(f"{name}: no MusicXML in this .mxl archive")


def _grid(parts: Sequence[Any], name: str) -> Reading:
    """One part, or four, on the grid."""
    lines = [lay(list(_sung(part)), lowest=voice == 3) for voice, part in enumerate(parts)]
    steps = max(line.steps for line in lines)
    if not 0 < steps <= MAX_STEPS:
        raise DataError(f"{name}: lasts {steps} sixteenths; 1 to {MAX_STEPS} are read")
    pitch, attack = np.full((steps, 4), -1, np.int8), np.zeros((steps, 4), np.bool_)
    for voice, line in enumerate(lines):
        pitch[:, voice], attack[:, voice] = line.fill(steps)
    pos, bar_steps = _metre(parts[0], steps)
    grid = ChoraleGrid(
        pitch,
        attack,
        _fermatas(parts[0], steps),
        pos,
        bar_steps,
        _key(parts[0]),
        _bpm(parts[0]),
        name,
    )
    return Reading(grid, words(lines))


def _sung(part: Any) -> Iterator[Sung]:
    """The notes of a part; tied ones are one. Grace notes have no time and are left out."""
    held: dict[int, Sung] = {}
    for element in part.flatten().notes:
        start = element.offset * STEPS_PER_QUARTER
        end = start + element.quarterLength * STEPS_PER_QUARTER
        goes_on = element.tie is not None and element.tie.type in ("stop", "continue")
        for pitch in element.pitches if end > start else ():
            before = held.get(pitch.midi)
            if goes_on and before is not None and before.end == start:
                held[pitch.midi] = before._replace(end=end)
            else:
                if before is not None:
                    yield before
                held[pitch.midi] = Sung(start, end, pitch.midi)
    yield from held.values()


def _fermatas(soprano: Any, steps: int) -> Flags:
    """Steps `(T,)` of the soprano's notes that bear a fermata."""
    fermata = np.zeros(steps, np.bool_)
    for element in soprano.flatten().notes:
        if any("Fermata" in expression.classes for expression in element.expressions):
            start = element.offset * STEPS_PER_QUARTER
            fermata[int(start) : int(start + element.quarterLength * STEPS_PER_QUARTER)] = True
    return fermata


def _metre(part: Any, steps: int) -> tuple[npt.NDArray[np.int16], int]:
    """The place of each step in its bar `(T,)`, and the steps of the usual bar.

    A bar that is broken in two, as at repeats, is one; a first bar that is not full is a pickup.
    """
    pos = np.full(steps, UNKNOWN, np.int16)
    bars = [
        (int(bar.offset * STEPS_PER_QUARTER), int(bar.barDuration.quarterLength * 4))
        for bar in part.getElementsByClass("Measure")
    ]
    if not bars or not all(0 < full <= MAX_BAR_STEPS for _, full in bars):
        return pos, 16
    weights = Counter[int]()
    place = 0  # where the bar before broke off; 0 where it was full
    for (start, full), (stop, _) in pairwise([*bars, (steps, 0)]):
        length = max(0, stop - start)
        if start == 0 and length < full:
            place = full - length
        elif place + length > full:
            place = 0
        pos[start:stop] = (place + np.arange(length))[: max(0, steps - start)]
        place = place + length if place + length < full else 0
        weights[full] += length
    return pos, max(weights, key=lambda full: weights[full])


def _key(part: Any) -> Key | None:
    """The first signature that has a mode."""
    for signature in part.flatten().getElementsByClass("Key"):
        if signature.sharps is not None and -7 <= signature.sharps <= 7:
            if signature.mode in ("major", "minor"):
                return Key(signature.sharps, signature.mode)
            return None
    return None


def _bpm(part: Any) -> float:
    """Quarters a minute, where the part says so."""
    for mark in part.flatten().getElementsByClass("MetronomeMark"):
        quarters = mark.getQuarterBPM()
        if quarters and MIN_BPM <= quarters <= MAX_BPM:
            return round(float(quarters), 2)
    return DEFAULT_BPM
