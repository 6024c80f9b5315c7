"""A chorale as a score in MusicXML 4.0: four staves, as a choir reads them.

Dimensions: T steps.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from xml.etree import ElementTree as Xml

import numpy as np

from wavegen.atomic import write_file
from wavegen.errors import DataError

from .grid import STEPS_PER_QUARTER, VOICES, ChoraleGrid, Key
from .notation import (
    VALUES,
    Bar,
    Written,
    bars_of,
    beams,
    key_of,
    signature,
    spell,
    written,
)
from .voice_notes import notes_of

_DOCTYPE = (
    '<!DOCTYPE score-partwise PUBLIC "-//Recordare//DTD MusicXML 4.0 Partwise//EN" '
    '"http://www.musicxml.org/dtds/partwise.dtd">'
)
_CLEFS = (("G", 2, 0), ("G", 2, 0), ("G", 2, -1), ("F", 4, 0))  # sign, line, octaves
_ACCIDENTALS = {-2: "flat-flat", -1: "flat", 0: "natural", 1: "sharp", 2: "double-sharp"}
_UNPRINTABLE = re.compile(r"[^\t\n\r -\ud7ff\ue000-\ufffd]")  # what XML 1.0 cannot hold


def write_musicxml(grid: ChoraleGrid, path: Path) -> None:
    """Write one file. Raises `DataError` where there is nothing to write, or no place.

    Where the key is unknown, the one that fits best is written; where the metre is, bars are
    counted from the start.
    """
    try:
        write_file(path, musicxml(grid))
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}; choose another place") from error


def musicxml(grid: ChoraleGrid) -> bytes:
    """The file's content."""
    if not len(grid):
        raise DataError(f"{grid.source or 'grid'}: there is nothing to write, it has no steps")
    score = Xml.Element("score-partwise", version="4.0")
    title = _UNPRINTABLE.sub("", Path(grid.source).stem)
    if title:
        _add(_add(score, "work"), "work-title", title)
    names = _add(score, "part-list")
    group = _add(names, "part-group", number="1", type="start")
    _add(group, "group-symbol", "bracket")
    _add(group, "group-barline", "yes")
    for number, name in enumerate(VOICES, 1):
        part = _add(names, "score-part", id=f"P{number}")
        _add(part, "part-name", name.capitalize())
        _add(part, "part-abbreviation", name[0].upper())
    _add(names, "part-group", number="1", type="stop")
    bars, key = bars_of(grid), key_of(grid)
    for voice, notes in enumerate(notes_of(grid)):
        part = _add(score, "part", id=f"P{voice + 1}")
        lines = written(notes, bars)
        held = _under_fermata(grid, [head for line in lines for head in line], voice == 0)
        first = 1 if bars[0].full or not bars[0].offset else 0
        for number, (bar, line) in enumerate(zip(bars, lines, strict=True), first):
            measure = _add(part, "measure", number=str(number))
            if not bar.full and bar is not bars[-1]:
                measure.set("implicit", "yes")
            if bar is bars[0]:
                _open(measure, grid, key, voice)
            _fill(measure, bar, line, key, held)
            if bar is bars[-1]:
                _add(_add(measure, "barline", location="right"), "bar-style", "light-heavy")
    Xml.indent(score)
    text = Xml.tostring(score, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{_DOCTYPE}\n{text}\n'.encode()


def _open(measure: Xml.Element, grid: ChoraleGrid, key: Key, voice: int) -> None:
    """Key, metre, clef, and over the soprano the tempo."""
    attributes = _add(measure, "attributes")
    _add(attributes, "divisions", STEPS_PER_QUARTER)
    written_key = _add(attributes, "key")
    _add(written_key, "fifths", key.sharps)
    _add(written_key, "mode", key.mode)
    time = _add(attributes, "time")
    unit = next(unit for unit in (4, 8, 16) if grid.bar_steps * unit % 16 == 0)
    _add(time, "beats", grid.bar_steps * unit // 16)
    _add(time, "beat-type", unit)
    sign, line, octaves = _CLEFS[voice]
    clef = _add(attributes, "clef")
    _add(clef, "sign", sign)
    _add(clef, "line", line)
    if octaves:
        _add(clef, "clef-octave-change", octaves)
    if voice == 0:
        direction = _add(measure, "direction", placement="above")
        metronome = _add(_add(direction, "direction-type"), "metronome")
        _add(metronome, "beat-unit", "quarter")
        _add(metronome, "per-minute", f"{grid.bpm:g}")
        _add(direction, "sound", tempo=f"{grid.bpm:g}")


def _fill(
    measure: Xml.Element, bar: Bar, line: Sequence[Written], key: Key, held: set[int]
) -> None:
    """The heads and rests of one bar."""
    in_force: dict[tuple[str, int], int] = {}  # accidentals since the bar line
    signed = signature(key)
    for head, joined in zip(line, beams(line, bar), strict=True):
        note = _add(measure, "note")
        shown = None
        if head.pitch is None:
            rest = _add(note, "rest")
            if head.length == bar.stop - bar.start:
                rest.set("measure", "yes")
        else:
            name = spell(head.pitch, key)
            place = name.step, name.octave
            if not head.tied_from:
                if in_force.get(place, signed[name.step]) != name.alter:
                    shown = _ACCIDENTALS[name.alter]
                in_force[place] = name.alter
            pitch = _add(note, "pitch")
            _add(pitch, "step", name.step)
            if name.alter:
                _add(pitch, "alter", name.alter)
            _add(pitch, "octave", name.octave)
        _add(note, "duration", head.length)
        ties = [kind for kind, tied in (("stop", head.tied_from), ("start", head.tied_to)) if tied]
        for kind in ties:
            _add(note, "tie", type=kind)
        _add(note, "voice", 1)
        value, dots = VALUES[head.length]
        _add(note, "type", value)
        for _ in range(dots):
            _add(note, "dot")
        if shown:
            _add(note, "accidental", shown)
        for number, mark in enumerate(joined, 1):
            _add(note, "beam", mark, number=str(number))
        if ties or head.start in held:
            notations = _add(note, "notations")
            for kind in ties:
                _add(notations, "tied", type=kind)
            if head.start in held:
                _add(notations, "fermata", type="upright")


def _under_fermata(grid: ChoraleGrid, heads: Sequence[Written], all_of_it: bool) -> set[int]:
    """Where the heads of one voice begin that carry a sign.

    In the soprano all heads that lie under a fermata, so that it is read back as it was; in the
    others the last. A head that only ends under one carries it where no other can.
    """
    starts: set[int] = set()
    for first, last in _runs(grid):
        sounding = [head for head in heads if head.pitch is not None]
        inside = [h.start for h in sounding if first <= h.start and h.start + h.length <= last]
        if not inside:
            inside = [h.start for h in sounding if h.start < last <= h.start + h.length]
        starts.update(inside if all_of_it else inside[-1:])
    return starts


def _runs(grid: ChoraleGrid) -> Iterator[tuple[int, int]]:
    """First step and end of each stretch under a fermata."""
    edges = np.flatnonzero(np.diff(grid.fermata.astype(np.int8), prepend=0, append=0)).tolist()
    return zip(edges[::2], edges[1::2], strict=True)


def _add(parent: Xml.Element, tag: str, text: object = None, **attributes: str) -> Xml.Element:
    """A child element with its text."""
    child = Xml.SubElement(parent, tag, attributes)
    if text is not None:
        child.text = str(text)
    return child
