"""The published protocols: every cell is scored as the model scores it, and counted as they say."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st
from test_chorales_commands import write_run
from wavegen_chorales.benchmark import Cells, measures, read_cells
from wavegen_chorales.domain import ChoralesDomain
from wavegen_chorales.protocols import windows

from wavegen.cli import main
from wavegen.errors import DataError
from wavegen.playing import TrainedModel, load

SET = Path(__file__).parents[4] / "shared" / "data" / "jsb_chorales.tgz"
Ints = npt.NDArray[np.int64]


@pytest.fixture(scope="module", params=["told", "untold", "recurrent"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> TrainedModel:
    """A model that could be told of conditions and look ahead, one that could not, and another."""
    run = tmp_path_factory.mktemp("bench") / "run"
    name = "recurrent" if request.param == "recurrent" else "chorale"
    told = {} if request.param == "told" else {"conditions": ()}
    return load(write_run(run, name, holds=False, **told), "cpu", engine="torch")


def music(seed: int, steps: int) -> Ints:
    """Events in which voices stay, move and rest."""
    rng = np.random.default_rng(seed)
    events = rng.integers(0, 47, (steps, 4))
    for step in range(1, steps):
        events[step] = np.where(rng.random(4) < 0.6, events[step - 1], events[step])
    return events


def nats(model: TrainedModel, events: Ints) -> npt.NDArray[np.float64]:
    """`(T,)` of each step, as `wavegen eval` has them, with nothing known of the piece."""
    n_channels = model.domain.cond_channels
    cond = torch.zeros(len(events), n_channels) if n_channels else None
    return model.score_symbols(torch.from_numpy(events), cond).double().numpy() * math.log(2)


@settings(max_examples=15)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=4), st.integers(0, 2**20))
def test_whole_pieces_score_as_the_model_scores_them(
    model: TrainedModel, lengths: list[int], seed: int
) -> None:
    pieces = [music(seed + i, steps) for i, steps in enumerate(lengths)]
    cells = read_cells(model, pieces, "p1")
    assert cells.counts.all()
    for i, events in enumerate(pieces):
        own = cells.nats[cells.piece == i].sum(axis=1)
        np.testing.assert_allclose(own, nats(model, events), rtol=1e-4, atol=1e-4)


@settings(max_examples=8)
@given(st.integers(33, 90), st.integers(0, 2**20))
def test_windows_of_the_book_know_nothing_of_each_other(
    model: TrainedModel, steps: int, seed: int
) -> None:
    events = music(seed, steps)
    cells = read_cells(model, [events], "geron")
    starts = range(0, steps - 32, 16)
    assert len(cells.nats) == 33 * len(starts)
    for i, start in enumerate(starts):
        own = cells.nats[33 * i :][:33]
        np.testing.assert_allclose(
            own.sum(axis=1), nats(model, events[start : start + 33]), rtol=1e-4, atol=1e-4
        )
        assert cells.counts[33 * i :][:33].sum() == 131
        assert not cells.counts[33 * i, 0]


@given(st.lists(st.integers(0, 200), max_size=5))
def test_windows_of_the_book_are_full_and_as_many_as_fit(lengths: list[int]) -> None:
    found = windows("geron", lengths)
    for piece, length in enumerate(lengths):
        own = [w for w in found if w.piece == piece]
        assert [w.start for w in own] == [16 * i for i in range(len(own))]
        assert all(w.stop - w.start == 33 and w.stop <= length for w in own)
        assert length < 16 * len(own) + 33  # no other would fit


def test_the_model_is_asked_what_it_finds_likeliest(model: TrainedModel) -> None:
    """With no temperature left it draws the likeliest note, so that its own piece is all hits."""
    from wavegen.controls import Controls

    n_channels = model.domain.cond_channels
    cond = torch.zeros(20, n_channels) if n_channels else None
    (own,) = model.generate_symbols(1, steps=20, controls=Controls(top_k=1), cond=cond)
    found = measures(read_cells(model, [own.numpy()], "p1"))
    assert found["accuracy"] == found["step_accuracy"] == 1
    strange = (own.numpy() + 1) % 47
    assert measures(read_cells(model, [strange], "p1"))["step_accuracy"] < 1


def test_measures_of_cells_counted_by_hand() -> None:
    on, off = np.ones(4, bool), np.zeros(4, bool)
    one = np.array([True, False, False, False])
    cells = Cells(
        piece=np.array([0, 0, 1]),
        counts=np.stack([~one, on, on]),
        nats=np.array([[9.0, 1, 1, 1], [0, 0, 0, 4], [2, 2, 2, 2]]),
        hit=np.stack([on, on, one]),
        stays=np.stack([off, on, one]),
    )
    found = measures(cells)
    assert found["micro"] == pytest.approx(15 / 11)
    assert found["macro"] == pytest.approx((7 / 7 + 8 / 4) / 2)
    assert [found[v] for v in ("soprano", "bass", "alto", "tenor")] == pytest.approx(
        [2 / 2, 3 / 3, 3 / 3, 7 / 3]
    )
    assert found["accuracy"] == pytest.approx(8 / 11)
    assert found["step_nats"] == 6  # of the two steps that count whole
    assert found["step_accuracy"] == 0.5
    assert found["change_nats"] == 8
    assert found["change_share"] == 0.5
    assert found["copied_accuracy"] == pytest.approx(5 / 11)
    assert found["copied_step_accuracy"] == 0.5


def test_too_short_for_any_window(model: TrainedModel) -> None:
    with pytest.raises(DataError, match="no piece is long enough for a window of the protocol"):
        read_cells(model, [music(0, 32)], "geron")


def bench(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["chorales", "bench", *map(str, arguments)])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three pieces in the splits that their folders name."""
    top = tmp_path_factory.mktemp("pieces")
    for seed, split in enumerate(("train", "valid", "test")):
        (top / split).mkdir()
        pitches = np.where((events := music(seed, 40 + seed)) == 0, 0, events + 35)
        rows = ["note0,note1,note2,note3", *(",".join(map(str, row)) for row in pitches)]
        (top / split / "piece.csv").write_text("\n".join(rows))
    return top


def test_from_the_command_line(folder: Path, tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", holds=False)
    for protocol, notes in (("p1", 168), ("geron", 131)):
        done = bench(run, folder, "--protocol", protocol, "--device", "cpu")
        assert done.exit_code == 0, done.output
        assert f"{protocol}, test: 1 pieces, {notes} notes" in done.output
        assert "these are not the test pieces that papers score" in done.output
    assert "0.6557 nats a note, 81.64% right" in done.output
    told = bench(run, folder, "--split", "valid", "--json", "--device", "cpu")
    assert told.exit_code == 0, told.output
    values = json.loads(told.stdout)
    assert (values["split"], values["notes"]) == ("valid", 164)
    assert values["is_common_split"] is False
    assert values["ngram_nats"] > 0


def test_what_cannot_be_compared_is_refused(folder: Path, tmp_path: Path) -> None:
    done = bench(write_run(tmp_path / "held"), folder)
    assert done.exit_code == 2
    assert "train one with --domain.holds false" in done.output
    run = write_run(tmp_path / "run", holds=False)
    for name in ("valid", "test"):
        (folder / name).rename(folder / f"{name}-away")
    try:
        lone = bench(run, folder / "train")
    finally:
        for name in ("valid", "test"):
            (folder / f"{name}-away").rename(folder / name)
    assert lone.exit_code == 2
    assert "no piece of it is in the split test" in lone.output


@pytest.mark.skipif(not SET.exists(), reason="the set of 382 chorales is not here")
def test_the_common_split_is_known_and_copying_does_as_well_as_published(tmp_path: Path) -> None:
    from wavegen_chorales.benchmark import is_common_split
    from wavegen_chorales.config import ChoralesConfig

    domain = ChoralesDomain(ChoralesConfig(holds=False, conditions=()))
    corpus = domain.prepare([str(SET)], tmp_path)
    for name, split in (("valid", corpus.valid), ("test", corpus.test)):
        pieces = [split.read(i, 0, int(n))[0].numpy() for i, n in enumerate(split.lengths)]
        assert is_common_split(pieces, name)
        assert not is_common_split(pieces[1:], name)
        lower = pieces[0] - (pieces[0] > 1)
        assert not is_common_split([lower, *pieces[1:]], name)
    stays = np.concatenate([events[1:] == events[:-1] for events in pieces])
    assert stays.mean() == pytest.approx(0.7704, abs=1e-4)  # of the test split, notes 0.2
