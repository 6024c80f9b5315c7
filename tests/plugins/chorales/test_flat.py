"""Flat chorales: four symbols to a sixteenth are the same music, with the same score."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import test_chorales_domain
import torch
from any_grids import grids
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from test_chorales_commands import write_run
from wavegen_chorales import filters
from wavegen_chorales.benchmark import read_cells
from wavegen_chorales.codec import Codec, FlatCodec
from wavegen_chorales.config import ChoralesConfig
from wavegen_chorales.domain import ChoralesDomain
from wavegen_chorales.grid import ChoraleGrid, join
from wavegen_chorales.splits import steps_of

from wavegen.cli import main
from wavegen.errors import ConfigError
from wavegen.playing import TrainedModel, load

Make = Callable[[int, int], ChoraleGrid]

FLAT = ChoralesConfig(flat=True, conditions=())


class TestFlat(test_chorales_domain.TestNative):
    length = 2000

    @pytest.fixture
    def domain(self) -> ChoralesDomain:
        return ChoralesDomain(FLAT)


@settings(max_examples=25)
@given(grids(), st.booleans())
def test_a_step_is_four_symbols_in_drawing_order(grid: ChoraleGrid, holds: bool) -> None:
    framed, flat = Codec(holds), FlatCodec(holds)
    symbols = flat.encode(grid)
    np.testing.assert_array_equal(symbols.reshape(-1, 4), framed.encode(grid))
    for actual, expected in zip(
        flat.decode(symbols), framed.decode(framed.encode(grid)), strict=True
    ):
        np.testing.assert_array_equal(actual, expected)
    assert flat.n_classes == framed.n_classes


@settings(max_examples=25)
@given(st.lists(st.integers(0, 92), max_size=60), st.lists(st.integers(0, 9), max_size=20))
def test_any_symbols_in_any_cuts_decode(symbols: list[int], cuts: list[int]) -> None:
    domain = ChoralesDomain(FLAT)
    x = torch.tensor(symbols, dtype=torch.int64)
    expected = domain.decode(x)
    assert len(expected) == len(symbols) // 4
    decoder, pieces, first = domain.decoder(), [], 0
    for cut in [*cuts, len(symbols)]:
        pieces.append(decoder.push(x[first : first + cut]))
        first += cut
    pieces.append(decoder.finish())
    assert join(pieces) == expected


def test_flat_and_framed_last_equally_long(piece: Make) -> None:
    flat, framed = ChoralesDomain(FLAT), ChoralesDomain(ChoralesConfig(conditions=()))
    grid = piece(50, 1)
    assert len(flat.encode(grid)) / flat.rate_hz == len(framed.encode(grid)) / framed.rate_hz
    assert flat.bars(grid, 2) == 4 * framed.bars(grid, 2)
    assert flat.head().event_shape == ()


@pytest.fixture
def folder(tmp_path: Path, piece: Make) -> Path:
    domain = ChoralesDomain(FLAT)
    for seed, split in enumerate(("train", "valid", "test")):
        (tmp_path / "pieces" / split).mkdir(parents=True)
        domain.save(piece(40 + seed, seed), tmp_path / "pieces" / split / "piece.mid")
    return tmp_path / "pieces"


def test_the_splits_and_their_floor_are_the_same_music(folder: Path, tmp_path: Path) -> None:
    flat, framed = ChoralesDomain(FLAT), ChoralesDomain(ChoralesConfig(conditions=()))
    one, other = (domain.prepare([str(folder)], tmp_path) for domain in (flat, framed))
    for a, b in ((one.train, other.train), (one.valid, other.valid), (one.test, other.test)):
        assert (a.lengths == 4 * b.lengths).all()
        for x, y in zip(steps_of(a), steps_of(b), strict=True):
            np.testing.assert_array_equal(x, y)
    (floor,), (four,) = (
        domain.baselines(corpus.train, corpus.valid).values()
        for domain, corpus in ((flat, one), (framed, other))
    )
    assert 4 * floor == pytest.approx(four)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> TrainedModel:
    run = tmp_path_factory.mktemp("flat") / "run"
    return load(write_run(run, "recurrent", holds=False, flat=True, conditions=()), "cpu")


@settings(max_examples=15)
@given(steps=st.integers(1, 30), seed=st.integers(0, 2**20))
def test_the_benchmark_scores_note_after_note(model: TrainedModel, steps: int, seed: int) -> None:
    events = np.random.default_rng(seed).integers(0, 47, (steps, 4))
    cells = read_cells(model, [events], "p1")
    bits = model.score_symbols(torch.from_numpy(events.reshape(-1))).double().numpy()
    np.testing.assert_allclose(cells.nats.reshape(-1), bits * np.log(2), rtol=1e-4, atol=1e-4)


def test_from_training_to_music(folder: Path, tmp_path: Path) -> None:
    def call(*words: object) -> str:
        result = CliRunner().invoke(main, list(map(str, words)))
        assert result.exit_code == 0, result.output
        return result.output

    run = tmp_path / "run"
    call(
        *("train", "chorales", folder, "-o", run, "--model", "recurrent", "--steps", 2),
        *("--domain.flat", "true", "--domain.holds", "false", "--domain.conditions", ""),
        *("--model.width", 8, "--model.embedding", 4, "--device", "cpu"),
    )
    call("sample", run, "-o", tmp_path / "new.mid", "--steps", 42, "--engine", "torch")
    prime = folder / "test" / "piece.mid"
    call("sample", run, "-o", tmp_path / "more.csv", "--steps", 200, "--engine", "torch",
         "--prime", prime, "--prime-bars", 1)  # fmt: skip
    domain = ChoralesDomain(FLAT)
    given_, longer = domain.load(prime), domain.load(tmp_path / "more.csv")
    n = domain.bars(given_, 1) // 4
    np.testing.assert_array_equal(longer.pitch[:n], given_.pitch[:n])
    assert len(longer) == 50
    assert "p1, test: 1 pieces, 168 notes" in call("chorales", "bench", run, folder)
    voices = CliRunner().invoke(
        main, ["sample", str(run), "-o", str(tmp_path / "x.mid"), "--filter", "chorale-parallels"]
    )
    assert voices.exit_code == 2
    assert "this filter tells voices apart, which takes whole steps" in voices.output


@pytest.mark.parametrize("rule", [filters.parallels, filters.ranges, filters.crossing])
def test_rules_about_voices_need_steps(rule: filters.Filter) -> None:
    with pytest.raises(ConfigError, match=r"with domain\.flat use none but chorale-scale-KEY"):
        rule(torch.zeros(2, 47), torch.zeros(2, dtype=torch.int64), torch.zeros(2, 0))


def test_flat_takes_no_conditions() -> None:
    with pytest.raises(ConfigError, match=r"domain\.flat takes no conditions, and domain\.cond"):
        ChoralesConfig(flat=True)
