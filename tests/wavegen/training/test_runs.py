"""Whole runs on a small corpus: what they leave and tell, how they go on and how they stop."""

from __future__ import annotations

import json
import math
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from short_runs import Run
from words_plugin import lines, write_words

import wavegen
from wavegen import checkpoint, training
from wavegen.errors import CheckpointError, ConfigError, DataError, TrainingError
from wavegen.training import TrainerConfig
from wavegen.training.windows import Windows

EVERYTHING = {"accumulate": 2, "ema": 0.9, "validations": 6, "keep": 9}


def tensors(path: Path) -> dict[str, torch.Tensor]:
    """All weights and all training state of a checkpoint."""
    found = checkpoint.read(path)
    return {**found.weights(), **{f"training/{n}": t for n, t in found.training().items()}}


def assert_same_bits(one: Path, other: Path) -> None:
    ours, theirs = tensors(one), tensors(other)
    assert ours.keys() == theirs.keys()
    assert len(ours) > 20
    for name, tensor in ours.items():
        assert torch.equal(tensor, theirs[name]), name


def losses(run: Path) -> list[tuple[str, int, float]]:
    """What the log tells of bits, in order."""
    told = [line for line in lines(run / "log.jsonl") if line["event"] in ("progress", "validated")]
    return [(e["event"], e["step"], e["bits" if "bits" in e else "bits_valid"]) for e in told]


def is_finite(run: Path) -> bool:
    """Whether no checkpoint of the run holds a NaN or an infinity."""
    found = [tensors(path) for path in checkpoint.checkpoints(run)]
    return all(bool(t.isfinite().all()) for each in found for t in each.values())


def test_a_run_learns_and_plays(train: Run, tmp_path: Path) -> None:
    result = train(tmp_path / "run", trainer={"steps": 150, "ema": 0.9})
    assert result.steps == 150
    assert not result.interrupted
    assert result.scored == 150 * 2 * 64
    assert result.baselines["uniform"] == 3.0
    assert result.baselines["texts"] >= 2  # what the domain offers stands beside the statistics
    assert result.bits_valid < result.baselines["order-1"] - 0.5
    assert math.isfinite(result.bits_train)
    json.dumps(result.to_dict(), allow_nan=False)
    model = wavegen.load(tmp_path / "run", "cpu")
    [text] = model.generate(seconds=5, seed=1)
    assert len(text) == 50
    scored = model.score(text)
    assert scored.shape == (50,)


def test_validation_is_what_scoring_gives(train: Run, words: Path, tmp_path: Path) -> None:
    result = train(tmp_path / "run", valid=[str(words / "0.txt")])
    model = wavegen.load(tmp_path / "run", "cpu")
    scored = model.score((words / "0.txt").read_text())
    assert float(scored.mean()) == pytest.approx(result.bits_valid, abs=1e-5)


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_resume_is_exact(train: Run, tmp_path: Path, dropout: float) -> None:
    straight, resumed = tmp_path / "straight", tmp_path / "resumed"
    net = {"dropout": dropout, "weight_norm": dropout == 0}
    train(straight, trainer=EVERYTHING, model_config=net)
    halfway = "checkpoints/step-00000006"
    shutil.copytree(straight / halfway, resumed / halfway)
    whole = (straight / "log.jsonl").read_text()
    # As a kill leaves it: lines of steps that will be made again, and one that was cut.
    (resumed / "log.jsonl").write_text(whole[: whole.index('{"event": "finished"') - 20])
    result = train(resumed, resume=True, model_config=net, trainer=EVERYTHING)
    assert (result.steps, result.scored) == (12, 12 * 2 * 2 * 64)
    assert_same_bits(straight, resumed)
    assert len(losses(straight)) == 12
    assert losses(resumed) == losses(straight)


def test_interrupted_run_saves_once_and_goes_on(
    train: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    straight, run = tmp_path / "straight", tmp_path / "run"
    train(straight)
    result = train(run, observers=["impatient"], progress=True)
    assert result.interrupted
    assert result.steps == 6
    assert [path.name for path in checkpoint.checkpoints(run)] == ["step-00000006"]
    assert (
        f"stopped at step 6; go on with: wavegen train --resume -o {run}" in capsys.readouterr().err
    )
    assert result.checkpoint == checkpoint.checkpoints(run)[0]
    assert not train(run, resume=True).interrupted
    assert_same_bits(straight, run)


def test_interrupt_within_the_last_validation_keeps_the_work(
    train: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, seen = tmp_path / "run", []
    whole = Windows.all

    def slow(self: Windows, batch: int) -> Iterator[Any]:
        for each in whole(self, batch):
            seen.append(each)
            os.kill(os.getpid(), signal.SIGINT)
            yield each

    monkeypatch.setattr(Windows, "all", slow)
    result = train(run, trainer={"validations": 0, "batch": 1})
    assert result.interrupted
    assert len(seen) == 1
    assert checkpoint.checkpoints(run)[-1].name == "step-00000012"
    monkeypatch.setattr(Windows, "all", whole)
    result = train(run, resume=True)
    assert not result.interrupted
    assert result.steps == 12
    assert math.isfinite(result.bits_valid)


def test_resumed_run_may_be_longer_and_otherwise_trained(train: Run, tmp_path: Path) -> None:
    run = tmp_path / "run"
    train(run, trainer={"ema": 0.0, "muon_lr": 0.0})
    trainer = {"steps": 20, "ema": 0.9, "muon_lr": 0.01, "lr": 1e-3, "batch": 3, "validations": 5}
    result = train(run, resume=True, trainer=trainer)
    assert result.steps == 20
    steps = [step for kind, step, _ in losses(run) if kind == "validated"]
    assert steps == [6, 12, 16, 20]  # half of 12, all of it, four fifths of 20, all of it
    kept = checkpoint.read(run).training_state()["request"]["trainer"]
    assert (kept["batch"], kept["muon_lr"], kept["window"]) == (3, 0.01, 64)
    assert train(run, resume=True, trainer={"steps": 21, "ema": 0.0, "muon_lr": 0.0}).steps == 21


def test_a_resumed_run_keeps_its_data_and_model(train: Run, words: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    train(run)
    for others, message in [
        ({"sources": [str(words / "0.txt")]}, "was made with sources"),
        ({"domain": "audio"}, "was made with domain words, not audio; leave it out to resume"),
        ({"model_config": {"layers": 4}}, "was made with model_config .*layers=3.* not .*layers=4"),
        ({"valid": ["elsewhere"]}, "was made with valid"),
    ]:
        with pytest.raises(ConfigError, match=message) as raised:
            train(run, resume=True, **others)
        assert "\n" not in str(raised.value)
    same = {"sources": [str(words)], "model_config": {"layers": "3"}, "trainer": {"steps": 13}}
    assert train(run, resume=True, **same).steps == 13


def test_what_is_not_given_suits_the_domain_and_the_model(train: Run, tmp_path: Path) -> None:
    given = {"steps": 2, "window": 16, "device": "cpu"}
    source, run = str(tmp_path / "words"), tmp_path / "run"
    training.train("verses", [source], run, model_config={"after": 9}, trainer=given)
    found = checkpoint.read(run).config
    assert found["model"]["name"] == "bomb"
    of_domain, of_model = {"batch": 3}, {"lr": 0.3, "clip": 2.0}
    expected = {**given, **of_domain, **of_model, "beta2": TrainerConfig().beta2}
    assert {name: found["trainer"][name] for name in expected} == expected
    # A run that goes on keeps what it began with, whatever suits by then.
    training.train("", [], run, resume=True, trainer={"steps": 3, "batch": 2})
    assert checkpoint.read(run).config["trainer"]["batch"] == 2
    assert checkpoint.read(run).config["trainer"]["lr"] == 0.3


def test_a_folder_that_holds_a_run_is_refused(train: Run, tmp_path: Path) -> None:
    run = tmp_path / "run"
    train(run)
    before = sorted(path.name for path in run.rglob("*"))
    with pytest.raises(ConfigError, match=r"run already holds a run; go on with it \(--resume\)"):
        train(run)
    assert sorted(path.name for path in run.rglob("*")) == before


@pytest.mark.parametrize("where", ["trainer", "request"])
@pytest.mark.parametrize("value", [None, 7, {}, {"step": "many", "trainer": {}, "surprise": 1}])
def test_damaged_training_state_is_one_line(
    train: Run, tmp_path: Path, where: str, value: object
) -> None:
    run = tmp_path / "run"
    train(run, trainer={"steps": 1, "validations": 0})
    found = checkpoint.read(run)
    state = found.training_state() | {where: value}
    checkpoint.write(
        run, 2, config=found.config, weights=found.weights(), card="", training=found.training(),
        training_state=state,
    )  # fmt: skip
    with pytest.raises((CheckpointError, ConfigError)) as raised:
        train(run, resume=True)
    assert "\n" not in str(raised.value)


def test_state_of_another_model_is_refused(train: Run, tmp_path: Path) -> None:
    run = tmp_path / "run"
    train(run, trainer={"steps": 1, "validations": 0})
    found = checkpoint.read(run)
    training = found.training()
    for changed, there in [
        ({**training, "raw/model.gate_bias": torch.zeros(1, 16)}, r"\(1, 16\)"),
        ({n: t for n, t in training.items() if n != "raw/model.gate_bias"}, "nothing"),
    ]:
        checkpoint.write(
            run, 2, config=found.config, weights=found.weights(), card="", training=changed,
            training_state=found.training_state(),
        )  # fmt: skip
        message = rf"holds {there} for 'model.gate_bias', the model needs \(3, 16\); .* train anew"
        with pytest.raises(TrainingError, match=message):
            train(run, resume=True)


@pytest.mark.parametrize(
    ("fuse", "what"),
    [("loss", "loss"), ("gradient", "gradient"), ("validation", "loss on validation data")],
)
def test_nan_stops_the_run_and_is_never_saved(
    train: Run, tmp_path: Path, fuse: str, what: str
) -> None:
    run = tmp_path / "run"
    bomb = {"model": "bomb", "model_config": {"fuse": fuse, "after": 8}}
    step = 12 if fuse == "validation" else 8
    message = (
        rf"the {what} became nan after step {step} \(learning rate .*\); last good checkpoint: "
        r".*step-00000006; try a lower --trainer.lr"
    )
    with pytest.raises(TrainingError, match=message) as raised:
        train(run, **bomb)
    assert "\n" not in str(raised.value)
    assert [path.name for path in checkpoint.checkpoints(run)] == ["step-00000006"]
    assert is_finite(run)


def test_a_resumed_run_names_the_checkpoint_it_came_from(train: Run, tmp_path: Path) -> None:
    run = tmp_path / "run"
    bomb = {"model": "bomb", "model_config": {"after": 8}}
    for steps, last in [(12, 8), (40, 14)]:  # a new process, and the fuse is as long as before
        with pytest.raises(TrainingError, match=rf"after step {last} .*step-00000006;"):
            train(run, **bomb, resume=steps == 40, trainer={"steps": steps, "validations": 2})


def test_nan_before_the_first_checkpoint_says_so(train: Run, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"after step 0 .* last good checkpoint: none yet"):
        train(tmp_path / "run", model="bomb", model_config={"after": 0})
    assert checkpoint.checkpoints(tmp_path / "run") == []


def test_a_learning_rate_far_too_high_saves_no_nan(train: Run, tmp_path: Path) -> None:
    run = tmp_path / "run"
    trainer = {"lr": 9.9, "muon_lr": 1e30, "clip": 0, "schedule": "constant", "warmup": 0}
    with pytest.raises(
        TrainingError, match=r"became (nan|inf) after step \d+ \(learning rate 9.9\)"
    ):
        train(run, trainer={**trainer, "steps": 40, "validations": 40})
    assert is_finite(run)


def test_events_reach_observers_in_order(train: Run, tmp_path: Path) -> None:
    run = tmp_path / "run"
    result = train(run, observers=["tape"])
    told = lines(run / "tape.jsonl")
    assert [kind for kind, _ in told] == [
        "started",
        *("progress", "validated", "saved") * 2,
        "finished",
    ]
    logged = lines(run / "log.jsonl")
    assert [{"event": kind, **values} for kind, values in told] == logged
    events = dict(told)
    names = {kind: set(values) for kind, values in told}
    assert names == {
        "started": {"step", "parameters", "lead_in", "device", "precision", "baselines", "data"},
        "progress": {"step", "seconds", "bits", "lr", "gradient_norm", "samples_per_s"},
        "validated": {"step", "seconds", "bits_valid", "bits_train"},
        "saved": {"step", "checkpoint"},
        "finished": {"step", "seconds", "bits_train", "bits_valid"},
    }
    assert events["started"]["lead_in"] == 8
    assert events["started"]["precision"] == "float32"
    assert events["finished"]["bits_valid"] == result.bits_valid
    assert events["saved"]["checkpoint"] == str(result.checkpoint)
    seconds = [values["seconds"] for _, values in told if "seconds" in values]
    assert seconds == sorted(seconds)


def test_the_log_is_json_even_without_numbers(
    train: Run, words: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, silent = tmp_path / "run", tmp_path / "empty.txt"
    silent.write_text("")
    result = train(run, valid=[str(silent)], test=[str(silent)], observers=["curve"])
    assert math.isnan(result.bits_valid)
    assert "warning: there are no validation data; give --valid, or more files" in (
        capsys.readouterr().err
    )

    def refuse(name: str) -> None:
        raise AssertionError(name)

    for line in (run / "log.jsonl").read_text().splitlines():
        json.loads(line, parse_constant=refuse)
    assert lines(run / "log.jsonl")[-1]["bits_valid"] is None
    assert result.baselines == {"uniform": 3.0, "texts": 3.0}
    assert "not measured" in (result.checkpoint / "README.md").read_text()


def test_a_corpus_shorter_than_a_window_trains(train: Run, words: Path, tmp_path: Path) -> None:
    write_words(words / "short.txt", 40)
    source = str(words / "short.txt")
    result = train(tmp_path / "run", sources=[source], trainer={"window": 500, "steps": 3})
    assert result.scored == 3 * 2 * 32  # four fifths of the file; the rest is held out


def test_an_empty_corpus_is_refused(train: Run, tmp_path: Path) -> None:
    (tmp_path / "nothing.txt").write_text("")
    with pytest.raises(DataError, match="nothing to train on"):
        train(tmp_path / "run", sources=[str(tmp_path / "nothing.txt")])


def test_hardly_better_than_statistics_is_said(
    train: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train(tmp_path / "run", trainer={"lr": 1e-6, "muon_lr": 0.0})
    said = capsys.readouterr().err
    assert "bits on validation do not clearly beat order-" in said
    assert "likely too few updates (12), a learning rate that is too high or low (1e-06)" in said


def test_remembering_is_said(
    train: Run, words: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_words(words / "short.txt", 40)
    other = tmp_path / "other.txt"
    write_words(other, 300, seed=5)
    trainer = {"steps": 150, "ema": 0.5, "lr": 0.02}
    result = train(
        tmp_path / "run", sources=[str(words / "short.txt")], valid=[str(other)], trainer=trainer
    )
    assert result.bits_valid > result.bits_train
    assert "warning: " in capsys.readouterr().err


def test_the_best_on_validation_is_what_is_kept(train: Run, words: Path, tmp_path: Path) -> None:
    """A run that goes on until it remembers ends with the weights of before."""
    write_words(words / "short.txt", 40)
    other, run = tmp_path / "other.txt", tmp_path / "run"
    write_words(other, 300, seed=5)
    trainer = {"steps": 120, "ema": 0.5, "lr": 0.02, "validations": 6, "keep": 1}
    files = {"sources": [str(words / "short.txt")], "valid": [str(other)]}
    result = train(run, trainer=trainer, **files)
    told = [e["bits_valid"] for e in lines(run / "log.jsonl") if e["event"] == "validated"]
    assert min(told) < told[-1] - 0.1
    assert result.bits_valid == min(told)
    scored = wavegen.load(run, "cpu").score(other.read_text())
    assert float(scored.mean()) == pytest.approx(min(told), abs=1e-5)
    assert len(checkpoint.checkpoints(run)) == 1
    # It goes on from where it stood, not from what it kept.
    again = train(run, resume=True, trainer={"steps": 121}, **files)
    assert again.bits_valid == min(told)
    assert lines(run / "log.jsonl")[-2]["step"] == 121


def test_unwritable_folder_is_noticed_before_the_work(train: Run, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(ConfigError, match=r"run: cannot write there \(.*\); choose another folder"):
        train(blocked / "run")


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without CUDA")
def test_absent_device_is_named(train: Run, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"device is 'cuda', .* try device=cpu"):
        train(tmp_path / "run", trainer={"device": "cuda"})


def test_unknown_names_are_refused(train: Run, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="wavenet has no preset 'huge'; known: tiny, small"):
        train(tmp_path / "run", preset="huge")
    with pytest.raises(ConfigError, match=r"trainer.stesp: unknown setting; did you mean"):
        train(tmp_path / "run", trainer={"stesp": 3})


def test_time_is_a_budget_too(train: Run, tmp_path: Path) -> None:
    result = train(tmp_path / "run", trainer={"steps": 0, "minutes": 0.01, "validations": 1})
    assert result.steps > 1
    assert 0.6 <= result.seconds < 20
    assert result.bits_valid < 4


def test_bfloat16_gives_nearly_the_same_bits(train: Run, tmp_path: Path) -> None:
    trainer = {"steps": 60, "ema": 0.9}
    bits = {
        precision: train(tmp_path / precision, trainer={**trainer, "precision": precision})
        for precision in ("float32", "bfloat16")
    }
    assert bits["bfloat16"].bits_valid == pytest.approx(bits["float32"].bits_valid, abs=0.05)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_training_on_cuda(train: Run, tmp_path: Path, precision: str) -> None:
    run = tmp_path / "run"
    trainer = {"device": "cuda", "precision": precision, "steps": 150, "ema": 0.9}
    result = train(run, trainer=trainer)
    assert result.bits_valid < result.baselines["order-1"] - 0.5
    assert train(run, resume=True, trainer={"device": "cuda", "steps": 160}).steps == 160
    assert math.isfinite(float(wavegen.load(run, "cuda").score("abcdefgh").sum()))


def test_without_a_compiler_training_goes_on(
    train: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("no C++ compiler\nlong story")

    monkeypatch.setattr(torch, "compile", fail)
    result = train(tmp_path / "run", trainer={"compile": True})
    assert result.steps == 12
    said = capsys.readouterr().err
    assert "warning: torch.compile does not work here (no C++ compiler); going on without" in said
