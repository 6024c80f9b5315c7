"""What plays a program plays as the domain does, without torch; files go out by their endings."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from wavegen_chorales.config import ChoralesConfig
from wavegen_chorales.domain import ChoralesDomain
from wavegen_chorales.grid import ChoraleGrid
from wavegen_chorales.music21_corpus import corpus_files
from wavegen_chorales.player import ChoralesPlayer

from wavegen.errors import DataError

Make = Callable[[int, int], ChoraleGrid]


def test_the_plugin_and_its_player_import_no_torch(tmp_path: Path) -> None:
    code = (
        "import sys, wavegen_chorales, numpy; print('numpy' in sys.modules)\n"
        "from pathlib import Path\n"
        "from wavegen_chorales.player import ChoralesPlayer\n"
        "from wavegen_chorales.config import ChoralesConfig\n"
        "player = ChoralesPlayer(ChoralesConfig())\n"
        "x = numpy.random.default_rng(0).integers(93, size=(40, 4))\n"
        f"path = Path({str(tmp_path / 'a.mid')!r})\n"
        "player.save(player.decode(x), path)\n"
        "assert (player.encode(player.load(path)) == player.encode(player.decode(x))).all()\n"
        "player.stream_format().pack(player.decoder().push(x))\n"
        "print(sorted({'torch', 'music21', 'matplotlib'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_player_and_domain_agree(piece: Make) -> None:
    for config in (ChoralesConfig(), ChoralesConfig(holds=False, conditions=())):
        player, domain = ChoralesPlayer(config), ChoralesDomain(config)
        assert player.rate_hz == domain.rate_hz == 4.8
        assert player.suffixes == domain.suffixes
        assert player.event_shape == domain.head().event_shape
        assert player.n_classes == domain.head().n_classes
        x = player.encode(piece(60, 4))
        assert np.array_equal(x, domain.encode(piece(60, 4)))
        assert player.decode(x) == domain.decode(torch.from_numpy(x))


@pytest.mark.parametrize("ending", [".midi", ".MID", ".csv"])
def test_pieces_go_out_by_their_ending(ending: str, piece: Make, tmp_path: Path) -> None:
    player = ChoralesPlayer(ChoralesConfig(holds=False))
    grid, path = player.decode(player.encode(piece(40, 1))), tmp_path / f"a{ending}"
    player.save(grid, path)
    assert np.array_equal(player.load(path).pitch, grid.pitch)


def test_what_cannot_be_written(piece: Make, tmp_path: Path) -> None:
    player = ChoralesPlayer(ChoralesConfig())
    with pytest.raises(DataError, match=r"a\.doc: cannot write '\.doc'; use \.mid"):
        player.save(piece(9, 0), tmp_path / "a.doc")
    with pytest.raises(DataError, match=r"none/a\.mid: .*choose another place"):
        player.save(piece(9, 0), tmp_path / "none" / "a.mid")


def test_metrics_of_silence_and_of_music(piece: Make) -> None:
    domain = ChoralesDomain(ChoralesConfig())
    silence = domain.start.expand(30, 4)
    assert domain.metrics([silence]) == {"mean_steps": 30.0}
    music = domain.encode(piece(50, 0))
    both = domain.metrics([silence, music])
    assert both == {**domain.metrics([music]), "mean_steps": 40.0}
    assert both["crossing_pct"] > 0


@pytest.mark.slow
def test_the_music21_corpus(tmp_path: Path) -> None:
    pytest.importorskip("music21", reason="the corpus comes with music21")
    assert len(list(corpus_files())) == 387
    corpus = ChoralesDomain(ChoralesConfig()).prepare(["music21"], tmp_path)
    pieces = corpus.report["pieces"]
    counts = [sum(p["split"] == s for p in pieces) for s in ("train", "valid", "test")]
    assert counts == [230, 75, 78]  # a few are in five parts or more
    assert corpus.report["steps"] == {"train": 50_620, "valid": 16_580, "test": 17_440}
