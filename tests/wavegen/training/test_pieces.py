"""The small parts of training: settings, log, interrupt, precision, memory, samples."""

from __future__ import annotations

import json
import math
import os
import platform
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from short_runs import Run
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from words_plugin import Tape, lines

import wavegen
from wavegen.cli import main
from wavegen.config import parse
from wavegen.errors import ConfigError
from wavegen.training import TrainerConfig
from wavegen.training.allocator import keep_freed_memory
from wavegen.training.distributed import Ranks, leave, ranks
from wavegen.training.interrupt import Interrupt
from wavegen.training.journal import Journal
from wavegen.training.precision import fast_precision


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        *(
            (name, -1, f"trainer.{name} is -1(.0)?; it must be 0 or more")
            for name in ("minutes", "steps", "muon_lr", "weight_decay", "clip", "threads")
        ),
        *(
            (name, -1, f"trainer.{name} is -1(.0)?; it must be 0 or more")
            for name in ("validations", "sample_seconds", "seed", "warmup")
        ),
        *(
            (name, 0, f"trainer.{name} is 0; it must be 1 or more")
            for name in ("batch", "window", "context", "accumulate", "valid_steps", "keep")
        ),
        ("lr", 0, r"trainer.lr is 0.0; it must be above 0 and below 10"),
        ("lr", 10, r"trainer.lr is 10.0; it must be above 0 and below 10"),
        ("ema", 1, r"trainer.ema is 1.0; it must be 0 or above, below 1"),
        ("beta2", 1.5, r"trainer.beta2 is 1.5; it must be 0 or above, below 1"),
        ("warmup", 1, r"trainer.warmup is 1.0; it must be 0 or above, below 1"),
        ("lr", "nan", r"trainer.lr"),
        ("minutes", "inf", r"trainer.minutes"),
        ("steps", "many", r"trainer.steps: .* got 'many'"),
        ("schedule", "linear", r"trainer.schedule: .*'cosine', 'one-cycle' or 'constant'"),
        ("precision", "float16", r"trainer.precision: .*'auto', 'float32' or 'bfloat16'"),
    ],
)
def test_settings_out_of_range(name: str, value: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as raised:
        parse(TrainerConfig, {name: value}, "trainer")
    assert "\n" not in str(raised.value)


def log(path: Path) -> list[str]:
    return (path / "log.jsonl").read_text().splitlines()


def test_journal_writes_json_and_tells_observers(tmp_path: Path) -> None:
    journal = Journal(tmp_path, [Tape(tmp_path)], speaks=True, shows=False)
    assert journal.is_heard
    journal.tell("validated", {"step": 3, "bits": math.nan, "deep": {"list": [1, math.inf]}})
    told = {"step": 3, "bits": None, "deep": {"list": [1, None]}}
    assert lines(tmp_path / "log.jsonl") == [{"event": "validated", **told}]
    assert lines(tmp_path / "tape.jsonl") == [["validated", told]]


def test_silent_journal_writes_and_says_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    journal = Journal(tmp_path, [], speaks=False, shows=True)
    journal.tell("saved", {"step": 1})
    journal.say("hello")
    journal.warn("careful")
    journal.progress(0.5, "half")
    journal.forget_after(0)
    journal.close()
    assert list(tmp_path.iterdir()) == []
    assert capsys.readouterr() == ("", "")


def test_quiet_journal_still_warns(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    journal = Journal(tmp_path, [], speaks=True, shows=False)
    journal.say("hello")
    journal.warn("careful")
    assert capsys.readouterr() == ("", "warning: careful\n")


def test_journal_forgets_what_will_be_made_again(tmp_path: Path) -> None:
    journal = Journal(tmp_path, [], speaks=True, shows=False)
    journal.forget_after(3)  # nothing there yet
    for step in range(6):
        journal.tell("progress", {"step": step})
    with (tmp_path / "log.jsonl").open("a") as file:
        file.write('{"event": "progress", "st')
    journal.forget_after(3)
    journal.tell("progress", {"step": 4, "again": True})
    assert [json.loads(line)["step"] for line in log(tmp_path)] == [0, 1, 2, 3, 4]


def test_progress_bar_is_for_terminals(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    journal = Journal(tmp_path, [], speaks=True, shows=True)
    journal.progress(0.1, "4.00 bits")
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    for share in (0.1, 0.5, 1.0):
        journal.progress(share, f"{4 - share:.2f} bits")
    journal.say("step 7")
    journal.close()
    said = capsys.readouterr().err
    for part in ("3.90 bits", "3.50 bits", "3.00 bits", "step 7\n"):
        assert part in said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_first_signal_asks_and_a_later_one_insists(
    number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr("wavegen.training.interrupt.time.monotonic", lambda: now)
    before = signal.getsignal(number)
    with Interrupt() as interrupt:
        assert not interrupt.asked
        os.kill(os.getpid(), number)
        assert interrupt.asked
        now += 0.5  # the same wish, passed on by torchrun
        os.kill(os.getpid(), number)
        now += 1.0
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), number)
    assert signal.getsignal(number) is before


def test_precision_is_what_the_device_is_fast_at(monkeypatch: pytest.MonkeyPatch) -> None:
    for has_bf16, precision in [(True, "bfloat16"), (False, "float32")]:
        monkeypatch.setattr("torch.cpu._is_avx512_bf16_supported", lambda has=has_bf16: has)
        assert fast_precision(torch.device("cpu")) == precision
    assert fast_precision(torch.device("mps")) == "float32"


def test_allocator_takes_the_settings_or_says_no() -> None:
    code = "from wavegen.training.allocator import keep_freed_memory; print(keep_freed_memory())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(platform.libc_ver()[0] == "glibc")


def test_allocator_leaves_other_systems_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert keep_freed_memory() is False


def test_one_process_is_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RANK", raising=False)
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with ranks("cpu") as here:
        assert here == Ranks(0, 1, 0)
        assert here.is_first
        assert here.sum([1.5, 2.0]) == [1.5, 2.0]
        assert here.agree(3.5) == 3.5
        here.wait()
    leave(3)  # nothing to leave


def test_sampled_events_reach_tensorboard(train: Run, tmp_path: Path) -> None:
    run = tmp_path / "run"
    options = {"domain_config": {"sound": True}, "observers": ["tensorboard", "tape"]}
    train(run, trainer={"sample_seconds": 3.0}, **options)
    told = [values for kind, values in lines(run / "tape.jsonl") if kind == "sampled"]
    assert [values["step"] for values in told] == [6, 12]
    for values in told:
        name = f"step-{values['step']:08d}"
        assert values == {
            "step": values["step"],
            "file": str(run / "samples" / f"{name}.wav"),
            "audio": str(run / "samples" / f"{name}.wav"),
            "picture": str(run / "samples" / f"{name}.png"),
        }
    board = EventAccumulator(str(run / "tensorboard")).Reload()
    assert [sound.step for sound in board.Audio("sampled/audio")] == [6, 12]
    assert [picture.step for picture in board.Images("sampled/picture")] == [6, 12]
    assert board.Images("sampled/picture")[0].width > 100


def test_samples_are_those_of_the_checkpoint_and_change_nothing(train: Run, tmp_path: Path) -> None:
    quiet, heard, alone = tmp_path / "quiet", tmp_path / "heard", tmp_path / "alone"
    net = {"dropout": 0.2}
    train(quiet, model_config=net)
    train(heard, model_config=net, observers=["tape"], trainer={"sample_seconds": 3.0})
    train(alone, model_config=net, trainer={"sample_seconds": 3.0})  # nobody listens
    assert not (quiet / "samples").exists()
    assert not (alone / "samples").exists()
    [text] = wavegen.load(heard, "cpu").generate(seconds=3.0)
    assert (heard / "samples" / "step-00000012.txt").read_text() == text
    assert len(text) == 30
    for name in ("model.safetensors", "training/tensors.safetensors"):
        path = Path("checkpoints/step-00000012") / name
        assert (quiet / path).read_bytes() == (heard / path).read_bytes()


def test_samples_go_on_without_matplotlib(
    train: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    train(tmp_path / "run", observers=["tape"], trainer={"sample_seconds": 1.0})
    assert "warning: pictures need matplotlib; pip install" in capsys.readouterr().err
    told = [values for kind, values in lines(tmp_path / "run/tape.jsonl") if kind == "sampled"]
    assert [set(values) for values in told] == [{"step", "file"}] * 2


def test_bench_of_training() -> None:
    result = CliRunner().invoke(main, ["bench", "train", "--config", "huge"])
    assert result.exit_code == 2
    assert "wavegen: no configuration 'huge'; known: tiny, small" in result.stderr
    line = ["bench", "train", "--config", "tiny", "--rounds", "1", "--json"]
    result = CliRunner().invoke(main, line)
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["config"] == "tiny"
    assert set(found["samples_per_s"]) == {"conv1d_float32", "float32", "bfloat16"}
    assert all(rate > 0 for rate in found["samples_per_s"].values())
    assert found["float32_vs_conv1d"] > 0
    assert found["bfloat16_vs_conv1d"] > 0
