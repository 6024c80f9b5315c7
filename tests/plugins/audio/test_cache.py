"""The cache: prepared once, re-used, shared by processes, and never garbage."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from wavegen_audio import cache as caching
from wavegen_audio.cache import Cache, Facts
from wavegen_audio.config import AudioConfig
from wavegen_audio.domain import AudioDomain

from wavegen.errors import DataError


@pytest.fixture
def domain() -> AudioDomain:
    return AudioDomain(AudioConfig(rate_hz=8000))


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that are opened as sound."""
    opened = list[str]()
    init = soundfile.SoundFile.__init__

    def spy(self: soundfile.SoundFile, file: Any, *args: Any, **kwargs: Any) -> None:
        opened.append(Path(file).name)
        init(self, file, *args, **kwargs)

    monkeypatch.setattr(soundfile.SoundFile, "__init__", spy)
    return opened


def contents(domain: AudioDomain, folder: Path, cache: Path) -> dict[str, torch.Tensor]:
    corpus = domain.prepare([str(folder)], cache)
    return {
        name: split.read(index, 0, int(split.lengths[index]))[0]
        for split in (corpus.train, corpus.valid, corpus.test)
        for index, name in enumerate(split.names)
    }


def equal(some: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return some.keys() == other.keys() and all(torch.equal(some[n], other[n]) for n in some)


def test_nothing_is_prepared_twice(
    domain: AudioDomain, folder: Path, tmp_path: Path, decoded: list[str]
) -> None:
    first = contents(domain, folder, tmp_path / "cache")
    assert len(decoded) == 12
    assert equal(contents(domain, folder, tmp_path / "cache"), first)
    assert len(decoded) == 12
    soundfile.write(folder / "new.wav", np.zeros(500), 8000)
    decoded.clear()
    more = contents(domain, folder, tmp_path / "cache")
    assert decoded == ["new.wav"]
    assert len(more) == 13


def test_content_decides_not_the_name(
    domain: AudioDomain, folder: Path, tmp_path: Path, decoded: list[str]
) -> None:
    contents(domain, folder, tmp_path / "cache")
    old = (folder / "03.wav").stat()
    sound = np.full(1250, 0.25)
    soundfile.write(folder / "03.wav", sound, 8000)
    os.utime(folder / "03.wav", ns=(old.st_atime_ns, old.st_mtime_ns))
    (folder / "04.wav").rename(folder / "renamed.wav")
    decoded.clear()
    after = contents(domain, folder, tmp_path / "cache")
    assert decoded == ["03.wav"]
    expected = domain.encode(sound.astype(np.float32))
    assert torch.equal(after[str(folder / "03.wav")], expected)


def test_other_settings_are_another_cache(folder: Path, tmp_path: Path) -> None:
    for config in (
        AudioConfig(rate_hz=8000),
        AudioConfig(rate_hz=8000, normalise="peak"),
        AudioConfig(rate_hz=8000, output="gaussian"),
        AudioConfig(rate_hz=4000),
    ):
        domain = AudioDomain(config)
        for name, x in contents(domain, folder, tmp_path / "cache").items():
            assert torch.equal(x, domain.encode(domain.load(Path(name))))
    assert len(list((tmp_path / "cache").iterdir())) == 4


def test_settings_that_do_not_touch_the_samples_share_it(
    folder: Path, tmp_path: Path, decoded: list[str]
) -> None:
    contents(AudioDomain(AudioConfig(rate_hz=8000)), folder, tmp_path / "cache")
    decoded.clear()
    config = AudioConfig(rate_hz=8000, split_seed=1, valid_percent=30, label_from="folder")
    contents(AudioDomain(config), folder, tmp_path / "cache")
    assert decoded == []


@pytest.mark.parametrize("ending", ["json", "pack"])
@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "grow", "remove"])
def test_a_damaged_pack_is_prepared_again(
    domain: AudioDomain, folder: Path, tmp_path: Path, ending: str, damage: str
) -> None:
    good = contents(domain, folder, tmp_path / "cache")
    (file,) = (tmp_path / "cache").rglob(f"*.{ending}")
    content = bytearray(file.read_bytes())
    if damage == "flip":
        content[len(content) // 2] ^= 1
    elif damage == "cut":
        del content[len(content) // 2 :]
    elif damage == "empty":
        content.clear()
    else:
        content += b" "
    # A new file: the old one is still mapped by `good`'s split where it was not yet collected.
    file.unlink()
    if damage != "remove":
        file.write_bytes(content)
    assert equal(contents(domain, folder, tmp_path / "cache"), good)
    assert equal(contents(domain, folder, tmp_path / "cache"), good)


def test_two_that_prepare_at_once(domain: AudioDomain, folder: Path, tmp_path: Path) -> None:
    good = contents(domain, folder, tmp_path / "alone")
    results = list[dict[str, torch.Tensor]]()
    start = threading.Barrier(3)

    def prepare() -> None:
        start.wait()
        results.append(contents(domain, folder, tmp_path / "cache"))

    threads = [threading.Thread(target=prepare) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 3
    assert all(equal(result, good) for result in results)
    assert not list((tmp_path / "cache").rglob("*.tmp"))


def test_packs_are_closed_when_full(
    domain: AudioDomain, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = contents(domain, folder, tmp_path / "one")
    monkeypatch.setattr(caching, "PACK_BYTES", 5000)
    assert equal(contents(domain, folder, tmp_path / "many"), good)
    packs = list((tmp_path / "many").rglob("*.pack"))
    assert 3 <= len(packs) <= 6
    assert all(pack.stat().st_size < 5000 + 2500 for pack in packs)


def facts(length: int) -> Facts:
    return Facts(length, 1.0, 1.0, 8000, 1)


def test_what_was_complete_survives_a_failure(tmp_path: Path) -> None:
    """As when Ctrl-C is pressed in the middle of the second of two recordings."""
    samples = np.arange(100, dtype=np.uint8)

    def interrupted() -> Any:
        yield samples
        raise KeyboardInterrupt

    cache = Cache(tmp_path, np.dtype(np.uint8), 0)
    with pytest.raises(KeyboardInterrupt), cache.writer() as writer:  # noqa: PT012
        writer.add("whole", facts(100), [samples[:30], samples[30:]], [])
        writer.add("half", facts(200), interrupted(), [])
    again = Cache(tmp_path, np.dtype(np.uint8), 0)
    assert "half" not in again
    assert np.array_equal(again["whole"].samples, samples)
    assert not list(tmp_path.glob("*.tmp"))


def test_a_full_disk_is_one_line_and_leaves_nothing_half(tmp_path: Path) -> None:
    samples = np.arange(100, dtype=np.uint8)

    def full() -> Any:
        yield samples
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    cache = Cache(tmp_path, np.dtype(np.uint8), 0)
    with cache.writer() as writer:
        writer.add("before", facts(100), [samples], [])
    message = r"cannot use the cache \(No space left on device\); free"
    with pytest.raises(DataError, match=message), cache.writer() as writer:  # noqa: PT012
        writer.add("whole", facts(100), [samples], [])
        writer.add("half", facts(200), full(), [])
    assert not list(tmp_path.glob("*.tmp"))
    assert np.array_equal(Cache(tmp_path, np.dtype(np.uint8), 0)["before"].samples, samples)


def test_samples_and_frames_come_back(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    cache = Cache(tmp_path, np.dtype(np.float32), 3)
    stored = {}
    with cache.writer() as writer:
        for n in (1, 7, 64):
            samples = rng.normal(size=n).astype(np.float32)
            frames = rng.normal(size=(n + 1, 3)).astype(np.float32)
            writer.add(str(n), facts(n), [samples], [frames[:1], frames[1:]])
            stored[str(n)] = samples, frames
    for digest, (samples, frames) in stored.items():
        found = Cache(tmp_path, np.dtype(np.float32), 3)[digest]
        assert np.array_equal(found.samples, samples)
        assert found.frames is not None
        assert np.array_equal(found.frames, frames)
        assert found.facts == facts(int(digest))


def test_leftovers_of_a_kill_are_swept_after_a_day(tmp_path: Path) -> None:
    old, new = tmp_path / "old.tmp", tmp_path / "new.tmp"
    lost = tmp_path / "lost.pack"
    for file in (old, new, lost):
        file.touch()
    for file in (old, lost):
        os.utime(file, (0, 0))
    Cache(tmp_path, np.dtype(np.uint8), 0)
    assert (old.exists(), new.exists(), lost.exists()) == (False, True, False)


def test_a_cache_that_cannot_be_written(domain: AudioDomain, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=r"cannot use the cache .* free space or choose another"):
        domain.prepare([str(folder)], tmp_path / "file" / "cache")
