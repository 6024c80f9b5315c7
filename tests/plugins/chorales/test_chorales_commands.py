"""`wavegen chorales` as a user has it: what is given stays, what is judged is named, bad input."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import mido
import numpy as np
import pytest
import soundfile
import torch
from any_grids import grids
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st
from wavegen_chorales.battery_harmony import fit_key
from wavegen_chorales.config import ChoralesConfig
from wavegen_chorales.domain import ChoralesDomain
from wavegen_chorales.given_parts import bars_of, brought_into_range, cells_of
from wavegen_chorales.grid import ChoraleGrid, Key
from wavegen_chorales.harmonizing import _fitting_key
from wavegen_chorales.model import Chorale
from wavegen_chorales.model_config import ChoraleConfig
from wavegen_chorales.reading import read
from wavegen_chorales.tune import load_tune
from wavegen_chorales.writing import write

from wavegen import checkpoint, config
from wavegen.cli import main
from wavegen.errors import DataError

Make = Callable[[int, int], ChoraleGrid]

TINY = ChoraleConfig(
    "recurrent", ("layers=1", "width=8", "embedding=6"), memory=12, gather=7, ahead=5
)


def write_run(run: Path, name: str = "chorale", **settings: object) -> Path:
    """A run of a model with random weights, all so large that none of them is idle."""
    domain = ChoralesDomain(ChoralesConfig(**settings))
    head = domain.head()
    spec = domain.spec(head)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        if name == "chorale":
            model, model_config = Chorale(TINY, spec), TINY
        else:
            from wavegen.plugins import plugins

            offer = plugins().model(name).spec
            model_config = config.parse(offer.config, {"width": "8", "embedding": "4"}, "model")
            model = offer.build(model_config, spec)
        with torch.no_grad():
            for weight in [*model.parameters(), *head.parameters()]:
                weight.add_(0.3 * torch.randn_like(weight))
    plugin = {"chorale": "chorales"}.get(name, "wavegen")
    values = {
        "model": {"name": name, "plugin": plugin, "config": config.to_dict(model_config)},
        "domain": {
            "name": "chorales",
            "plugin": "chorales",
            "config": config.to_dict(domain.config),
        },
        "spec": config.to_dict(spec),
        "lead_in": 4,
        "trained": {"steps": 1},
    }
    weights = torch.nn.ModuleDict({"model": model, "head": head}).state_dict()
    checkpoint.write(run, 1, config=values, weights=weights, card="tiny")
    return run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("chorales") / "run")


@pytest.fixture(scope="module")
def pitches(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("chorales") / "pitches", holds=False)


def chorales(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["chorales", *map(str, arguments)])


def done(*arguments: object) -> Result:
    result = chorales(*arguments, "--engine", "torch")
    assert result.exit_code == 0, result.output
    return result


def refused(*arguments: object) -> str:
    result = chorales(*arguments)
    assert result.exit_code == 2, result.output
    assert result.output.count("\n") == 1, result.output
    return result.output


def tune_of(grid: ChoraleGrid) -> ChoraleGrid:
    """The soprano alone."""
    pitch, attack = grid.pitch.copy(), grid.attack.copy()
    pitch[:, 1:], attack[:, 1:] = -1, False
    return replace(grid, pitch=pitch, attack=attack)


@pytest.mark.parametrize("which", ["run", "pitches"])
@pytest.mark.parametrize("octaves", [0, -2, 3])
def test_a_tune_is_never_altered(
    which: str, octaves: int, piece: Make, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    tune = tune_of(piece(40, 3)).transposed(12 * octaves + 1)
    tune = replace(tune, key=Key(7, "major"))  # moved there and back it would be Db major
    write(tune, tmp_path / "tune.mid")
    expected = load_tune(tmp_path / "tune.mid").grid
    out = tmp_path / "out.mid"
    result = done(
        *("harmonize", tmp_path / "tune.mid", "-o", out, "--filter", "chorale-ranges"),
        *("--model", request.getfixturevalue(which), "--seed", 5, "--json"),
    )
    written = read(out).grid
    steps = len(expected)
    assert np.array_equal(written.pitch[:steps, 0], expected.pitch[:, 0])
    assert np.array_equal(written.attack[:steps, 0], expected.attack[:, 0])
    assert (written.pitch[:, 1:] >= 0).any()
    assert (written.key, written.bpm) == (expected.key, expected.bpm)
    assert np.array_equal(written.pos[:steps], expected.pos)
    moved = json.loads(result.stdout)["moved_semitones"]
    assert (moved != 0) == ("moved back" in result.stderr) == (octaves != 0)
    assert f"{json.loads(result.stdout)['nats_per_cell'][0]:.4f} nats" in result.stderr


def test_a_tune_that_says_no_key_is_told_the_one_that_fits(
    piece: Make, run: Path, tmp_path: Path
) -> None:
    keyless = replace(tune_of(piece(40, 3)).transposed(-24), key=None)  # moved, so spelled anew
    key = fit_key(keyless).key
    write(keyless, tmp_path / "tune.mid")
    write(replace(keyless, key=key), tmp_path / "told.mid")
    out, same = tmp_path / "out.mid", tmp_path / "same.mid"
    result = done("harmonize", tmp_path / "tune.mid", "-o", out, "--model", run, "--json")
    told = done("harmonize", tmp_path / "told.mid", "-o", same, "--model", run, "--json")
    assert np.array_equal(read(out).grid.pitch, read(same).grid.pitch)
    assert read(out).grid.key is None
    word = f"the file says no key; the model was told {key.name}, which fits its notes best"
    assert word in result.stderr
    assert "says no key" not in told.stderr
    assert [json.loads(r.stdout)["assumed_key"] for r in (result, told)] == [key.name, None]
    write(replace(keyless, key=key.transposed(6)), tmp_path / "told.mid")
    far = done("harmonize", tmp_path / "told.mid", "-o", same, "--model", run, "--json")
    nats = [json.loads(r.stdout)["nats_per_cell"] for r in (result, told, far)]
    assert nats[0] == nats[1] != nats[2]  # the model is told indeed


@settings(max_examples=12)
@given(grids(), st.integers(0, 2**20))
def test_only_given_notes_decide_the_key(grid: ChoraleGrid, seed: int) -> None:
    domain = ChoralesDomain(ChoralesConfig())
    keyless = replace(grid, key=None)
    is_given = np.random.default_rng(seed).random(grid.pitch.shape) < 0.5
    other = np.where(is_given, grid.pitch, 50).astype(np.int8)
    key = _fitting_key(domain, keyless, is_given)
    assert key == _fitting_key(domain, replace(keyless, pitch=other), is_given)
    assert (key is None) == (not (is_given & (grid.pitch >= 0)).any())
    assert _fitting_key(domain, keyless, np.zeros_like(is_given)) is None
    if grid.key is not None:
        assert _fitting_key(domain, grid, is_given) is None
    untold = ChoralesDomain(ChoralesConfig(conditions=("given",)))
    assert _fitting_key(untold, keyless, is_given) is None


def test_the_soprano_of_a_piece_is_a_tune(piece: Make, run: Path, tmp_path: Path) -> None:
    write(piece(30, 1), tmp_path / "piece.mid")
    out = tmp_path / "out.mid"
    result = done(
        "harmonize", tmp_path / "piece.mid", "-o", out, "--model", run, "-n", 2, "--no-guard"
    )
    assert result.stdout.split() == [str(tmp_path / "out-1.mid"), str(tmp_path / "out-2.mid")]
    first, second = (read(Path(name)).grid for name in result.stdout.split())
    steps = min(len(first), len(second), 30)
    soprano = load_tune(tmp_path / "piece.mid").grid.pitch[:steps, 0]
    assert np.array_equal(first.pitch[:steps, 0], soprano)
    assert np.array_equal(second.pitch[:steps, 0], soprano)
    assert not np.array_equal(first.pitch[:steps], second.pitch[:steps])


def test_the_rest_of_a_piece_stays(piece: Make, run: Path, tmp_path: Path) -> None:
    write(piece(90, 2), tmp_path / "piece.mid")
    before = read(tmp_path / "piece.mid").grid
    out = tmp_path / "out.mid"
    done(
        *("infill", tmp_path / "piece.mid", "--voice", "alto", "--voice", "bass"),
        *("--bars", "2-3", "-o", out, "--model", run),
    )
    after = read(out).grid
    anew = cells_of(before, ("alto", "bass"), (2, 3))
    assert len(before) == len(after)
    assert np.array_equal(before.pitch[~anew], after.pitch[~anew])
    assert np.mean(before.pitch[anew] != after.pitch[anew]) > 0.5
    begins = ~anew & np.roll(~anew, 1, axis=0)  # what follows new notes may have to begin anew
    assert np.array_equal(before.attack[begins], after.attack[begins])
    assert (after.key, after.bpm, after.bar_steps) == (before.key, before.bpm, before.bar_steps)
    assert np.array_equal(after.fermata, before.fermata)


@given(grids(), st.integers(0, 6), st.integers(0, 6))
@settings(max_examples=50)
def test_bars_are_counted_as_scores_count_them(grid: ChoraleGrid, first: int, more: int) -> None:
    numbers = bars_of(grid)
    starts = np.flatnonzero(np.diff(numbers)) + 1
    assert set(np.diff(numbers)) <= {0, 1}
    if grid.pos[0] == -1:
        assert numbers[0] == 1
        assert (starts % grid.bar_steps == 0).all()
    else:
        assert numbers[0] == (1 if grid.pos[0] == 0 else 0)
        assert (grid.pos[starts] == 0).all()
    try:
        cells = cells_of(grid, ("tenor",), (first, first + more))
    except DataError:
        assert not np.isin(numbers, range(first, first + more + 1)).any()
    else:
        assert np.array_equal(cells[:, 2], np.isin(numbers, range(first, first + more + 1)))
        assert not cells[:, (0, 1, 3)].any()
    assert cells_of(grid, ("bass",), None)[:, 3].all()


@given(st.lists(st.integers(0, 127), min_size=1, max_size=6))
@settings(max_examples=200)
def test_the_fewest_semitones_bring_a_tune_into_range(notes: list[int]) -> None:
    tune = ChoraleGrid.of([[note, -1, -1, -1] for note in notes])
    low, high = (60, 81) if max(notes) - min(notes) <= 21 else (36, 81)
    good = [
        move for move in range(-127, 128) if low <= min(notes) + move <= max(notes) + move <= high
    ]
    if not good or min(good, key=abs) > 36:
        with pytest.raises(DataError):
            brought_into_range(tune)
    else:
        move = brought_into_range(tune)
        assert move == min(good, key=abs)
        tune.transposed(move)
        for note in (36, 81):  # whatever is written can be moved back
            ChoraleGrid.of([[note] * 4]).transposed(-move)


def test_models_that_might_alter_notes_are_refused(piece: Make, tmp_path: Path) -> None:
    write(tune_of(piece(20, 1)), tmp_path / "tune.mid")
    untold = write_run(tmp_path / "untold", conditions=("pos",))
    words = refused("harmonize", tmp_path / "tune.mid", "-o", tmp_path / "o.mid", "--model", untold)
    assert "without the condition given" in words
    other = write_run(tmp_path / "other", "recurrent")
    words = refused("harmonize", tmp_path / "tune.mid", "-o", tmp_path / "o.mid", "--model", other)
    assert "train one with --model chorale" in words
    assert not (tmp_path / "o.mid").exists()


def test_bad_tunes_are_one_line(piece: Make, tmp_path: Path) -> None:
    """Before any model is loaded."""
    write(piece(30, 0), tmp_path / "whole.mid")
    content = (tmp_path / "whole.mid").read_bytes()
    bad = {
        "text.mid": b"la la la",
        "empty.mid": b"",
        "cut.mid": content[: len(content) // 3],
        "silent.csv": b"note0,note1,note2,note3\n0,0,0,0\n",
        "wide.csv": b"note0,note1,note2,note3\n30,0,0,0\n90,0,0,0\n",
        "low.csv": b"note0,note1,note2,note3\n20,0,0,0\n",
    }
    for name, text in bad.items():
        (tmp_path / name).write_bytes(text)
        out = ("-o", tmp_path / "out.mid", "--model", tmp_path / "none")
        assert name in refused("harmonize", tmp_path / name, *out)
    for extra, words in (
        (("--bars", "9-12"), "has the bars 0 to 2, not 9-12"),
        (("--bars", "5-3"), "bars are '5-3'"),
        (("--bars", "x"), "bars are 'x'"),
        ((), "what is to be written anew?"),
    ):
        out = ("-o", tmp_path / "out.mid", "--model", tmp_path / "none")
        assert words in refused("infill", tmp_path / "whole.mid", *extra, *out)
    out = ("-o", tmp_path / "out.doc", "--model", tmp_path / "none")
    assert "cannot write that; use .mid" in refused("harmonize", tmp_path / "whole.mid", *out)


@pytest.mark.parametrize("steps", [1, pytest.param(700, marks=pytest.mark.slow)])
def test_tunes_of_any_length(steps: int, run: Path, tmp_path: Path) -> None:
    """Of one note, and longer than any training piece."""
    lines = "\n".join("67,0,0,0" if i % 8 else "72,0,0,0" for i in range(steps))
    (tmp_path / "tune.csv").write_text(f"note0,note1,note2,note3\n{lines}\n")
    done("harmonize", tmp_path / "tune.csv", "-o", tmp_path / "out.csv", "--model", run)
    written = read(tmp_path / "out.csv").grid
    assert np.array_equal(written.pitch[:, 0], load_tune(tmp_path / "tune.csv").grid.pitch[:, 0])
    assert len(written) == steps


def test_pieces_are_judged_beside_bach(piece: Make, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    for seed in range(2):
        write(piece(40, seed), folder / f"{seed}.mid")
    (folder / "bad.mid").write_bytes(b"no MIDI")
    write(piece(64, 7), tmp_path / "loose.csv")
    result = chorales("eval", folder, tmp_path / "loose.csv", "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["pieces"] == {str(folder): 2, "files": 1}
    crossing = found["measures"]["crossing_pct"]
    assert crossing["Bach"]["value"] == pytest.approx(2.44, abs=0.01)
    assert crossing[str(folder)]["value"] > 0
    assert "left out" in result.stderr
    assert "bad.mid" in result.stderr
    assert "no two-sample test" in result.stderr
    text = chorales("eval", folder).stdout
    assert "parallel fifths /100 notes" in text
    assert text.startswith(f"{folder}: 2 pieces\n")


def test_nothing_to_judge_is_one_line(tmp_path: Path) -> None:
    assert "no pieces in it" in refused("eval", tmp_path)
    (tmp_path / "bad.mid").write_bytes(b"no MIDI")
    assert "bad.mid" in refused("eval", tmp_path)


def test_a_sampled_piece_has_what_was_asked_for(piece: Make, run: Path, tmp_path: Path) -> None:
    write(piece(40, 1), tmp_path / "prime.mid")
    out = tmp_path / "new.mid"
    arguments = ["sample", str(run), "-o", str(out), "--engine", "torch", "--steps", "96"]
    plan = ["--key", "D", "--beats", "3", "--fermata-every", "24"]
    result = CliRunner().invoke(main, [*arguments, *plan])
    assert result.exit_code == 0, result.output
    grid = read(out).grid
    assert (grid.key, grid.bar_steps, grid.pos[0]) == (Key(2, "major"), 12, 0)
    assert grid.fermata.any()
    prime = ["--prime", str(tmp_path / "prime.mid"), "--prime-bars", "1"]
    result = CliRunner().invoke(main, [*arguments, *prime])
    assert result.exit_code == 0, result.output
    grid, opening = read(out).grid, read(tmp_path / "prime.mid").grid
    assert np.array_equal(grid.pitch[:20], opening.pitch[:20])
    assert (grid.key, grid.bpm, grid.pos[0]) == (opening.key, opening.bpm, opening.pos[0])


def test_help_imports_no_torch() -> None:
    code = (
        "import sys\nfrom click.testing import CliRunner\nfrom wavegen.cli import main\n"
        "for command in ('eval', 'harmonize', 'infill'):\n"
        "    done = CliRunner().invoke(main, ['chorales', command, '--help'])\n"
        "    assert done.exit_code == 0, done.output\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


class HeardPort:
    """A MIDI output that remembers the notes that begin, as (voice, pitch)."""

    def __init__(self) -> None:
        self.begun: list[tuple[int, int]] = []
        self.sounding: set[tuple[int, int]] = set()
        self.closed = False

    def send(self, message: mido.Message) -> None:
        if message.type == "program_change":
            return
        note = (message.channel, message.note)
        if message.type == "note_on":
            self.begun.append(note)
            self.sounding.add(note)
        else:
            self.sounding.remove(note)

    def close(self) -> None:
        self.closed = True


def test_a_stream_to_a_midi_port_is_what_is_sampled(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = HeardPort()
    monkeypatch.setattr(mido, "get_output_names", lambda: ["FLUID Synth 128:0"], raising=False)
    monkeypatch.setattr(mido, "open_output", lambda name: port, raising=False)
    wish = ["--steps", "4", "--seed", "5", "--engine", "torch"]
    begin = time.monotonic()
    played = CliRunner().invoke(main, ["stream", str(run), "--midi-port", "FLUID", *wish])
    assert played.exit_code == 0, played.output
    assert time.monotonic() - begin >= 4 / 4.8  # each sixteenth lasts its time
    assert played.stdout == ""
    out = tmp_path / "same.mid"
    sampled = CliRunner().invoke(main, ["sample", str(run), "-o", str(out), *wish])
    assert sampled.exit_code == 0, sampled.output
    grid = read(out).grid
    assert port.begun == [(v, int(grid.pitch[t, v])) for t, v in np.argwhere(grid.attack)]
    assert port.closed
    assert not port.sounding


class Loudspeaker(ModuleType):
    """Stands in for sounddevice."""

    PortAudioError = OSError

    def __init__(self) -> None:
        super().__init__("sounddevice")
        self.written: list[np.ndarray] = []
        self.OutputStream = self._opened

    def _opened(self, **settings: object) -> Loudspeaker:
        assert settings["samplerate"] == 44_100
        return self

    def start(self) -> None: ...

    stop = abort = close = start

    def write(self, samples: np.ndarray) -> bool:
        self.written.append(samples[:, 0].copy())
        return False


def test_a_stream_is_heard_as_it_is_sampled(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    speaker = Loudspeaker()
    monkeypatch.setitem(sys.modules, "sounddevice", speaker)
    wish = ["--steps", "12", "--seed", "5", "--engine", "torch"]
    played = CliRunner().invoke(main, ["stream", str(run), "--play", *wish])
    assert (played.exit_code, played.stdout) == (0, ""), played.output
    out = tmp_path / "same.wav"
    sampled = CliRunner().invoke(main, ["sample", str(run), "-o", str(out), *wish])
    assert sampled.exit_code == 0, sampled.output
    sound, rate_hz = soundfile.read(out, dtype="float32")
    assert rate_hz == 44_100
    np.testing.assert_allclose(np.concatenate(speaker.written), sound, atol=1e-4)  # 16 bits
