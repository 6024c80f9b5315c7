"""Runs as processes: Ctrl-C, a kill at any moment, and two of them under torchrun."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from short_runs import NET, PLUGIN, SHORT, Run
from words_plugin import lines

from wavegen import checkpoint

TRAIN = ["wavegen", "--plugin", str(PLUGIN), "train"]
ENDLESS = {"steps": 1_000_000, "validations": 100_000}  # a checkpoint every ten updates
PATIENCE_SECONDS = 120

Start = Callable[..., subprocess.Popen[str]]


def options(run: Path, **trainer: object) -> list[str]:
    """The command line of a short run."""
    settings = {f"--model.{name}": value for name, value in NET.items()}
    settings |= {f"--trainer.{name}": value for name, value in {**SHORT, **trainer}.items()}
    return ["-o", str(run), *(f"{name}={value}" for name, value in settings.items())]


@pytest.fixture
def start() -> Iterator[Start]:
    """`start("-m", ...)` starts Python, in a process group of its own that does not outlive us."""
    begun: list[subprocess.Popen[str]] = []

    def call(*arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        begun.append(process)
        return process

    yield call
    for process in begun:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def wait_for_checkpoint(process: subprocess.Popen[str], run: Path) -> None:
    """Until the run has saved for the first time."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not checkpoint.checkpoints(run):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_ctrl_c_saves_and_says_how_to_go_on(
    start: Start, train: Run, words: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    process = start("-m", *TRAIN, "words", str(words), *options(run, **ENDLESS))
    wait_for_checkpoint(process, run)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 130
    assert f"go on with: wavegen train --resume -o {run}" in said
    assert "Traceback" not in said
    steps = lines(run / "log.jsonl")[-1]["step"]
    assert f"stopped at step {steps};" in said
    assert checkpoint.read(run).training_state()["trainer"]["step"] == steps
    assert (
        train(run, resume=True, trainer={"steps": steps + 3, "validations": 0}).steps == steps + 3
    )


def test_a_second_ctrl_c_stops_at_once(start: Start, words: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    # Its very first update takes for ever, so the first Ctrl-C is not acted on.
    process = start(
        "-c",
        "import sys, time\n"
        "from wavegen.cli import main\n"
        "from wavegen.training.loop import Trainer\n"
        "def endless(*_):\n"
        "    print('updating', flush=True)\n"
        "    while True: time.sleep(0.01)\n"
        "Trainer._update = endless\n"
        "main()",
        *TRAIN[1:],
        *("words", str(words)),
        *options(run),
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "updating\n"
    process.send_signal(signal.SIGINT)
    time.sleep(1.5)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "Traceback" not in said
    assert checkpoint.checkpoints(run) == []


@pytest.mark.parametrize("delay", [0.0, 0.02])
def test_a_kill_at_any_moment_leaves_a_run_that_goes_on(
    start: Start, train: Run, words: Path, tmp_path: Path, delay: float
) -> None:
    run = tmp_path / "run"
    process = start("-m", *TRAIN, "words", str(words), *options(run, **ENDLESS))
    wait_for_checkpoint(process, run)
    time.sleep(0.5 + delay)
    process.kill()
    process.communicate()
    step = checkpoint.read(run).training_state()["trainer"]["step"]
    result = train(run, resume=True, trainer={"steps": step + 2, "validations": 1})
    assert result.steps == step + 2
    told = [line["step"] for line in lines(run / "log.jsonl")]
    assert told == sorted(told)
    assert not list((run / "checkpoints").glob(".*"))


def torchrun(start: Start, script: list[str], *arguments: str) -> subprocess.Popen[str]:
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    return start(*launch, *script, *arguments)


def test_two_processes_are_one_with_twice_the_batch(
    start: Start, train: Run, words: Path, tmp_path: Path
) -> None:
    run, alone = tmp_path / "run", tmp_path / "alone"
    # Each rank leaves its weights and its windows beside the run, for us to compare.
    script = tmp_path / "spy.py"
    script.write_text(f"""
import os, torch
from wavegen.cli import main
from wavegen.training.loop import Trainer
rank, inner, batches = os.environ["RANK"], Trainer.run, Trainer._batches
seen = []
def spy(self, step):
    found = batches(self, step)
    seen.extend(batch.x for batch in found)
    return found
def run(self, save):
    saved = inner(self, save)
    weights = dict(self.scorer.named_parameters())
    torch.save({{"weights": weights, "seen": torch.stack(seen)}}, "{tmp_path}/rank" + rank)
    return saved
Trainer.run, Trainer._batches = run, spy
main()
""")
    many = {"steps": 60, "ema": 0.9, "accumulate": 2, "validations": 3}
    line = [*TRAIN[1:], "words", str(words), "--observe", "tape", *options(run, **many)]
    process = torchrun(start, [str(script)], *line)
    out, said = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 0, said
    assert out.count("60 steps") == 1  # one process speaks
    ranks = [torch.load(tmp_path / f"rank{i}") for i in (0, 1)]
    for name, weight in ranks[0]["weights"].items():
        assert torch.equal(weight, ranks[1]["weights"][name]), name
    assert not torch.equal(ranks[0]["seen"], ranks[1]["seen"])
    # ... and one writes.
    events = [line["event"] for line in lines(run / "log.jsonl")]
    assert events.count("saved") == events.count("validated") == 3
    assert [kind for kind, _ in lines(run / "tape.jsonl")] == events
    result = train(alone, trainer={**many, "batch": 4})
    finished = lines(run / "log.jsonl")[-1]
    assert finished["bits_valid"] == pytest.approx(result.bits_valid, abs=0.1)
    assert finished["bits_valid"] < 2.9
    # One process goes on where two stopped.
    assert train(run, resume=True, trainer={"steps": 61}).steps == 61


@pytest.mark.slow
def test_errors_and_ctrl_c_under_torchrun(start: Start, words: Path, tmp_path: Path) -> None:
    script = ["-m", "wavegen"]
    line = [*TRAIN[1:], "words", str(tmp_path / "nowhere"), *options(tmp_path / "none")]
    process = torchrun(start, script, *line)
    _, said = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode != 0
    assert "wavegen: " in said
    assert "no files" in said

    run = tmp_path / "run"
    process = torchrun(start, script, *TRAIN[1:], "words", str(words), *options(run, **ENDLESS))
    wait_for_checkpoint(process, run)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: torchrun passes it on once more
    _, said = process.communicate(timeout=PATIENCE_SECONDS)
    assert "go on with: wavegen train --resume" in said
    last = lines(run / "log.jsonl")[-1]
    assert last["event"] == "finished"
    assert checkpoint.read(run).training_state()["trainer"]["step"] == last["step"]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_compiled_model_learns_the_same(
    start: Start, train: Run, words: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    line = ["words", str(words), *options(run, steps=30, compile="true")]
    process = start("-m", *TRAIN, *line)
    _, said = process.communicate()
    assert process.returncode == 0, said
    plain = train(tmp_path / "plain", trainer={"steps": 30})
    assert "does not work here" not in said
    assert lines(run / "log.jsonl")[-1]["bits_valid"] == pytest.approx(plain.bits_valid, abs=0.02)
