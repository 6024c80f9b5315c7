"""A picture of a chorale: a piano roll with a colour for each voice, its bars and its fermatas.

Dimensions: T steps.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from wavegen.errors import ConfigError, DataError

from .grid import VOICES, ChoraleGrid, name_of
from .notation import Bar, bars_of
from .voice_notes import Notes, notes_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = ("#d1495b", "#e0912f", "#2e8b78", "#31588f")
"""Soprano, alto, tenor, bass."""
_INK, _FAINT, _LINE, _BLACK_KEY = "#1f2430", "#8a90a0", "#d5d8df", "#f3f4f7"
_ROW_STEPS = 128  # eight bars of 4/4
_MOST_ROWS = 12
_INCHES_WIDE, _INCHES_A_PITCH, _INCHES_A_STAFF = 12.0, 0.058, 0.5


def draw_roll(grid: ChoraleGrid, path: Path, title: str = "") -> None:
    """Write a PNG; longer pieces have several rows, each starting with a bar.

    Raises `ConfigError` where matplotlib is missing, `DataError` on no notes or no place.
    """
    voices = notes_of(grid)
    pitches = np.concatenate([notes.pitches for notes in voices])
    if not len(pitches):
        raise DataError(f"{path}: nothing to draw, the piece has no notes")
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
        from matplotlib.patches import Patch
    except ImportError as error:
        raise ConfigError(
            "pictures need matplotlib, which is not installed; pip install 'wavegen[plot]'"
        ) from error
    bars = bars_of(grid)
    width = max(_ROW_STEPS, math.ceil(len(grid) / _MOST_ROWS))
    rows = list(_rows(bars, width))
    width = max(_ROW_STEPS // 4, *(row[-1].stop - row[0].start for row in rows))
    every = max(1, round(max(map(len, rows)) / 12))  # the numbers of bars must not touch
    low, high = int(pitches.min()) - 2, int(pitches.max()) + 5  # room for fermatas above
    height = 0.75 + len(rows) * ((high - low) * _INCHES_A_PITCH + _INCHES_A_STAFF)
    figure = Figure(figsize=(_INCHES_WIDE, height), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    staves = figure.subplots(len(rows), 1, squeeze=False)[:, 0]
    number = 0 if bars[0].offset else 1  # a pickup is not counted
    for staff, row in zip(staves, rows, strict=True):
        first = row[0].start
        _paper(staff, row, low, high, is_end=row is rows[-1])
        _numbers(staff, row, number, every)
        number += len(row)
        for voice, notes in enumerate(voices):
            _ink(staff, grid, voice, notes, slice(first, row[-1].stop))
        _fermatas(staff, grid, first, row[-1].stop, high)
        staff.set(xlim=(first, first + width), ylim=(low, high))
    if title:
        figure.suptitle(
            title.replace("$", r"\$"), x=0.012, ha="left", color=_INK, fontsize=13, weight="bold"
        )
    names = [
        Patch(color=colour, label=name.capitalize())
        for name, colour in zip(VOICES, COLOURS, strict=True)
    ]
    figure.legend(
        handles=names, loc="upper right", ncols=4, frameon=False, fontsize=10, labelcolor=_INK,
        handlelength=1.1, handleheight=0.8, columnspacing=1.6, borderpad=0.2,
    )  # fmt: skip
    try:
        figure.savefig(path, dpi=120, format="png")
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}; choose another place") from error


def _rows(bars: list[Bar], width: int) -> Iterator[list[Bar]]:
    """Whole bars in rows of about `width` steps; a pickup does not count."""
    row: list[Bar] = []
    for bar in bars:
        begin = row[1].start if len(row) > 1 and row[0].offset else row[0].start if row else 0
        if row and bar.stop - begin > width:
            yield row
            row = []
        row.append(bar)
    yield row


def _paper(staff: Axes, row: list[Bar], low: int, high: int, *, is_end: bool) -> None:
    """Black keys, octaves and bar lines."""
    first, last = row[0].start, row[-1].stop
    for pitch in range(low, high - 3):
        if pitch % 12 in (1, 3, 6, 8, 10):
            staff.fill_between([first, last], pitch - 0.5, pitch + 0.5, color=_BLACK_KEY, lw=0)
    octaves = [pitch for pitch in range(low, high - 3) if pitch % 12 == 0]
    staff.hlines(np.array(octaves) - 0.5, first, last, color=_LINE, lw=0.6)
    for bar in row:
        staff.vlines(bar.start, low, high - 3, color=_FAINT, lw=0.9)
        staff.vlines(range(bar.start + 4, bar.stop, 4), low, high - 3, color=_LINE, lw=0.5, ls=":")
    staff.vlines(last, low, high - 3, color=_FAINT, lw=2.4 if is_end else 0.9)
    staff.set_yticks(octaves, [name_of(pitch) for pitch in octaves])
    staff.tick_params(colors=_FAINT, labelsize=9, length=0)
    for side in staff.spines.values():
        side.set_visible(False)


def _numbers(staff: Axes, row: list[Bar], number: int, every: int) -> None:
    """The number of each bar, or of each so many, below its beginning; a pickup has none."""
    shown = [(n, bar.start) for n, bar in enumerate(row, number) if n and (n - 1) % every == 0]
    staff.set_xticks([start for _, start in shown], [str(n) for n, _ in shown])
    for tick in staff.get_xticklabels():
        tick.set_horizontalalignment("left")


def _ink(staff: Axes, grid: ChoraleGrid, voice: int, notes: Notes, row: slice) -> None:
    """The notes of one voice that sound in a row: a bar each, its beginning darker.

    Voices in unison share the height of a note, so that all stay visible.
    """
    from matplotlib.collections import PolyCollection

    alike = grid.pitch == grid.pitch[:, [voice]]
    shares = alike.sum(axis=1).tolist()
    above = alike[:, :voice].sum(axis=1).tolist()
    bodies, heads = [], []
    for start, length, pitch in zip(*(each.tolist() for each in notes), strict=True):
        first, last = max(start, row.start), min(start + length, row.stop)
        while first < last:
            place = shares[first], above[first]
            stop = first + 1
            while stop < last and (shares[stop], above[stop]) == place:
                stop += 1
            top = pitch + 0.46 - 0.92 * place[1] / place[0]
            span = top - 0.92 / place[0], top
            end = stop - (0.22 if stop == last else 0)  # a gap between notes, not inside one
            bodies.append(_box(first, end, *span))
            if first == start:
                heads.append(_box(start, min(start + 0.4, end), *span))
            first = stop
    for boxes, alpha in ((bodies, 0.82), (heads, 1.0)):
        staff.add_collection(
            PolyCollection(boxes, facecolor=COLOURS[voice], alpha=alpha, lw=0, zorder=3)
        )


def _box(left: float, right: float, low: float, high: float) -> list[tuple[float, float]]:
    """The corners of a rectangle."""
    return [(left, low), (right, low), (right, high), (left, high)]


def _fermatas(staff: Axes, grid: ChoraleGrid, first: int, last: int, high: int) -> None:
    """The sign, above the end of each stretch under one."""
    from matplotlib.path import Path as Outline

    arc = np.linspace(0, math.pi, 24)
    outer = np.column_stack([np.cos(arc), np.sin(arc)])
    inner = np.column_stack([0.88 * np.cos(arc[::-1]), 0.8 * np.sin(arc[::-1])])
    dot = np.column_stack([0.17 * np.cos(2 * arc), 0.17 * np.sin(2 * arc) + 0.17])
    sign = Outline.make_compound_path(
        *(Outline(part, closed=True) for part in (np.vstack([outer, inner, outer[:1]]), dot))
    )
    edges = np.flatnonzero(np.diff(grid.fermata.astype(np.int8), prepend=0, append=0))
    for start, stop in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        if first < stop <= last:
            middle = (max(start, first) + stop) / 2
            staff.scatter([middle], [high - 2.3], s=190, marker=sign, color=_INK, lw=0, zorder=4)
            staff.fill_between(
                [max(start, first), stop], -1, high - 3, color=_INK, alpha=0.05, lw=0, zorder=1
            )
