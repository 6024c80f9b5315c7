"""From a run to its program file: both sound alike, bit for bit, from the command line."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import click.testing
import numpy as np
import pytest
import soundfile
import torch
from wavegen_audio.config import AudioConfig
from wavegen_audio.domain import AudioDomain

from wavegen import checkpoint, config
from wavegen.cli import main
from wavegen.models.wavenet import WaveNet
from wavegen.models.wavenet_config import WaveNetConfig
from wavegen.native import library

try:
    library.builds()
except library.NativeUnavailable as error:
    pytest.skip(str(error), allow_module_level=True)

NET = WaveNetConfig(stacks=1, layers=5, residual_channels=16, gate_channels=32, skip_channels=32)
LABELS = ("ann", "bob")


def write_run(folder: Path, **audio: Any) -> Path:
    """A net with random weights at 8 kHz."""
    domain = AudioDomain(AudioConfig(rate_hz=8000, **audio))
    torch.manual_seed(3)
    head = domain.head()
    model = WaveNet(NET, domain.spec(head))
    for weights in model.parameters():
        weights.data.add_(torch.randn_like(weights) * 0.15)
    offer = {"distribution": "wavegen", "version": "0"}
    audio_config = config.to_dict(domain.config)
    values = {
        "model": {"name": "wavenet", "plugin": "models", **offer, "config": config.to_dict(NET)},
        "domain": {"name": "audio", "plugin": "audio", **offer, "config": audio_config},
        "spec": config.to_dict(model.spec),
        "lead_in": model.receptive_field + model.cond_reach,
    }
    modules = torch.nn.ModuleDict({"model": model, "head": head})
    checkpoint.write(folder, 1, config=values, weights=modules.state_dict(), card="a net")
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two speakers."""
    folder = tmp_path_factory.mktemp("runs") / "voices"
    return write_run(folder, label_from="folder", labels=LABELS)


def good(*words: object) -> click.testing.Result:
    result = click.testing.CliRunner().invoke(main, list(map(str, words)))
    assert result.exit_code == 0, result.output
    return result


def bad(*words: object) -> str:
    """The one line of an error."""
    result = click.testing.CliRunner().invoke(main, list(map(str, words)))
    assert result.exit_code == 2, result.output
    (line,) = result.stderr.splitlines()
    return line


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "int8"])
def test_the_program_sounds_as_its_run(precision: str, run: Path, tmp_path: Path) -> None:
    file = tmp_path / "voices.program"
    made = good("program", run, "-o", file, "--precision", precision)
    assert made.stdout == f"{file}\n"
    assert re.fullmatch(rf"[\d,]+ bytes, {precision}, [\d,]+ MACs a step\n", made.stderr)
    for label in LABELS:
        asked = ["-n", 2, "--seed", 5, "--steps", 3000, "--speaker", label, "--top-p", 0.98]
        good("sample", run, "-o", tmp_path / "run.wav", *asked, "--engine", "native",
             "--precision", precision)  # fmt: skip
        good("sample", file, "-o", tmp_path / "program.wav", *asked)
        for i in (1, 2):
            one, other = (tmp_path / f"{name}-{i}.wav" for name in ("run", "program"))
            assert one.read_bytes() == other.read_bytes()


@pytest.mark.parametrize("output", ["logistics", "gaussian"])
def test_real_values_sound_as_their_run(output: str, tmp_path: Path) -> None:
    run, file = write_run(tmp_path / "run", output=output), tmp_path / "a.program"
    good("program", run, "-o", file)
    asked = ["--seed", 5, "--steps", 1000, "--temperature", 0.7]
    good("sample", run, "-o", tmp_path / "run.wav", *asked, "--engine", "native")
    good("sample", file, "-o", tmp_path / "program.wav", *asked)
    assert (tmp_path / "run.wav").read_bytes() == (tmp_path / "program.wav").read_bytes()
    assert len(set(soundfile.read(tmp_path / "run.wav")[0].tolist())) > 100
    message = "top_k, top_p, min_p and typical_p choose among classes, but this program draws real"
    assert message in bad("sample", file, "-o", tmp_path / "x.wav", "--top-k", 3)


def test_a_program_that_follows_a_recording_is_for_other_hosts(tmp_path: Path) -> None:
    mel = {"cond": "mel", "n_mels": 20, "n_fft": 128, "hop": 32}
    run, file = write_run(tmp_path / "run", **mel), tmp_path / "a.program"
    assert json.loads(good("program", run, "-o", file, "--json").stdout)["operations"] > 10
    message = "play the run itself (wavegen sample RUN or wavegen stream RUN)"
    assert message in bad("sample", file, "-o", tmp_path / "x.wav")


def test_a_program_goes_on_from_a_recording(run: Path, tmp_path: Path) -> None:
    """A prime is taken in step by step here and in parallel there: alike, not the same bits."""
    file, prime = tmp_path / "voices.program", tmp_path / "prime.wav"
    good("program", run, "-o", file)
    soundfile.write(prime, 0.3 * np.sin(np.arange(1600) / 5), 16000)
    asked = ["--speaker", "ann", "--prime", prime, "--prime-seconds", 0.08, "--steps", 700]
    good("sample", run, "-o", tmp_path / "run.wav", *asked, "--engine", "native")
    good("sample", file, "-o", tmp_path / "program.wav", *asked)
    one, other = (soundfile.read(tmp_path / f"{name}.wav")[0] for name in ("run", "program"))
    np.testing.assert_array_equal(one[:660], other[:660])


def test_what_is_told_of_a_run(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    values = json.loads(good("program", run, "--json").stdout)
    assert values["file"] == "voices.program"
    assert values["bytes"] == (tmp_path / "voices.program").stat().st_size
    assert values["precision"] == "float32"
    assert values["voices"] == list(LABELS)
    assert "voices       ann, bob" in good("program", run, "--dump").stdout
    out = tmp_path / "out.wav"
    asked = ["sample", run, "-o", out, "--speaker", "bob", "--steps", 10, "--json"]
    told = json.loads(good(*asked).stdout)
    assert (told["engine"], told["engine_note"], told["device"]) == ("native", None, "cpu")
    told = json.loads(good(*asked, "--engine", "torch").stdout)
    assert (told["engine"], told["engine_note"]) == ("torch", None)
