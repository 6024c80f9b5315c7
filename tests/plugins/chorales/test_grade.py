"""The grade, the two-sample test, and the table of both."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest
from any_grids import grids
from hypothesis import given, settings
from hypothesis import strategies as st
from wavegen_chorales.battery import METRICS
from wavegen_chorales.battery_reference import reference, save, shipped
from wavegen_chorales.battery_table import AREAS, BACH, HELD_OUT, json_of, table, text_of
from wavegen_chorales.grade import FEATURES, corpus_histograms, grade
from wavegen_chorales.grid import ChoraleGrid
from wavegen_chorales.two_sample import Excerpts, excerpts, separate

from wavegen.errors import ConfigError, DataError

CADENCE = [
    [67, 64, 60, 48], [69, 65, 60, 53], [67, 64, 60, 48], [67, 62, 59, 55],
    [72, 64, 55, 48], [71, 62, 55, 55], [69, 60, 57, 53], [67, 59, 55, 55],
]  # fmt: skip


def phrases(seed: int, steps: int = 176) -> ChoraleGrid:
    """Chords of a cadence in random order, a beat each."""
    order = np.random.default_rng(seed).integers(0, len(CADENCE), steps // 4)
    return ChoraleGrid.of(np.repeat(np.array(CADENCE)[order], 4, axis=0))


def noise(seed: int, steps: int = 176) -> ChoraleGrid:
    """Any pitches, a beat each."""
    rng = np.random.default_rng(seed)
    return ChoraleGrid.of(
        rng.integers((60, 52, 46, 36), (82, 75, 70, 67), (steps // 4, 4)).repeat(4, axis=0)
    )


@given(grids(min_steps=4))
@settings(max_examples=40)
def test_a_piece_is_itself(grid: ChoraleGrid) -> None:
    found = grade(grid, corpus_histograms([grid]))
    assert list(found) == [*FEATURES, "grade"]
    assert found["grade"] == pytest.approx(found["parallels"], abs=1e-9)
    assert found["grade"] == pytest.approx(sum(found[name] for name in FEATURES))


@given(grids(min_steps=4), st.integers(-12, 12))
@settings(max_examples=40)
def test_the_key_does_not_matter(grid: ChoraleGrid, semitones: int) -> None:
    bach = shipped().grading
    assert grade(grid.transposed(semitones), bach) == pytest.approx(grade(grid, bach), abs=1e-9)


def test_chords_are_nearer_to_bach_than_noise() -> None:
    bach = shipped().grading
    plain, wild = grade(phrases(0), bach), grade(noise(0), bach)
    assert wild["grade"] > 1.5 * plain["grade"]
    for name in ("notes", "harmony", "soprano_intervals", "bass_intervals"):
        assert wild[name] > plain[name], name


def test_distances_are_in_their_units() -> None:
    # Every note an eighth against every note a half; a third against a fourth.
    def tune(length: int, interval: int) -> ChoraleGrid:
        pitch = np.full((16, 4), -1)
        pitch[:, 0] = np.repeat(60 + interval * np.arange(16 // length), length)[:16]
        return ChoraleGrid.of(pitch)

    found = grade(tune(8, 5), corpus_histograms([tune(2, 3)]))
    assert found["rhythm"] == pytest.approx(1.5)
    assert found["soprano_intervals"] == pytest.approx(2)


def test_repetition_is_heard() -> None:
    line = phrases(3, 64)
    corpus = corpus_histograms([line])
    twice = ChoraleGrid.of(np.concatenate([line.pitch, line.pitch]))
    assert grade(twice, corpus)["repetition"] > grade(line, corpus)["repetition"] + 0.5


def test_excerpts() -> None:
    short, long = phrases(0, 156), phrases(1, 164 * 2)
    silent = ChoraleGrid.of(np.full((160, 4), -1))
    found = excerpts([short, long, silent, phrases(2, 160)])
    assert found.pieces.tolist() == [1, 1, 3]
    assert found.features.shape == (3, len(METRICS) - 1)
    assert not found.enough


def test_a_classifier_tells_sets_apart() -> None:
    pytest.importorskip("sklearn")
    halves = [excerpts([phrases(seed) for seed in range(k, k + 15)]) for k in (0, 15)]
    alike = separate(*halves)
    assert 0.2 < alike.logistic < 0.8
    assert 0.2 < alike.forest < 0.8
    assert min(separate(halves[0], excerpts([noise(seed) for seed in range(6)]))) > 0.99


def test_excerpts_of_one_piece_lie_in_one_fold() -> None:
    """Pieces that only differ by who they are teach nothing about their set."""
    pytest.importorskip("sklearn")
    rng = np.random.default_rng(0)
    marks = np.repeat(rng.normal(size=(16, len(METRICS) - 1)), 12, axis=0)
    features = marks + rng.normal(0, 0.01, marks.shape)
    pieces = np.repeat(np.arange(16), 12)
    found = separate(Excerpts(pieces[:96], features[:96]), Excerpts(pieces[96:], features[96:]))
    assert found.forest < 0.85


def test_two_sample_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("sklearn")
    few, many = (excerpts([phrases(seed) for seed in range(n)]) for n in (4, 6))
    with pytest.raises(DataError, match="5 pieces of at least 160 steps in each set; one has 4"):
        separate(many, few)
    monkeypatch.setitem(sys.modules, "sklearn.ensemble", None)
    with pytest.raises(ConfigError, match=r"pip install 'wavegen\[chorales\]'"):
        separate(many, many)


def test_a_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.ensemble", None)
    rows = table({"mine": [phrases(k) for k in range(6)], "noise": [noise(1)]}, shipped())
    assert list(rows[0].cells) == [BACH, HELD_OUT, "mine", "noise"]
    assert {row.name for row in rows} >= {*METRICS, "chord_jsd_bits", "grade", "grade_notes"}
    by_name = {row.name: row.cells for row in rows}
    assert by_name["crossing_pct"]["noise"].inside is False
    assert by_name["crossing_pct"]["mine"].inside is True
    assert by_name["chord_jsd_bits"]["noise"].inside is False
    text = text_of(rows)
    assert len({len(line) for line in text.splitlines()[:-1]}) <= 2  # but for trailing blanks
    assert "*" in text.splitlines()[-1]
    parsed = json.loads(json.dumps(json_of(rows)))
    assert parsed["crossing_pct"]["noise"]["inside"] is False
    assert parsed["triad_pct"][BACH]["value"] == pytest.approx(77.788)
    assert "mine" not in by_name[next(iter(AREAS))]  # no classifier: left out


def test_the_classifier_in_a_table() -> None:
    pytest.importorskip("sklearn")
    rows = table({"noise": [noise(k) for k in range(6)], "few": [noise(9)]}, shipped())
    cells = {row.name: row.cells for row in rows}["two_sample_auc_forest"]
    assert cells["noise"].value > 0.99
    assert "few" not in cells
    assert cells[HELD_OUT].value < 0.65


def test_a_reference_of_ones_own(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = reference([phrases(k) for k in range(3)], "my chords")
    save(mine, tmp_path / "mine.json")
    monkeypatch.setattr("wavegen_chorales.battery_reference._SHIPPED", tmp_path / "mine.json")
    again = shipped()
    assert (again.source, again.pieces) == ("my chords", 3)
    assert again.histograms == mine.histograms
    np.testing.assert_allclose(again.excerpts.features, mine.excerpts.features, rtol=1e-4)
    assert HELD_OUT not in table({}, again)[0].cells
