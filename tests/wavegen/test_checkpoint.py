"""Checkpoints: whole or not at all, and nothing in them is believed before it was checked."""

from __future__ import annotations

import hashlib
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wavegen import checkpoint
from wavegen.errors import CheckpointError

CONFIG = {"lead_in": 3, "trained": {"steps": 7}}


def write(run: Path, step: int = 1000, value: float = 1.0, **changes: object) -> Path:
    given: dict[str, object] = {
        "config": CONFIG,
        "weights": {"model.w": torch.full((64, 3), value), "head.b": torch.arange(4)},
        "card": "# A model\n",
        "training": {"adam": torch.full((64, 3), -value)},
        "training_state": {"step": step},
    }
    return checkpoint.write(run, step, **{**given, **changes})


def rewrite_manifest(folder: Path, change: Callable[[dict], None]) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    change(manifest)
    (folder / "manifest.json").write_text(json.dumps(manifest))


def fix_manifest(folder: Path, name: str) -> None:
    """What a forger does: make the manifest agree with a changed file."""
    content = (folder / name).read_bytes()
    entry = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    rewrite_manifest(folder, lambda manifest: manifest["files"].update({name: entry}))


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = write(tmp_path)
    for place in (tmp_path, path):
        found = checkpoint.read(place)
        assert found.path == path
        assert found.config["trained"] == {"steps": 7}
        assert found.config["format"] == checkpoint.FORMAT
        assert torch.equal(found.weights()["model.w"], torch.ones(64, 3))
        assert torch.equal(found.training()["adam"], -torch.ones(64, 3))
        assert found.training_state() == {"step": 1000}
    assert (path / "README.md").read_text() == "# A model\n"


def test_a_copy_loads_by_itself_also_without_its_training(tmp_path: Path) -> None:
    copy = shutil.copytree(write(tmp_path / "run"), tmp_path / "elsewhere")
    shutil.rmtree(tmp_path / "run")
    assert checkpoint.read(copy).has_training
    shutil.rmtree(copy / "training")
    found = checkpoint.read(copy)
    assert len(found.weights()) == 2
    with pytest.raises(CheckpointError, match="no training state; it can be played"):
        found.training()


def test_tied_and_strided_weights_are_written(tmp_path: Path) -> None:
    w = torch.randn(3, 5).t()
    path = write(tmp_path, weights={"model.a": w, "model.b": w})
    assert torch.equal(checkpoint.read(path).weights()["model.b"], w)


def test_the_last_ones_are_kept(tmp_path: Path) -> None:
    for step in (5, 10, 20, 123_456_789):
        write(tmp_path, step, keep=3)
    names = [path.name for path in checkpoint.checkpoints(tmp_path)]
    assert names == ["step-00000010", "step-00000020", "step-123456789"]


def test_the_same_step_again_replaces_nothing_until_it_is_safe(tmp_path: Path) -> None:
    first = write(tmp_path, 5, value=1.0)
    second = write(tmp_path, 5, value=2.0)
    assert first != second
    assert first.exists()
    assert checkpoint.read(tmp_path).weights()["model.w"][0, 0] == 2
    for value in range(3, 14):
        write(tmp_path, 5, value=float(value))
    assert checkpoint.read(tmp_path).weights()["model.w"][0, 0] == 13


def test_a_run_does_not_go_backwards(tmp_path: Path) -> None:
    write(tmp_path, 2000)
    with pytest.raises(CheckpointError, match="is newer than the step 1000"):
        write(tmp_path, 1000)


def test_leftovers_of_killed_writers_are_swept_and_never_read(tmp_path: Path) -> None:
    write(tmp_path, 1)
    stale = tmp_path / "checkpoints" / ".unfinished-1-step-00000002"
    stale.mkdir()
    (stale / "config.json").write_text("{")
    assert checkpoint.read(tmp_path).path.name == "step-00000001"
    write(tmp_path, 3)
    assert not stale.exists()


@pytest.mark.parametrize(
    "name",
    ["config.json", "model.safetensors", "README.md", "training/tensors.safetensors"],
)
def test_a_flipped_bit_and_a_cut_are_noticed_in_every_file(tmp_path: Path, name: str) -> None:
    good = write(tmp_path, 1)
    path = write(tmp_path, 2)
    whole = (path / name).read_bytes()
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 4
    (path / name).write_bytes(flipped)
    with pytest.raises(CheckpointError) as caught:
        checkpoint.read(tmp_path)
    assert str(caught.value) == (
        f"{path / name}: is damaged, its sha256 is not the one in manifest.json; use {good} instead"
    )
    (path / name).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CheckpointError, match=f"instead of {len(whole)}; it was cut; use {good}"):
        checkpoint.read(tmp_path)
    (path / name).unlink()
    with pytest.raises(CheckpointError, match=f"missing or no plain file.*; use {good} instead"):
        checkpoint.read(tmp_path)


def test_nothing_whole_is_left(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no checkpoint here; give the folder of a run"):
        checkpoint.read(tmp_path / "nowhere")
    (write(tmp_path) / "config.json").write_text("{}")
    with pytest.raises(CheckpointError, match=r"it was cut; no earlier checkpoint is whole"):
        checkpoint.read(tmp_path)


@pytest.mark.parametrize("name", ["../../secret", "/etc/hostname", "weights.pkl", "training/../x"])
def test_a_manifest_cannot_point_elsewhere(tmp_path: Path, name: str) -> None:
    path = write(tmp_path)
    rewrite_manifest(path, lambda m: m["files"].update({name: {"bytes": 1, "sha256": ""}}))
    with pytest.raises(CheckpointError, match="which is no part of a checkpoint"):
        checkpoint.read(path)


@pytest.mark.parametrize("name", ["config.json", "training"])
def test_links_are_refused(tmp_path: Path, name: str) -> None:
    path = write(tmp_path)
    shutil.move(path / name, tmp_path / "outside")
    (path / name).symlink_to(tmp_path / "outside")
    with pytest.raises(CheckpointError, match="is missing or no plain file"):
        checkpoint.read(path)


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"\xff" * 8,
        (2**62).to_bytes(8, "little") + b"{}",
        (9).to_bytes(8, "little") + b"{not json",
    ],
)
def test_forged_weights_give_one_line(tmp_path: Path, header: bytes) -> None:
    path = write(tmp_path)
    (path / "model.safetensors").write_bytes(header)
    fix_manifest(path, "model.safetensors")
    found = checkpoint.read(path)
    with pytest.raises(CheckpointError, match=r"model\.safetensors: is damaged") as caught:
        found.weights()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[]", "holds a list instead of named values"),
        (b"{", "is damaged"),
        (b"\xff\xfe", "is damaged"),
        (b"[" * 200_000, "is damaged"),
        (b" " * (2**24 + 1), "is larger than"),
    ],
)
@pytest.mark.parametrize("name", ["config.json", "manifest.json"])
def test_forged_json_gives_one_line(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    path = write(tmp_path)
    (path / name).write_bytes(content)
    if name != "manifest.json":
        fix_manifest(path, name)
    with pytest.raises(CheckpointError, match=message):
        checkpoint.read(path)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    manifest=st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["files", "bytes", "sha256", "config.json", "model.safetensors"]),
                inner,
            )
        ),
    )
)
def test_any_manifest_gives_a_checkpoint_or_one_line(tmp_path: Path, manifest: object) -> None:
    path = tmp_path / "checkpoints" / "step-00000001"
    path = path if path.exists() else write(tmp_path, 1)
    loose = manifest if isinstance(manifest, dict) else {"files": manifest}
    (path / "manifest.json").write_text(json.dumps({"format": checkpoint.FORMAT, **loose}))
    with pytest.raises(CheckpointError):
        checkpoint.read(path)


def test_a_format_of_the_future_says_update(tmp_path: Path) -> None:
    path = write(tmp_path)
    rewrite_manifest(path, lambda manifest: manifest.update(format=2))
    with pytest.raises(CheckpointError, match=r"has format 2, .* reads 1; update wavegen"):
        checkpoint.read(path)


WRITER = """
import sys, torch
from pathlib import Path
from wavegen import checkpoint
torch.set_num_threads(1)
for step in range(int(sys.argv[2]), 100_000):
    weights = {f"model.{i}": torch.full((40_000,), float(step)) for i in range(4)}
    checkpoint.write(Path(sys.argv[1]), step, config={"step": step}, weights=weights, card="",
                     training={"adam": weights["model.0"]}, training_state={"step": step})
    print(step, flush=True)
"""


def test_a_kill_at_any_moment_leaves_the_last_good_one(tmp_path: Path) -> None:
    chance = random.Random(0)
    last = 0
    for _ in range(4):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, tmp_path, str(last + 1)],
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            last = int(process.stdout.readline())  # the first one is safe
            time.sleep(chance.uniform(0, 0.08))
            process.send_signal(signal.SIGKILL)
            last = max([last, *map(int, process.stdout.read().split())])
        found = checkpoint.read(tmp_path)
        assert found.config["step"] in (last, last + 1)  # it may die before it says so
        assert all((w == found.config["step"]).all() for w in found.weights().values())
        assert found.training_state() == {"step": found.config["step"]}
        last = found.config["step"]


def assert_a_full_disk_loses_nothing(run: Path, good: Path) -> None:
    with pytest.raises(CheckpointError) as caught:
        write(run, 2, weights={"model.w": torch.zeros(1_000_000)})
    message = str(caught.value)
    assert "cannot save (" in message
    assert f"the last good one is {good}; free space" in message
    assert "\n" not in message
    assert [path.name for path in good.parent.iterdir()] == [good.name]
    assert checkpoint.read(run).path == good


def test_a_full_disk_loses_nothing(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "none", str(run)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("needs the right to mount a small disk; see the next test")
    try:
        assert_a_full_disk_loses_nothing(run, write(run, 1))
    finally:
        subprocess.run(["umount", str(run)], check=True)


def test_a_file_too_large_to_write_loses_nothing(tmp_path: Path) -> None:
    good = write(tmp_path, 1)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        assert_a_full_disk_loses_nothing(tmp_path, good)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_folder_that_cannot_be_made_says_so(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("a file")
    with pytest.raises(CheckpointError, match=r"cannot save \(Not a directory\); there is no earl"):
        write(tmp_path / "run")
