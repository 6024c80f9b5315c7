"""sample, stream, eval and info, as a person calls them."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import click.testing
import pytest
from toy_run import PLUGIN, trained, write_run

from wavegen.cli import main
from wavegen.hookspecs import Event

COMMAND = [str(Path(sys.executable).with_name("wavegen")), "--plugin", str(PLUGIN)]
HEADER = b"LETTERS:"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    write_run(tmp_path / "run")
    return tmp_path / "run"


def with_torch(words: tuple[object, ...]) -> list[str]:
    """The torch engine plays here, as in `trained`; the native one has tests of its own."""
    chosen = ["--engine", "torch"] if {"sample", "stream"} & set(words) else []
    return [*map(str, words), *chosen]


def call(*words: object) -> click.testing.Result:
    return click.testing.CliRunner().invoke(main, ["--plugin", str(PLUGIN), *with_torch(words)])


def good(*words: object) -> click.testing.Result:
    result = call(*words)
    assert result.exit_code == 0, result.output
    return result


def bad(*words: object) -> str:
    """The one line of an error."""
    result = call(*words)
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    return line.removeprefix("wavegen: ")


# sample


def test_several_samples_get_numbers_and_seeds(run: Path, tmp_path: Path) -> None:
    out, picture = tmp_path / "out.txt", tmp_path / "p.png"
    result = good("sample", run, "-o", out, "-n", 3, "--seed", 7, "--steps", 40, "--top-p", 0.9,
                  "--picture", picture)  # fmt: skip
    names = [tmp_path / f"out-{i}.txt" for i in (1, 2, 3)]
    assert result.stdout.split() == [str(name) for name in names]
    assert re.fullmatch(r"[\d,]+ steps/s, rtf \S+, xrt \S+, seeds 7-9\n", result.stderr)
    texts = [name.read_text() for name in names]
    assert texts == [(tmp_path / f"p-{i}.png").read_text() for i in (1, 2, 3)]
    assert len(set(texts)) == 3
    good("sample", run, "-o", out, "--seed", 8, "--steps", 40, "--top-p", 0.9)
    assert out.read_text() == texts[1]


def test_sample_reports_as_json(run: Path, tmp_path: Path) -> None:
    out, prime = tmp_path / "out.txt", tmp_path / "prime.txt"
    prime.write_text("abcdefghij")
    words = ["--seconds", 0.4, "--prime", prime, "--prime-seconds", 0.05, "--json"]
    values = json.loads(good("sample", run, "-o", out, *words).stdout)
    assert values["files"] == [str(out)]
    assert values["seeds"] == [0]
    assert values["steps_drawn"] == 35
    assert values["rtf"] * values["xrt"] == pytest.approx(1)
    assert values["steps_per_s"] == pytest.approx(100 * values["xrt"])
    assert len(out.read_text()) == 40
    assert out.read_text().startswith("abcde")


def test_a_sample_without_a_length_takes_four_seconds(run: Path, tmp_path: Path) -> None:
    good("sample", run, "-o", tmp_path / "out.txt")
    assert len((tmp_path / "out.txt").read_text()) == 400


def test_greedy_is_the_same_for_every_seed(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.txt"
    words = ["sample", run, "-o", out, "-n", 2, "--steps", 30, "--temperature", 0]
    good(*words)
    assert (tmp_path / "out-1.txt").read_text() == (tmp_path / "out-2.txt").read_text()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--temperature", "-1"], "temperature is -1.0; it must be 0 (greedy) or above"),
        (["--temperature", "nan"], "temperature"),
        (["--top-p", "0"], "top_p is 0.0"),
        (["--seconds", "nan"], "seconds is nan"),
        (["--seconds", "-2"], "seconds is -2.0"),
        (["--seconds", "1", "--steps", "3"], "not both"),
        (["--seconds", "0.05", "--prime", "PRIME"], "longer than the 0.05 s (5 steps) asked for"),
        (["--prime", "PRIME", "--prime-seconds", "2"], "2 s of the prime were asked for; it has"),
        (["--prime", "missing.txt"], "missing.txt: cannot be read"),
        (["--speaker", "bob"], "no label 'bob'"),
        (["--condition-from", "PRIME"], "nothing to follow"),
        (["--filter", "odd"], "no filter 'odd'"),
        (["--observe", "nobody"], "no observer 'nobody'"),
        (["--device", "tpu"], "device is 'tpu'"),
        (["-o", "OUT/nowhere/out.txt"], "cannot write there (No such file or directory)"),
        (["-o", "OUT"], "is a folder"),
        (["-o", "OUT/out.wav"], "cannot write that; use .txt"),
        (["--picture", "OUT/nowhere/p.png"], "cannot write there"),
    ],
)
def test_bad_input_gets_one_line_and_loses_nothing(
    run: Path, tmp_path: Path, words: list[str], message: str
) -> None:
    out, prime = tmp_path / "out.txt", tmp_path / "prime.txt"
    prime.write_text("abcdefghij")
    out.write_text("what was there")
    words = [w.replace("PRIME", str(prime)).replace("OUT", str(tmp_path)) for w in words]
    assert message in bad("sample", run, "-o", out, *words)
    assert out.read_text() == "what was there"


def test_an_unwritable_output_is_noticed_before_the_model_is_read(
    run: Path, tmp_path: Path
) -> None:
    (weights,) = run.rglob("model.safetensors")
    weights.write_bytes(b"damaged")
    assert "cannot write there" in bad("sample", run, "-o", tmp_path / "no" / "out.txt")


def test_following_and_labels(tmp_path: Path) -> None:
    run, out, text = tmp_path / "run", tmp_path / "out.txt", tmp_path / "text.txt"
    write_run(run, cond=True, labels=("ann", "bob"))
    text.write_text("abcdefgh" * 9)
    for label in ("ann", "bob"):
        good("sample", run, "-o", out, "--condition-from", text, "--speaker", label)
        assert (
            out.read_text()
            == trained(cond=True, labels=("ann", "bob")).generate(
                follow="abcdefgh" * 9, label=label
            )[0]
        )
    assert "needs a label (--speaker); known: ann, bob" in bad(
        "sample", run, "-o", out, "--condition-from", text
    )
    assert "give one to follow" in bad("sample", run, "-o", out, "--speaker", "ann")


def test_observers_hear_of_each_file(run: Path, tmp_path: Path) -> None:
    listener = tmp_path / "listener.py"
    listener.write_text(
        "from wavegen.hookspecs import Observer, ObserverSpec, hookimpl\n"
        "class Listener(Observer):\n"
        "    def __init__(self, folder): self.folder = folder\n"
        "    def notify(self, event):\n"
        "        with open(self.folder / 'heard', 'a') as file:\n"
        "            print(event.kind, event.values['step'], event.values['seed'], file=file)\n"
        "@hookimpl\n"
        "def wavegen_observers():\n"
        "    yield ObserverSpec('listener', Listener, 'listens')\n"
    )
    good("--plugin", listener, "sample", run, "-o", tmp_path / "out.txt", "-n", 2, "--steps", 3,
         "--observe", "listener")  # fmt: skip
    assert (run / "heard").read_text() == "sampled 10 0\nsampled 10 1\n"
    assert Event("sampled", {}).kind == "sampled"


# stream


def streaming(*words: object, **options: Any) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [*COMMAND, *with_torch(("stream", *words))],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=attentive,
        **options,
    )


def attentive() -> None:
    """Children of a job in the background ignore Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_a_stream_with_an_end_is_a_sample(run: Path) -> None:
    with streaming(run, "--steps", 60, "--seed", 3, "--json") as process:
        out, errors = process.communicate()
    assert process.returncode == 0, errors
    assert out == HEADER + trained().generate(steps=60, seed=3)[0].encode()
    assert json.loads(errors)["steps_drawn"] == 60


def test_a_reader_that_goes_away_ends_the_stream_quietly(run: Path) -> None:
    with streaming(run) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.read(200).startswith(HEADER)
        process.stdout.close()
        errors = process.stderr.read().decode()
    assert process.returncode == 0
    assert re.fullmatch(r"[\d,]+ steps/s, rtf \S+, xrt \S+, seed 0\n", errors)


def test_ctrl_c_ends_a_stream_to_a_file_that_is_whole(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.txt"
    with streaming(run, "-o", out) as process:
        while not out.exists() or out.stat().st_size < 100:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate()
    assert process.returncode == 0
    assert errors.decode().count("\n") == 1
    text = out.read_bytes().removeprefix(HEADER).decode()
    assert text == trained().generate(steps=len(text))[0]


def test_following_what_arrives(tmp_path: Path) -> None:
    """Sound comes out before the recording has ended."""
    run = tmp_path / "run"
    write_run(run, cond=True)
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    with streaming(run, "--condition-from", fifo) as process:
        assert process.stdout is not None
        with fifo.open("w") as file:
            file.write("abcd" * 10)
            file.flush()
            early = process.stdout.read(len(HEADER) + 20)  # the toy's conditioner holds some back
            file.write("dcba" * 5)
        out = early + process.stdout.read()
    assert process.returncode == 0
    whole = trained(cond=True).generate(follow="abcd" * 10 + "dcba" * 5)[0]
    assert out == HEADER + whole.encode()


def test_a_terminal_is_no_place_for_a_stream(run: Path) -> None:
    parent, child = os.openpty()
    result = subprocess.run(
        [*COMMAND, "stream", run], stdout=child, stderr=subprocess.PIPE, check=False
    )
    os.close(parent)
    os.close(child)
    assert result.returncode == 2
    assert b"the output is a terminal; add a player" in result.stderr


def test_only_notes_go_to_a_midi_port(run: Path, tmp_path: Path) -> None:
    assert bad("stream", run, "--midi-port", "FLUID") == (
        "sequences of this kind are not made of notes, so the MIDI port 'FLUID' cannot play them; "
        "leave --midi-port out"
    )
    out = tmp_path / "x.txt"
    message = bad("stream", run, "--midi-port", "FLUID", "-o", out)
    assert message == f"give -o {out} or --midi-port FLUID, not both"
    assert not out.exists()


def test_only_sound_goes_to_a_loudspeaker(run: Path, tmp_path: Path) -> None:
    assert bad("stream", run, "--play") == ("sequences of this kind are no sound; leave --play out")
    out = tmp_path / "x.txt"
    assert bad("stream", run, "--play", "-o", out) == f"give -o {out} or --play, not both"
    message = bad("stream", run, "--play", "--midi-port", "FLUID")
    assert message == "give --midi-port FLUID or --play, not both"


def test_a_disk_that_is_full_while_streaming(run: Path) -> None:
    message = bad("stream", run, "-o", "/dev/full", "--steps", 5)
    assert message == "the stream cannot be written (No space left on device)"


# eval and info


def test_eval_scores_given_files(run: Path, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("WAVEGEN_CACHE", str(tmp_path / "cache"))
    texts = ["abcdefghijklmnop" * 3, "ponmlkjihgfedcba" * 5]
    files = [tmp_path / f"{i}.txt" for i in (1, 2)]
    for file, text in zip(files, texts, strict=True):
        file.write_text(text)
    score = json.loads(good("eval", run, *files, "--json").stdout)["splits"]["given"]
    expected = [trained().score(text) for text in texts]
    total = sum(float(bits.sum()) for bits in expected)
    assert score["symbols"] == 128
    assert score["bits_per_symbol"] == pytest.approx(total / 128, rel=1e-5)
    assert [s["name"] for s in score["sequences"]] == [str(file) for file in files]
    assert score["sequences"][0]["bits_per_symbol"] == pytest.approx(
        float(expected[0].mean()), rel=1e-5
    )
    assert score["metrics"]["mean_letter"] == pytest.approx(7.5)


def test_eval_scores_what_was_held_out(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("WAVEGEN_CACHE", str(tmp_path / "cache"))
    train, valid = tmp_path / "train.txt", tmp_path / "valid.txt"
    train.write_text("abc" * 20)
    valid.write_text("abd" * 20)
    data = {"sources": [str(train)], "valid": [str(valid)], "test": []}
    trained_ = {"steps": 10, "baselines": {"order-0": 1.25}}
    write_run(tmp_path / "run", {"data": data, "trained": trained_})
    text = good("eval", tmp_path / "run").stdout
    bits = float(trained().score("abd" * 20).mean())
    assert f"validation: {bits:.4f} bits per symbol over 60 symbols (0.6 s) of 1 seq" in text
    assert "simple statistics on validation: order-0 1.2500" in text
    assert "test" not in text


def test_eval_says_when_there_is_nothing_to_score(run: Path) -> None:
    assert "does not say what was held out; give files to score" in bad("eval", run)


def test_info_tells_what_a_run_holds(run: Path) -> None:
    values = json.loads(good("info", run, "--json").stdout)
    model = trained()
    assert values["parameters"] == sum(p.numel() for p in model.model.parameters())
    assert values["receptive_field"] == {"steps": 8, "seconds": 0.08}
    assert values["state_bytes_per_voice"] == 7 * 24 * 4 + 8 + 24 * 4
    assert values["model"]["distribution"] == "toys"
    text = good("info", run).stdout
    assert "receptive field  8 steps, 0.08 s" in text
    assert "toy (toy_plugin, toys 1.0): layers=3 hidden=24" in text


def test_a_damaged_run_gives_one_line_everywhere(run: Path, tmp_path: Path) -> None:
    weights = run / "checkpoints" / "step-00000010" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    for words in (["info", run], ["eval", run], ["sample", run, "-o", tmp_path / "o.txt"]):
        assert "it was cut; no earlier checkpoint is whole" in bad(*words)
