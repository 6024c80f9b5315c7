"""What a model is told: each group by itself, what training hides and gives, what a plan says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from any_grids import grids
from hypothesis import given, settings
from hypothesis import strategies as st
from wavegen_chorales.codec import Codec
from wavegen_chorales.conditions import HORIZON, Conditions
from wavegen_chorales.config import CONDITIONS, ChoralesConfig
from wavegen_chorales.domain import ChoralesDomain
from wavegen_chorales.exercises import given_cells
from wavegen_chorales.grid import ChoraleGrid, Key
from wavegen_chorales.plan import ChoralesPlan
from wavegen_chorales.splits import Exercises, Piece, WholePieces

from wavegen.errors import ConfigError

Make = Callable[[int, int], ChoraleGrid]


def group(name: str, grid: ChoraleGrid) -> np.ndarray:
    return Conditions([name], 93).rows(grid)


def test_place_in_the_bar_and_in_the_quarter(piece: Make) -> None:
    rows = group("pos", piece(20, 0))
    assert rows.sum(axis=1).tolist() == [2] * 20
    assert rows[:, :24].argmax(axis=1).tolist() == [12, 13, 14, 15, *range(16)]
    assert rows[:, 24:].argmax(axis=1).tolist() == [0, 1, 2, 3] * 5
    long_bar = replace(piece(30, 0), pos=np.arange(30, dtype=np.int16), bar_steps=32)
    assert group("pos", long_bar)[24:, :24].sum() == 0
    assert group("pos", ChoraleGrid.of(np.full((3, 4), 60))).sum() == 0


def test_fermatas_are_announced() -> None:
    steps = np.arange(60)
    grid = replace(ChoraleGrid.of(np.full((60, 4), 60)), fermata=(steps == 40) | (steps == 41))
    rows = group("fermata", grid)
    assert np.flatnonzero(rows[:, 0]).tolist() == [40, 41]
    assert np.flatnonzero(rows.sum(axis=1)).tolist() == list(range(40 - HORIZON, 42))
    assert not rows[40:42, 1:].any(), "under a fermata the next one is not announced"
    buckets = rows[8:40, 1:].argmax(axis=1)[::-1]  # from the nearest step to the farthest
    assert buckets.tolist() == [0, 1, 2, 3, 3, *[4] * 2, *[5] * 4, *[6] * 4, *[7] * 8, *[8] * 9]


def test_keys_are_told_or_not(piece: Make) -> None:
    rows = group("key", piece(2, 0))  # G minor
    assert np.flatnonzero(rows[0]).tolist() == [5, 16]
    assert group("key", replace(piece(2, 0), key=None)).sum() == 0
    sharp = group("key", replace(piece(2, 0), key=Key(7, "major")))
    assert np.flatnonzero(sharp[0]).tolist() == [14, 15]


def test_given_cells_are_told_in_drawing_order() -> None:
    grid = ChoraleGrid.of([[81, 60, -1, 36], [81, 60, 55, 37]])
    given_ = np.array([[1, 0, 1, 1], [1, 1, 0, 1]], bool)
    for holds, held in ((True, 46), (False, 0)):
        codec = Codec(holds)
        conditions = Conditions(["given", "pos"], codec.n_classes)
        rows = conditions.give(conditions.rows(grid), codec.encode(grid), given_)
        cells = rows[:, conditions.columns["given"]].reshape(2, 4, codec.n_classes)
        told = [[(int(v), int(c)) for v, c in np.argwhere(row)] for row in cells]
        assert told == [[(0, 46), (1, 1), (3, 0)], [(0, 46 + held), (1, 2), (2, 25 + held)]]
        assert conditions.columns["given"].stop == conditions.channels


@given(st.integers(0, 2**32))
@settings(max_examples=50)
def test_what_is_given_is_nothing_voices_or_bars(seed: int) -> None:
    pos = ((np.arange(70) + 12) % 16).astype(np.int16)
    grid = replace(ChoraleGrid.of(np.full((70, 4), 60)), pos=pos)
    given_ = given_cells(grid, np.random.default_rng(seed))
    edges = np.flatnonzero((given_[1:] != given_[:-1]).any(axis=1)) + 1
    assert set(pos[edges].tolist()) <= {0}


def test_shares_of_what_is_hidden_and_given(piece: Make) -> None:
    conditions, grid = Conditions(CONDITIONS, 93), piece(64, 5)
    split = Exercises(
        [Piece("a", grid)] * 600, ChoralesDomain(ChoralesConfig())._player.codec, conditions, seed=0
    )
    known = conditions.rows(grid)
    rows = [split.read(index, 0, 64)[1] for index in range(600)]
    for name in ("pos", "fermata", "key"):
        columns = conditions.columns[name]
        whole = [np.array_equal(row[:, columns], known[:, columns]) for row in rows]
        empty = [not row[:, columns].any() for row in rows]
        assert all(a != b for a, b in zip(whole, empty, strict=True))
        assert 0.10 < np.mean(empty) < 0.20
    given_ = torch.stack([row[:, conditions.columns["given"]].reshape(64, 4, 93) for row in rows])
    told = given_.any(dim=3)
    assert 0.42 < float((~told).all(dim=(1, 2)).float().mean()) < 0.58
    only_soprano = told[:, :, 0].all(dim=1) & ~told[:, :, 1:].any(dim=(1, 2))
    assert 0.10 < float(only_soprano.float().mean()) < 0.25


def test_an_exercise_depends_on_seed_piece_and_start_alone(piece: Make) -> None:
    codec = ChoralesDomain(ChoralesConfig())._player.codec
    pieces = [Piece(str(seed), piece(80, seed)) for seed in range(3)]
    conditions = Conditions(CONDITIONS, 93)
    one, same, other = (Exercises(pieces, codec, conditions, seed) for seed in (1, 1, 2))
    rows = {
        (index, start): one.read(index, start, start + 30)[1]
        for index in range(3)
        for start in range(8)
    }
    for (index, start), row in rows.items():
        assert torch.equal(row, same.read(index, start, start + 30)[1])
    differs = [not torch.equal(row, other.read(*at, at[1] + 30)[1]) for at, row in rows.items()]
    assert any(differs)


def test_scored_pieces_are_told_what_is_known_and_given_nothing(piece: Make) -> None:
    domain = ChoralesDomain(ChoralesConfig())
    split = WholePieces([Piece("a", piece(50, 0))], domain._player.codec, domain._conditions)
    events, rows = split.read(0, 10, 30)
    assert torch.equal(events, domain.encode(piece(50, 0))[10:30])
    assert torch.equal(rows, domain.conditions(piece(50, 0))[10:30])
    assert not rows[:, domain._conditions.columns["given"]].any()


NOTHING = torch.zeros(0, ChoralesDomain(ChoralesConfig()).cond_channels)


def test_a_plan_says_what_a_grid_would(piece: Make) -> None:
    domain = ChoralesDomain(ChoralesConfig())
    plan = ChoralesPlan(key="Gm", fermata_every=32, beats=3)
    grid = replace(
        piece(100, 0),
        fermata=np.arange(100) % 32 >= 28,
        pos=(np.arange(100) % 12).astype(np.int16),
        bar_steps=12,
    )
    rows = domain.plan_conditions(plan, 60, NOTHING)
    assert torch.equal(rows, domain.conditions(grid)[:60])
    later = domain.plan_conditions(plan, 40, domain.conditions(grid)[:20])
    assert torch.equal(later, domain.conditions(grid)[20:60])
    assert not domain.plan_conditions(None, 10, NOTHING).any()


def test_without_a_word_key_and_metre_go_on(piece: Make) -> None:
    domain = ChoralesDomain(ChoralesConfig(conditions=("key", "pos")))
    known = domain.conditions(piece(90, 0))
    assert torch.equal(domain.plan_conditions(None, 50, known[:40]), known[40:])
    open_metre = domain.plan_conditions(None, 4, known[:3])  # no bar line was heard
    assert not open_metre[:, domain._conditions.columns["pos"]].any()


def test_what_is_given_is_what_is_to_be_sung(piece: Make) -> None:
    """In a window from the middle of a piece too, where notes are held from before it."""
    domain = ChoralesDomain(ChoralesConfig())
    conditions = domain._conditions
    split = Exercises([Piece("a", piece(90, 3))] * 40, domain._player.codec, conditions, seed=1)
    for index in range(40):
        events, rows = split.read(index, 33, 70)
        told = rows[:, conditions.columns["given"]].reshape(37, 4, 93)
        is_given = told.any(2)
        assert torch.equal(told.argmax(2)[is_given], events[is_given])


@given(st.data())
@settings(max_examples=60)
def test_what_was_known_is_written(data: st.DataObject) -> None:
    """Conditions of a grid and back: all but the tempo, which is the prime's."""
    domain = ChoralesDomain(ChoralesConfig())
    grid = data.draw(grids())
    notes = domain.decode(domain.encode(grid))
    cond = domain.conditions(grid)
    told = domain.annotated(notes, cond, None)
    assert np.array_equal(told.fermata, grid.fermata)
    assert np.array_equal(told.pos, grid.pos)
    assert told.key == grid.key
    assert np.array_equal(told.pitch, grid.pitch)
    assert domain.annotated(notes, cond, grid) == replace(grid, attack=told.attack)
    silent = torch.zeros_like(cond)
    assert domain.annotated(notes, silent, None) == notes
    assert domain.annotated(notes, None, None) == notes


def test_a_plan_is_written_to_the_end(piece: Make) -> None:
    domain = ChoralesDomain(ChoralesConfig())
    notes = ChoraleGrid.of(np.full((70, 4), 60))
    plan = ChoralesPlan(key="Gm", fermata_every=32, beats=3)
    grid = domain.annotated(notes, domain.plan_conditions(plan, 70, NOTHING), None)
    assert (grid.key, grid.bar_steps) == (Key(-2, "minor"), 12)
    assert np.array_equal(grid.pos, np.arange(70) % 12)
    assert np.array_equal(grid.fermata, np.arange(70) % 32 >= 28)


def test_what_a_prime_says_goes_on(piece: Make) -> None:
    """Its metre, key and tempo, also where the model is told nothing."""
    prime, notes = piece(30, 0), ChoraleGrid.of(np.full((70, 4), 60))
    untold = ChoralesDomain(ChoralesConfig(conditions=()))
    grid = untold.annotated(notes, None, prime)
    assert np.array_equal(grid.pos, (np.arange(70) + 12) % 16)
    assert (grid.key, grid.bpm, grid.bar_steps) == (prime.key, 80.0, 16)
    keyless = ChoralesDomain(ChoralesConfig(conditions=("pos",)))
    assert keyless.annotated(notes, torch.zeros(70, keyless.cond_channels), prime).key == prime.key
    domain = ChoralesDomain(ChoralesConfig())
    begun = domain.conditions(prime)
    cond = torch.cat([begun, domain.plan_conditions(ChoralesPlan(key="G"), 40, begun)])
    grid = domain.annotated(notes, cond, prime)
    assert np.array_equal(grid.pos, (np.arange(70) + 12) % 16)
    assert (grid.key, grid.bpm) == (Key(1, "major"), 80.0)
    assert np.array_equal(np.flatnonzero(grid.fermata), [28, 29])


def test_a_plan_for_what_was_not_taught_is_refused() -> None:
    domain = ChoralesDomain(ChoralesConfig(conditions=("pos",)))
    for plan in (ChoralesPlan(key="G"), ChoralesPlan(fermata_every=32)):
        with pytest.raises(ConfigError, match="trained without the condition"):
            domain.plan_conditions(plan, 5, torch.zeros(0, domain.cond_channels))
    for wrong in ({"key": "H"}, {"fermata_every": 3}, {"beats": -1}, {"beats": 7}):
        with pytest.raises(ConfigError):
            ChoralesPlan(**wrong)


@pytest.mark.parametrize(
    "values",
    [
        {"conditions": ("pos", "chords")},
        {"conditions": ("pos", "pos")},
        {"seed": -1},
        {"valid_percent": 0},
        {"test_percent": 95},
    ],
)
def test_wrong_settings_are_refused(values: dict) -> None:
    with pytest.raises(ConfigError, match=f"domain.{next(iter(values))} is"):
        ChoralesConfig(**values)


def test_bars(piece: Make) -> None:
    domain = ChoralesDomain(ChoralesConfig())
    assert domain.bars(piece(90, 0), 2) == 4 + 32
    assert domain.bars(piece(30, 0), 2) == 30
    assert domain.bars(ChoraleGrid.of(np.full((90, 4), 60)), 2) == 32
    with pytest.raises(ConfigError, match="0 bars"):
        domain.bars(piece(90, 0), 0)
    with pytest.raises(ConfigError, match="3 bars of the prime were asked for; it has only 2"):
        domain.bars(piece(30, 0), 3)
