"""A program file plays by itself: what it must draw, in any pieces, without PyTorch, at once."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from itertools import islice
from pathlib import Path
from typing import Any

import click.testing
import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_program import CLASSES, LABELS, expected, tiny, view
from wavegen_audio import mulaw

import wavegen
from wavegen.cli import main
from wavegen.controls import Controls
from wavegen.errors import ConfigError, DataError, PluginError, ProgramError
from wavegen.native import library
from wavegen.program.player import Player, play
from wavegen.program.program import Program

try:
    library.builds()
except library.NativeUnavailable as error:
    pytest.skip(str(error), allow_module_level=True)

COMMAND = Path(sys.executable).with_name("wavegen")
TINY = Player(library.Program(tiny().to_bytes()))


def sound(codes: Any) -> Any:
    return mulaw.decode(codes, CLASSES).astype(np.float32)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    tiny().write(tmp_path / "tiny.program")
    return tmp_path / "tiny.program"


def call(*words: object) -> click.testing.Result:
    return click.testing.CliRunner().invoke(main, list(map(str, words)))


def bad(*words: object) -> str:
    """The one line of an error."""
    result = call(*words)
    assert result.exit_code == 2, result.output
    (line,) = result.stderr.splitlines()
    return line


def test_it_draws_what_the_operations_say() -> None:
    found = TINY.generate(3, steps=300, seed=5)
    for i, raw in enumerate(found):
        np.testing.assert_array_equal(raw, sound(expected(300, 5 + i)))
    assert len({raw.tobytes() for raw in found}) == 3
    (cool,) = TINY.generate(steps=300, seed=5, controls=Controls(temperature=0.5))
    np.testing.assert_array_equal(cool, sound(expected(300, 5, temperature=0.5)))


def test_seconds_are_steps_at_the_domains_rate() -> None:
    assert [len(raw) for raw in TINY.generate(2, seconds=0.25)] == [2000, 2000]


def test_many_voices_are_what_each_is_alone() -> None:
    many = TINY.generate(70, steps=40, seed=1)
    for i in (0, 1, 63, 64, 69):
        np.testing.assert_array_equal(many[i], TINY.generate(steps=40, seed=1 + i)[0])


@settings(max_examples=25)
@given(steps=st.integers(1, 3000), n_prime=st.integers(0, 50), seed=st.integers(0, 2**64))
def test_a_stream_is_what_generate_gives(steps: int, n_prime: int, seed: int) -> None:
    prime = sound(np.arange(n_prime) % CLASSES)
    asked: dict[str, Any] = {"steps": steps + n_prime, "seed": seed, "prime": prime}
    pieces = list(TINY.stream(**asked))
    np.testing.assert_array_equal(np.concatenate(pieces), TINY.generate(**asked)[0])


def test_an_endless_stream_starts_small_and_stops_when_closed() -> None:
    stream = TINY.stream(seed=2)
    assert [len(piece) for piece in islice(stream, 6)] == [160, 320, 640, 1280, 2000, 2000]
    stream.close()
    assert list(stream) == []


def test_a_prime_is_the_beginning_and_counts() -> None:
    codes = np.array([0, 3, 1, 1, 2])
    (raw,) = TINY.generate(steps=200, seed=4, prime=sound(codes))
    np.testing.assert_array_equal(raw, sound(expected(200, 4, given=codes)))
    (same,) = TINY.generate(steps=5, prime=sound(codes))
    np.testing.assert_array_equal(same, sound(codes))
    with pytest.raises(ConfigError, match=r"the prime has 0\.000625 s \(5 steps\), longer than"):
        TINY.generate(steps=4, prime=sound(codes))
    with pytest.raises(ConfigError, match="1 s of the prime were asked for; it has only"):
        TINY.generate(steps=10, prime=sound(codes), prime_seconds=1.0)


def test_each_label_has_a_voice(tmp_path: Path) -> None:
    tiny(*LABELS).write(tmp_path / "a.program")
    player = wavegen.play(tmp_path / "a.program")
    assert player.labels == LABELS
    for number, label in enumerate(LABELS):
        (raw,) = player.generate(steps=100, seed=3, label=label)
        np.testing.assert_array_equal(raw, sound(expected(100, 3, number=number)))
    with pytest.raises(ConfigError, match=r"needs a label \(--speaker\); known: ann, bob"):
        player.generate(steps=1)
    with pytest.raises(ConfigError, match="no label 'cat'; known: ann, bob"):
        player.stream(label="cat")
    with pytest.raises(ConfigError, match="trained without labels"):
        TINY.generate(steps=1, label="ann")


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({}, "how long"),
        ({"seconds": 1.0, "steps": 3}, "not both"),
        ({"steps": 0}, "steps is 0"),
        ({"n": 0, "steps": 1}, "n is 0"),
    ],
)
def test_lengths_that_make_no_sense(asked: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        TINY.generate(**asked)


# Files


def changed(**changes: Any) -> bytes:
    program = tiny()
    return Program({**program.header, **changes}, program.tensors).to_bytes()


AUDIO = {"name": "audio", "plugin": "audio", "config": {"rate_hz": 8000, "classes": 4}}


@pytest.mark.parametrize(
    ("content", "kind", "message"),
    [
        (b"nothing", ProgramError, "x.program: "),
        (changed(about={}), ProgramError, "about.domain is None; it must have a name, a plugin"),
        (changed(about={"domain": AUDIO | {"plugin": "os"}}), PluginError, "of the plugin 'os'; i"),
        (
            changed(about={"domain": AUDIO | {"config": {"rate_hz": "x"}}}),
            ConfigError,
            "domain.rate_hz: ",
        ),
        (
            changed(about={"domain": AUDIO | {"config": {"classes": 8}}}),
            ProgramError,
            "draws events of 1 values and 4 classes, its domain has 1 and 8; make it anew",
        ),
        (changed(voices=[]), ProgramError, "no voice that is ready to play"),
        (
            changed(
                cond_channels=1,
                inputs={**tiny().header["inputs"], "cond": view("scratch", "f32", 416, 1)},
            ),
            ProgramError,
            "takes conditions with each step, and only the run it was made of can make them; play",
        ),
    ],
)
def test_files_that_cannot_be_played(
    content: bytes, kind: type[Exception], message: str, tmp_path: Path
) -> None:
    path = tmp_path / "x.program"
    path.write_bytes(content)
    with pytest.raises(kind) as found:
        play(path)
    assert str(found.value).startswith(f"{path}: ")
    assert message in str(found.value)


def test_a_missing_file() -> None:
    with pytest.raises(DataError, match=r"none\.program: cannot be read \(No such file"):
        play("none.program")


# The command line


def test_sample_writes_what_the_player_gives(file: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.wav"
    result = call("sample", file, "-o", out, "-n", 2, "--seed", 7, "--steps", 500, "--top-k", 3)
    assert result.exit_code == 0, result.output
    assert re.fullmatch(r"[\d,]+ steps/s, rtf \S+, xrt \S+, seeds 7-8\n", result.stderr)
    for i, raw in enumerate(TINY.generate(2, steps=500, seed=7, controls=Controls(top_k=3)), 1):
        samples, rate_hz = soundfile.read(tmp_path / f"out-{i}.wav", dtype="float32")
        assert rate_hz == 8000
        np.testing.assert_allclose(samples, raw, atol=2**-15)


def test_stream_pipes_what_sample_writes(file: Path, tmp_path: Path) -> None:
    words = ["--steps", "5000", "--seed", "3"]
    done = subprocess.run([COMMAND, "stream", file, *words, "--json"], capture_output=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stderr)["engine"] == "native"
    call("sample", file, "-o", tmp_path / "out.wav", *words)
    assert done.stdout[44:] == (tmp_path / "out.wav").read_bytes()[44:]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--engine", "torch"], "--engine torch takes a run, and"),
        (["--device", "cuda"], "--device cuda takes a run"),
        (["--precision", "int8"], "--precision takes a run"),
        (["--slots", "8"], "--slots takes a run"),
        (["--filter", "even"], "--filter takes a run"),
        (["--condition-from", "x.wav"], "--condition-from takes a run"),
        (["--speaker", "bob"], "no label 'bob'"),
        (["--prime", "none.wav"], "none.wav"),
        (["--temperature", "-1"], "temperature is -1.0"),
    ],
)
def test_what_a_program_cannot_do(words: list[str], message: str, file: Path) -> None:
    out = file.with_name("out.wav")
    assert message in bad("sample", file, "-o", out, *words)
    assert not out.exists()


def test_a_program_can_be_looked_into_and_made_smaller(file: Path, tmp_path: Path) -> None:
    assert "21 MACs in 5 operations a step" in call("program", file, "--dump").stdout
    small = tmp_path / "small.program"
    values = json.loads(call("program", file, "-o", small, "--precision", "int8", "--json").stdout)
    assert values["file"] == str(small)
    assert values["precision"] == "int8"
    assert values["bytes"] == small.stat().st_size
    assert len(play(small).generate(steps=20)[0]) == 20


# Without PyTorch, at once


def test_playing_imports_no_torch(file: Path, tmp_path: Path) -> None:
    code = """
import sys
from wavegen.cli import main
try:
    main(sys.argv[1:])
except SystemExit as end:
    assert not end.code, end.code
assert "torch" not in sys.modules
"""
    tiny_prime = tmp_path / "prime.wav"
    soundfile.write(tiny_prime, np.zeros(400, np.float32), 16000)
    out = tmp_path / "out.wav"
    for words in (
        ["sample", file, "-o", out, "--steps", "300"],
        ["sample", file, "-o", out, "--steps", "300", "--prime", tiny_prime],
        ["stream", file, "-o", out, "--steps", "300"],
    ):
        done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True)
        assert done.returncode == 0, done.stderr.decode()
    code = (
        "import sys, wavegen; player = wavegen.play(sys.argv[1]); next(player.stream())\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code, file], check=True)


def test_the_first_samples_come_at_once(file: Path) -> None:
    """By the processor's clock, which others' load does not move; there is nothing to wait for."""
    best = float("inf")
    for _ in range(12):
        process = subprocess.Popen(
            [COMMAND, "stream", file], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        assert process.stdout is not None
        assert len(process.stdout.read(44 + 2 * 160)) == 44 + 2 * 160
        process.stdout.close()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        best = min(best, used.ru_utime + used.ru_stime)
        if best < 0.3:
            break
    assert best < 0.3
