"""The battery counts what it says, and gives Bach's own values for Bach."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from any_grids import grids
from hypothesis import given, settings
from hypothesis import strategies as st
from wavegen_chorales.archive import members
from wavegen_chorales.battery import METRICS, describe, summarize
from wavegen_chorales.battery_histograms import divergence, histograms
from wavegen_chorales.battery_reference import reference, shipped
from wavegen_chorales.battery_table import measure
from wavegen_chorales.csv_files import read_csv
from wavegen_chorales.grade import grade
from wavegen_chorales.grid import ChoraleGrid

from wavegen.errors import DataError

ARCHIVE = Path(__file__).parents[4] / "shared" / "data" / "jsb_chorales.tgz"
C_MAJOR = [72, 67, 64, 48]


@pytest.fixture(scope="module")
def bach() -> dict[str, list[ChoraleGrid]]:
    """The splits of the JSB chorales."""
    if not ARCHIVE.exists():
        pytest.skip("the JSB chorales are not there (shared/data/jsb_chorales.tgz)")
    found: dict[str, list[ChoraleGrid]] = {"train": [], "valid": [], "test": []}
    for name, content in sorted(members(ARCHIVE, (".csv",))):
        found[name.parent.name].append(read_csv(content, name.name).grid)
    return found


def held(*chords: Sequence[int], steps: int = 4) -> ChoraleGrid:
    """Chords of so many steps each."""
    return ChoraleGrid.of(np.repeat(np.array(chords), steps, axis=0))


# Per metric: Bach's training and test chorales, as measured by another program before this one.
TABLE = {
    "parallel_fifths_per_100_notes": (0.07, 0.10, 2),
    "parallel_octaves_per_100_notes": (0.05, 0.04, 2),
    "direct_outer_per_100_notes": (0.20, 0.21, 2),
    "crossing_pct": (2.45, 2.11, 2),
    "upper_gap_pct": (1.33, 1.81, 2),
    "lower_gap_pct": (0.84, 0.74, 2),
    "triad_pct": (77.8, 77.7, 1),
    "seventh_pct": (11.6, 11.1, 1),
    "other_chord_pct": (10.6, 11.1, 1),
    "dissonant_pct": (10.1, 10.2, 1),
    "key_correlation": (0.88, 0.89, 2),
    "in_scale_pct": (94.9, 95.1, 1),
    "steps_pct": (74.0, 75.4, 1),
    "repeated_pct": (0.0, 0.1, 1),
    "over_octave_pct": (0.06, 0.05, 2),
    "tritone_pct": (0.43, 0.40, 2),
    "sixteenth_pct": (2, 3, 0),
    "eighth_pct": (34, 34, 0),
    "quarter_pct": (42, 41, 0),
    "half_pct": (19, 18, 0),
    "notes_per_step": (0.91, 0.93, 2),
    "final_triad_pct": (98.7, 98.7, 1),
}


def test_bach_is_bach(bach: dict[str, list[ChoraleGrid]]) -> None:
    found = [summarize(bach[split]) for split in ("train", "test")]
    assert TABLE.keys() == METRICS.keys()
    for name, (train, test, digits) in TABLE.items():
        for expected, split in zip((train, test), found, strict=True):
            # Half a unit for their rounding, and a tenth for where a half is rounded to.
            assert split[name][0] == pytest.approx(expected, abs=0.6 * 10**-digits), name
    distances = {
        name: divergence(counts, histograms(bach["train"])[name])
        for name, counts in histograms(bach["test"]).items()
    }
    assert {name: round(each, 4) for name, each in distances.items()} == {
        "chord_jsd_bits": 0.0023,
        "interval_jsd_bits": 0.0010,
        "length_jsd_bits": 0.0013,
    }


def test_what_ships_is_what_is_counted(
    bach: dict[str, list[ChoraleGrid]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.ensemble", None)  # the classifier takes seconds
    kept, counted = shipped(), reference(bach["train"], "")
    assert kept.pieces == 229
    assert kept.histograms == counted.histograms
    assert kept.grading == counted.grading
    np.testing.assert_allclose(kept.excerpts.features, counted.excerpts.features, rtol=1e-4)
    np.testing.assert_array_equal(kept.excerpts.pieces, counted.excerpts.pieces)
    for name, pair in counted.metrics.items():
        assert kept.metrics[name] == pytest.approx(pair, rel=1e-4)
    for name, cell in measure(bach["test"], kept).items():
        assert cell.value == pytest.approx(kept.held_out[name][0], rel=1e-4), name


def test_shuffled_voices_and_noise_are_told_from_bach(bach: dict[str, list[ChoraleGrid]]) -> None:
    pieces, rng = bach["test"], np.random.default_rng(0)
    shuffled, noise = [], []
    for number in range(0, 77, 3):
        sources = [pieces[(number + shift) % 77].pitch for shift in (0, 7, 19, 31)]
        steps = min(map(len, sources))
        voices = [source[:steps, voice] for voice, source in enumerate(sources)]
        shuffled.append(ChoraleGrid.of(np.stack(voices, axis=1)))
        noise.append(ChoraleGrid.of(rng.integers((60, 52, 46, 36), (82, 75, 70, 67), (240, 4))))
    kept = shipped()
    sets = pieces, shuffled, noise
    batteries = [summarize(grids) for grids in sets]
    bad = {
        name: [each[name][0] for each in batteries]
        for name in ("other_chord_pct", "dissonant_pct", "crossing_pct")
    }
    name = "chord_jsd_bits"
    bad[name] = [divergence(histograms(grids)[name], kept.histograms[name]) for grids in sets]
    bad["grade"] = [np.median([grade(g, kept.grading)["grade"] for g in grids]) for grids in sets]
    for name, values in bad.items():
        assert values[1] > 1.5 * values[0], name
        assert values == sorted(values), name


def test_parallels_are_counted_by_pair() -> None:
    # Soprano and bass in octaves, alto and bass in fifths: up, up again, then down.
    moving = held([72, 67, 64, 48], [74, 69, 64, 50], [76, 71, 64, 52], [74, 69, 64, 50])
    found = describe(moving)
    assert found["parallel_octaves_per_100_notes"] == pytest.approx(100 * 3 / 13)
    assert found["parallel_fifths_per_100_notes"] == pytest.approx(100 * 3 / 13)
    # Contrary motion from an octave to an octave, and octaves that stay, are none.
    assert describe(held([72, 67, 64, 60], [79, 67, 64, 55]))["parallel_octaves_per_100_notes"] == 0
    assert describe(held(C_MAJOR, C_MAJOR))["parallel_octaves_per_100_notes"] == 0
    # Nor do they lie between voices one of which was silent.
    assert describe(held([72, -1, 64, -1], [74, 69, 64, 50]))["parallel_octaves_per_100_notes"] == 0


def test_a_fermata_ends_a_phrase() -> None:
    moving = held([72, 67, 64, 48], [74, 67, 64, 50])
    for stretch, expected in ((slice(0, 4), 0), (slice(0, 8), 1), (slice(4, 8), 1)):
        fermata = np.zeros(8, bool)
        fermata[stretch] = True
        grid = ChoraleGrid(moving.pitch, moving.attack, fermata, moving.pos)
        found = describe(grid)["parallel_octaves_per_100_notes"]
        assert found == pytest.approx(100 * expected / 6)


def test_direct_octaves_of_the_outer_voices() -> None:
    by_leap = held([67, 64, 60, 48], [72, 64, 60, 60])
    assert describe(by_leap)["direct_outer_per_100_notes"] == pytest.approx(100 / 6)
    by_step = held([71, 64, 60, 55], [72, 64, 60, 60])
    assert describe(by_step)["direct_outer_per_100_notes"] == 0
    parallel = held([67, 64, 60, 55], [72, 64, 60, 60])
    assert describe(parallel)["direct_outer_per_100_notes"] == 0


def test_where_voices_lie() -> None:
    grid = held(C_MAJOR, [60, 67, 64, 48], [84, 67, 64, 48], [72, 67, 64, 44], [-1, 60, 67, 48])
    found = describe(grid)
    assert found["crossing_pct"] == 25  # of the four chords with all voices
    assert found["upper_gap_pct"] == 25
    assert found["lower_gap_pct"] == 25


@pytest.mark.parametrize(
    ("chord", "kind"),
    [
        ([72, 67, 64, 48], "triad"),
        ([72, 67, 67, 48], "triad"),  # an open fifth lies inside one
        ([68, 64, 60, 48], "triad"),  # augmented
        ([70, 67, 64, 48], "seventh"),
        ([69, 66, 63, 48], "seventh"),  # diminished
        ([72, 67, 65, 48], "other_chord"),
        ([70, 64, 60, 48], "other_chord"),  # a seventh without its fifth
    ],
)
def test_chords(chord: list[int], kind: str) -> None:
    found = describe(held(chord))
    assert {name: found[f"{name}_pct"] for name in ("triad", "seventh", "other_chord")} == {
        name: 100.0 * (name == kind) for name in ("triad", "seventh", "other_chord")
    }


@pytest.mark.parametrize(
    ("chord", "ends"),
    [
        ([72, 67, 64, 48], 100),
        ([64, 64, 60, 48], 100),
        ([67, 67, 60, 48], 0),
        ([70, 67, 64, 48], 0),
        ([68, 64, 60, 48], 0),
        ([-1, -1, -1, -1], 0),
    ],
)
def test_the_last_chord(chord: list[int], ends: int) -> None:
    assert describe(held(C_MAJOR, chord))["final_triad_pct"] == ends


def test_moves_and_lengths() -> None:
    pitch = np.full((16, 4), -1)
    pitch[:, 0] = [60] * 4 + [62] * 2 + [62] + [68] + [81] * 8
    attack = np.zeros((16, 4), bool)
    attack[6, 0] = True
    found = describe(ChoraleGrid.of(pitch, attack))
    assert found["notes_per_step"] == 5 / 16
    for name, expected in {"steps": 25, "repeated": 25, "tritone": 25, "over_octave": 25}.items():
        assert found[f"{name}_pct"] == expected, name
    for name, expected in {"sixteenth": 40, "eighth": 20, "quarter": 20, "half": 20}.items():
        assert found[f"{name}_pct"] == expected, name


def test_the_key_of_a_scale() -> None:
    scale = [60, 62, 64, 65, 67, 69, 71, 72]
    found = describe(ChoraleGrid.of(np.array([[note + 2, -1, -1, 50] for note in scale])))
    assert found["in_scale_pct"] == 100
    assert found["key_correlation"] > 0.7


@given(grids(), st.integers(-12, 12))
def test_a_transposed_piece_is_as_good(grid: ChoraleGrid, semitones: int) -> None:
    moved = describe(grid.transposed(semitones))
    assert moved == pytest.approx(describe(grid), abs=1e-6)


@given(grids())
def test_shares_are_shares(grid: ChoraleGrid) -> None:
    found = describe(grid)
    assert list(found) == list(METRICS)
    for name, value in found.items():
        assert np.isfinite(value), name
        if name.endswith("_pct"):
            assert 0 <= value <= 100 + 1e-9, name
    chords = sum(found[f"{name}_pct"] for name in ("triad", "seventh", "other_chord"))
    assert chords == pytest.approx(100) or (grid.pitch[::4] < 0).all()


@given(grids())
@settings(max_examples=30)
def test_twice_as_slow_moves_alike(grid: ChoraleGrid) -> None:
    again = [np.repeat(each, 2, axis=0) for each in (grid.pitch, grid.attack, grid.fermata)]
    again[1][1::2] = False
    slow, own = describe(ChoraleGrid(*again, np.full(2 * len(grid), -1, np.int16))), describe(grid)
    for name in METRICS:
        if name.startswith(("parallel", "direct", "step", "repeated", "tritone", "over", "cross")):
            assert slow[name] == pytest.approx(own[name]), name
    assert slow["notes_per_step"] == pytest.approx(own["notes_per_step"] / 2)


@given(grids(), grids())
@settings(max_examples=30)
def test_divergence(some: ChoraleGrid, others: ChoraleGrid) -> None:
    one, two = histograms([some]), histograms([others])
    for name in one:
        assert divergence(one[name], two[name]) == pytest.approx(divergence(two[name], one[name]))
        assert 0 <= divergence(one[name], two[name]) <= 1 + 1e-12
        if one[name]:
            assert divergence(one[name], one[name]) == pytest.approx(0, abs=1e-12)
    assert divergence({"1": 3}, {"2": 5}) == 1
    assert divergence({}, {"2": 5}) == 1
    # H((3+1)/8 ...): two coins, 3/4 and 1/4.
    assert divergence({"a": 3, "b": 1}, {"a": 1, "b": 3}) == pytest.approx(0.18872, abs=1e-5)


def test_silence_is_refused() -> None:
    with pytest.raises(DataError, match="there is no note to judge"):
        describe(held([-1, -1, -1, -1]))
    with pytest.raises(DataError, match="no pieces to judge"):
        summarize([])
