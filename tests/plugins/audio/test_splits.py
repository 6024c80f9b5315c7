"""Which file goes where: by content alone, so that added files move no other."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wavegen_audio.config import AudioConfig
from wavegen_audio.domain import AudioDomain

from wavegen.domain import Corpus
from wavegen.errors import DataError
from wavegen.splitting import assign

digests = st.lists(st.integers(0, 10**9).map(b"%d".__mod__), min_size=1, max_size=300, unique=True)


@given(digests, st.integers(0, 3))
def test_added_files_move_no_other(some: list[bytes], seed: int) -> None:
    """Where chance alone held out a file, the rule for small corpora does not apply."""
    many = [b"other %d" % n for n in range(200)]
    before = assign(many, 10, 10, seed)
    after = assign([*some, *many], 10, 10, seed)
    assert "valid" in before
    assert after[len(some) :] == before


@given(digests, st.integers(0, 3), st.randoms())
def test_the_order_does_not_matter(some: list[bytes], seed: int, random: object) -> None:
    backward = assign(some[::-1], 10, 10, seed)[::-1]
    assert assign(some, 10, 10, seed) == backward


@given(digests, st.floats(0.1, 60), st.floats(0, 39))
def test_two_files_always_train_and_validate(some: list[bytes], valid: float, test: float) -> None:
    places = assign(some, valid, test, 0)
    assert len(places) == len(some)
    if len(some) >= 2:
        assert {"train", "valid"} <= set(places)


def test_shares_are_what_was_asked_for() -> None:
    places = assign([b"%d" % n for n in range(20_000)], 5, 10, 0)
    assert places.count("valid") == pytest.approx(1000, abs=120)
    assert places.count("test") == pytest.approx(2000, abs=160)


def test_another_seed_splits_otherwise() -> None:
    some = [b"%d" % n for n in range(100)]
    assert assign(some, 20, 0, 0) != assign(some, 20, 0, 1)


def files(corpus: Corpus) -> tuple[set[str], set[str], set[str]]:
    names = [{Path(n).name for n in s.names} for s in (corpus.train, corpus.valid, corpus.test)]
    return names[0], names[1], names[2]


def test_a_moved_file_stays_in_its_split(folder: Path, tmp_path: Path) -> None:
    domain = AudioDomain(AudioConfig(rate_hz=8000, valid_percent=30, test_percent=20))
    before = files(domain.prepare([str(folder)], tmp_path / "cache"))
    assert all(before)
    folder.rename(tmp_path / "moved")
    assert files(domain.prepare([str(tmp_path / "moved")], tmp_path / "cache")) == before


def test_named_files_are_held_out(folder: Path, tmp_path: Path) -> None:
    domain = AudioDomain(AudioConfig(rate_hz=8000))
    (tmp_path / "held.txt").write_text("sounds/03.wav\nsounds/07.wav\n")
    valid, test = [str(tmp_path / "held.txt")], [str(folder / "05.wav")]
    corpus = domain.prepare([str(folder)], tmp_path / "cache", valid=valid, test=test)
    train = {f"{n:02}.wav" for n in range(12)} - {"03.wav", "05.wav", "07.wav"}
    assert files(corpus) == (train, {"03.wav", "07.wav"}, {"05.wav"})
    assert corpus.report["files"] == {"found": 12, "kept": 12, "dropped": 0}
    assert corpus.report["notes"] == ["3 files are held out by name and left out of training"]


def test_a_copy_of_a_named_file_is_held_out_too(folder: Path, tmp_path: Path) -> None:
    (folder / "copy.wav").write_bytes((folder / "03.wav").read_bytes())
    domain = AudioDomain(AudioConfig(rate_hz=8000))
    corpus = domain.prepare([str(folder)], tmp_path / "cache", valid=[str(folder / "03.wav")])
    train, valid, _ = files(corpus)
    assert valid == {"03.wav"}
    assert not train & {"03.wav", "copy.wav"}


def test_only_test_named_leaves_validation_to_chance(folder: Path, tmp_path: Path) -> None:
    domain = AudioDomain(AudioConfig(rate_hz=8000))
    corpus = domain.prepare([str(folder)], tmp_path / "cache", test=[str(folder / "03.wav")])
    train, valid, test = files(corpus)
    assert test == {"03.wav"}
    assert valid
    assert train | valid | test == {f"{n:02}.wav" for n in range(12)}


def test_all_held_out_leaves_nothing_to_train_on(folder: Path, tmp_path: Path) -> None:
    domain = AudioDomain(AudioConfig(rate_hz=8000))
    with pytest.raises(DataError, match="no file is left for the train split"):
        domain.prepare([str(folder)], tmp_path / "cache", valid=[str(folder)])


def test_a_named_split_must_be_usable(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.wav").write_text("no sound")
    domain = AudioDomain(AudioConfig(rate_hz=8000))
    with pytest.raises(DataError, match="no usable file is left for the valid split"):
        domain.prepare([str(folder)], tmp_path / "cache", valid=[str(tmp_path / "bad.wav")])
