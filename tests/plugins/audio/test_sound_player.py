"""What the audio domain does without PyTorch is what it does with it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from wavegen_audio.config import AudioConfig
from wavegen_audio.domain import AudioDomain
from wavegen_audio.player import AudioPlayer

CONFIGS = {
    "mulaw": AudioConfig(rate_hz=8000),
    "1024 codes": AudioConfig(rate_hz=8000, classes=1024),
    "logistics": AudioConfig(rate_hz=8000, output="logistics"),
    "gaussian": AudioConfig(rate_hz=8000, output="gaussian", normalise="peak", trim_dbfs=-45),
}


@pytest.mark.parametrize("name", CONFIGS)
def test_it_is_the_domain_in_numpy(name: str, tmp_path: Path) -> None:
    config = CONFIGS[name]
    player, domain = AudioPlayer(config), AudioDomain(config)
    head = domain.head()
    assert player.n_classes == head.n_classes
    assert player.event_shape == head.event_shape
    assert (player.rate_hz, player.suffixes) == (domain.rate_hz, domain.suffixes)
    path = tmp_path / "sound.wav"
    soundfile.write(path, 0.4 * np.sin(np.arange(3000) / 7), 16_000)
    raw = player.load(path)
    np.testing.assert_array_equal(raw, domain.load(path))
    symbols = player.encode(raw)
    assert torch.equal(torch.from_numpy(symbols), domain.encode(raw))
    np.testing.assert_array_equal(player.decode(symbols), domain.decode(torch.from_numpy(symbols)))
    decoder = player.decoder()
    pieces = [decoder.push(symbols[:7]), decoder.push(symbols[7:]), decoder.finish()]
    np.testing.assert_array_equal(np.concatenate(pieces), player.decode(symbols))
    assert player.stream_format().header == domain.stream_format().header


def test_it_imports_no_torch() -> None:
    code = "import sys, wavegen_audio.player, wavegen_audio.treatment, wavegen_audio.writing\n"
    code += "sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
