"""From what the user names to three splits: folders, archives, CSV, MusicXML, and hostile files."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from wavegen_chorales import archive
from wavegen_chorales.config import ChoralesConfig
from wavegen_chorales.csv_files import csv_bytes, read_csv
from wavegen_chorales.domain import ChoralesDomain
from wavegen_chorales.grid import ChoraleGrid, Key
from wavegen_chorales.midi_writing import midi_bytes
from wavegen_chorales.splits import Piece, transpositions, untransposed
from wavegen_chorales.tune import load_tune

from wavegen.errors import DataError
from wavegen.splitting import assign

Make = Callable[[int, int], ChoraleGrid]
JSB = Path(__file__).parents[4] / "shared" / "data" / "jsb_chorales.tgz"


def packed(files: Mapping[str, bytes]) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return content.getvalue()


@pytest.fixture
def domain() -> ChoralesDomain:
    return ChoralesDomain(ChoralesConfig())


def test_the_jsb_chorales(domain: ChoralesDomain, tmp_path: Path) -> None:
    if not JSB.exists():
        pytest.skip("the JSB chorales are not here")
    corpus = domain.prepare([str(JSB)], tmp_path)
    splits = (corpus.train, corpus.valid, corpus.test)
    pieces = corpus.report["pieces"]
    counts = [sum(p["split"] == s for p in pieces) for s in ("train", "valid", "test")]
    assert counts == [229, 76, 77]
    assert corpus.report["steps"] == {"train": 55_228, "valid": 18_408, "test": 18_900}
    assert [int(split.lengths.sum()) for split in splits[1:]] == [18_408, 18_900]
    assert len(corpus.train.names) == 1_692  # with every transposition that can be sung
    assert all(len(p["sha256"]) == 64 for p in pieces)
    assert "382 pieces say no key" in corpus.report["notes"][1]


def test_a_folder_is_split_by_its_notes(
    domain: ChoralesDomain, piece: Make, tmp_path: Path
) -> None:
    home = tmp_path / "pieces"
    (home / "deep").mkdir(parents=True)
    for seed in range(30):
        (home / "deep" / f"{seed}.MID").write_bytes(midi_bytes(piece(40, seed)))
    (home / "copy.mid").write_bytes(midi_bytes(piece(40, 0)))
    (home / "few.mid").write_bytes(b"MThd")
    (home / "._0.mid").write_bytes(b"a Mac was here")
    first = domain.prepare([str(home)], tmp_path).report
    placed = {Path(p["name"]).name: p["split"] for p in first["pieces"]}
    assert len(placed) == 30
    assert {"train", "valid"} <= set(placed.values())
    whys = {Path(d["name"]).name: d["why"] for d in first["dropped"]}
    assert whys.keys() == {"0.MID", "few.mid"}
    assert whys["0.MID"].startswith("the same content as")
    assert whys["few.mid"].startswith("ends in the middle")
    assert any("few.mid" in line for line in first["notes"])
    again = domain.prepare([str(home / "deep" / "*.MID")], tmp_path).report["pieces"]
    moved = {Path(p["name"]).name: p["split"] for p in again if Path(p["name"]).name in placed}
    assert all(placed.get(name, split) == split for name, split in moved.items())


def test_the_split_hears_notes_not_keys(piece: Make) -> None:
    grids = [piece(40, seed) for seed in range(40)]
    own = [untransposed(grid) for grid in grids]
    splits = assign(own, 20, 20, seed=0)
    moved = [untransposed(grid.transposed(2)) for grid in grids]
    assert assign(moved, 20, 20, seed=0) == splits
    assert assign(own, 20, 20, seed=1) != splits
    assert assign(own[:2], 0.001, 0, seed=0).count("valid") == 1
    assert assign(own[:1], 0.001, 0, seed=0) == ["train"]


def test_folders_called_train_valid_test_are_kept(
    domain: ChoralesDomain, piece: Make, tmp_path: Path
) -> None:
    files = {
        f"data/{split}/{seed}.csv": csv_bytes(piece(20, seed))
        for seed, split in enumerate(("train", "train", "valid", "test", "test"))
    }
    path = tmp_path / "set.tar.gz"
    path.write_bytes(packed(files))
    report = domain.prepare([str(path)], tmp_path).report
    assert {p["name"]: p["split"] for p in report["pieces"]} == {
        f"set.tar.gz/{name}": name.split("/")[1] for name in files
    }
    with tarfile.open(path) as tar:
        tar.extractall(tmp_path / "out", filter="data")
    unpacked = domain.prepare([str(tmp_path / "out")], tmp_path).report
    assert [p["split"] for p in unpacked["pieces"]] == [p["split"] for p in report["pieces"]]


def test_named_splits_come_first(domain: ChoralesDomain, piece: Make, tmp_path: Path) -> None:
    for seed in range(8):
        (tmp_path / f"{seed}.mid").write_bytes(midi_bytes(piece(20, seed)))
    corpus = domain.prepare(
        [str(tmp_path)], tmp_path, valid=[str(tmp_path / "3.mid")], test=[str(tmp_path / "4.mid")]
    )
    assert [Path(n).name for n in corpus.valid.names] == ["3.mid"]
    assert [Path(n).name for n in corpus.test.names] == ["4.mid"]
    trained = {Path(name.split(" ")[0]).name for name in corpus.train.names}
    assert trained == {f"{seed}.mid" for seed in (0, 1, 2, 5, 6, 7)}


def test_every_transposition_in_range_moves_notes_and_key() -> None:
    low = ChoraleGrid.of([[60, 55, 50, 40]] * 2)
    high = replace(ChoraleGrid.of([[67, 60, 55, 45], [67, -1, 55, 45]]), key=Key(0, "major"))
    variants = transpositions([Piece("low", low), Piece("high", high)])
    assert [v.name for v in variants] == [
        *("low", *(f"low {k:+d}" for k in range(1, 6))),
        *(f"high {k:+d}" for k in range(-5, 0)),
        "high",
    ]
    moved = {v.name: v.grid for v in variants}
    assert moved["low +3"].pitch[0].tolist() == [63, 58, 53, 43]
    assert moved["high -5"].pitch[0].tolist() == [62, 55, 50, 40]
    assert moved["high -5"].pitch[1, 1] == -1
    assert moved["high -5"].key == Key(1, "major")


def test_an_empty_source_is_refused(domain: ChoralesDomain, tmp_path: Path) -> None:
    (tmp_path / "few.mid").write_bytes(b"MThd")
    for source, message in {
        str(tmp_path / "none*"): "no pieces in it",
        str(tmp_path / "none"): "does not exist",
        str(tmp_path): "no usable pieces for train; .*few.mid: ends in the middle",
    }.items():
        with pytest.raises(DataError, match=message):
            domain.prepare([source], tmp_path)


def test_csv(piece: Make) -> None:
    grid = piece(30, 1)
    back = read_csv(csv_bytes(grid), "a.csv").grid
    assert np.array_equal(back.pitch, grid.pitch)
    assert back.source == "a.csv"
    assert read_csv(b"\xef\xbb\xbfx,note0,note1,note2,note3\r\n9,74,70,65,0\r\n", "b").grid.pitch[
        0
    ].tolist() == [74, 70, 65, -1]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"note0,note1,note2\n1,2,3\n", "no column note3"),
        (b"", "no column note0"),
        (b"note0,note1,note2,note3\n", "has 0 rows"),
        (b"note0,note1,note2,note3\n60,60,60\n", "line 2: None is no MIDI number"),
        (b"note0,note1,note2,note3,note4\n60,60,60,60,60\n", "has a fifth voice, note4; a cho"),
        (b"note0,note1,note2,note3\n60,60,60,-1\n", "line 2: '-1' is no MIDI number"),
        (b"note0,note1,note2,note3\n60,60,60,1e2\n", "line 2: '1e2'"),
        (b"note0,note1,note2,note3\n60,60,60,128\n", "line 2: '128'"),
        (b"note0,note1,note2,note3\n" + b"1,1,1,1\n" * 65_537, "has 65537 rows"),
        (b"\xff\xfe\x00", "not a CSV table"),
    ],
)
def test_bad_csv(content: bytes, message: str) -> None:
    with pytest.raises(DataError, match=f"^bad.csv.*{message}") as caught:
        read_csv(content, "bad.csv")
    assert "\n" not in str(caught.value)


def test_hostile_archives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.tgz"
    path.write_bytes(packed({"../../evil.csv": b"1", "/etc/a.csv": b"2", ".b.csv": b"3"}))
    assert [c for _, c in archive.members(path, (".csv",))] == [b"1", b"2"]
    assert {p.name for p in tmp_path.iterdir()} == {"x.tgz"}
    link = tarfile.TarInfo("link.csv")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    with tarfile.open(path, "w:gz") as tar:
        tar.addfile(link)
    assert list(archive.members(path, (".csv",))) == []
    cut = packed({"a.csv": bytes(range(256)) * 99})
    for content in (b"no archive", gzip.compress(b"no tar" * 999), cut[:-40], b""):
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"x.tgz: not a readable .tgz") as caught:
            list(archive.members(path, (".csv",)))
        assert "\n" not in str(caught.value)
    monkeypatch.setattr(archive, "MAX_BYTES", 100_000)
    path.write_bytes(packed({"bomb.bin": bytes(200_000), "a.csv": b"1"}))
    with pytest.raises(DataError, match="unpacks to more than"):
        list(archive.members(path, (".csv",)))
    monkeypatch.setattr(archive, "MAX_MEMBERS", 3)
    path.write_bytes(packed({f"{n}.csv": b"1" for n in range(4)}))
    with pytest.raises(DataError, match="more than 3 files"):
        list(archive.members(path, (".csv",)))


def test_tunes_from_csv(tmp_path: Path) -> None:
    path = tmp_path / "tune.csv"
    path.write_bytes(b"note0\n60\n60\n0\n62\n")
    grid = load_tune(path).grid
    assert grid.pitch[:, 0].tolist() == [60, 60, -1, 62]
    assert grid.attack[:, 0].tolist() == [True, False, False, True]
    assert (grid.pitch[:, 1:] == -1).all()
    path.write_bytes(b"note0\n0\n")
    with pytest.raises(DataError, match="no notes"):
        load_tune(path)
    with pytest.raises(DataError, match=r"cannot read '\.doc'"):
        load_tune(tmp_path / "tune.doc")


def note(pitch: str, quarters: int, inside: str = "", after: str = "") -> str:
    step, octave = pitch[0], pitch[-1]
    alter = "<alter>1</alter>" if "#" in pitch else ""
    return (
        f"<note><pitch><step>{step}</step>{alter}<octave>{octave}</octave></pitch>"
        f"<duration>{quarters}</duration>{inside}{after}</note>"
    )


TIE = {
    "start": ('<tie type="start"/>', '<notations><tied type="start"/></notations>'),
    "stop": ('<tie type="stop"/>', '<notations><tied type="stop"/></notations>'),
}


def score(names: tuple[str, ...]) -> bytes:
    """A pickup and two bars of 3/4 in D major; a tie over the bar, a fermata at the end."""
    listed = "".join(
        f'<score-part id="P{n}"><part-name>{name}</part-name></score-part>'
        for n, name in enumerate(names)
    )
    first = (
        "<attributes><divisions>1</divisions><key><fifths>2</fifths><mode>major</mode></key>"
        "<time><beats>3</beats><beat-type>4</beat-type></time></attributes>"
    )
    fermata = "<notations><fermata/></notations>"
    parts = "".join(
        f'<part id="P{n}"><measure number="0" implicit="yes">{first}{note(f"A{5 - n}", 1)}'
        f'</measure><measure number="1">{note(f"F#{5 - n}", 1)}'
        f"{note(f'F#{5 - n}', 2, *TIE['start'])}</measure>"
        f'<measure number="2">{note(f"F#{5 - n}", 1, *TIE["stop"])}'
        f"{note(f'D{5 - n}', 2, '', fermata)}</measure></part>"
        for n in range(len(names))
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?><score-partwise version="3.1"><part-list>'
        f"{listed}</part-list>{parts}</score-partwise>"
    ).encode()


def test_musicxml(domain: ChoralesDomain, tmp_path: Path) -> None:
    pytest.importorskip("music21", reason="MusicXML is read by music21")
    path = tmp_path / "a.musicxml"
    path.write_bytes(score(("Soprano", "Alto", "Tenor", "Bass")))
    grid = domain.load(path)
    assert len(grid) == 28
    assert grid.pos.tolist() == [8, 9, 10, 11, *range(12), *range(12)]
    assert (grid.bar_steps, grid.key) == (12, Key(2, "major"))
    assert np.flatnonzero(grid.attack[:, 0]).tolist() == [0, 4, 8, 20]  # the tie is one note
    assert grid.pitch[[0, 4, 20], 3].tolist() == [45, 42, 38]
    assert np.flatnonzero(grid.fermata).tolist() == list(range(20, 28))
    zipped = tmp_path / "a.mxl"
    with zipfile.ZipFile(zipped, "w") as archived:
        archived.writestr("META-INF/container.xml", "<container/>")
        archived.writestr("a.xml", score(("B", "T", "Oboe", "A", "S.")))
    named = domain.load(zipped)
    assert named.pitch[0].tolist() == [33, 45, 69, 81]
    path.write_bytes(score(("Melody",)))
    assert load_tune(path).grid.pitch[0].tolist() == [81, -1, -1, -1]
    with pytest.raises(DataError, match="has 1 parts; four are needed"):
        domain.load(path)
    bad = {"<score-partwise": "music21 cannot read", "<html>": "not a MusicXML", "": "not a Music"}
    for content, message in bad.items():
        path.write_text(content)
        with pytest.raises(DataError, match=message) as caught:
            domain.load(path)
        assert "\n" not in str(caught.value)
    zipped.write_bytes(b"PK no zip")
    with pytest.raises(DataError, match=r"not a readable \.mxl"):
        domain.load(zipped)


def test_musicxml_is_read_once(
    domain: ChoralesDomain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("music21", reason="MusicXML is read by music21")
    home = tmp_path / "scores"
    home.mkdir()
    (home / "a.xml").write_bytes(score(("S", "A", "T", "B")))
    config = ChoralesConfig(conditions=("key", "pos"))
    first = ChoralesDomain(config).prepare([str(home)], tmp_path / "cache")
    monkeypatch.setattr("wavegen_chorales.bulk_reading.read_content", None)
    again = ChoralesDomain(config).prepare([str(home)], tmp_path / "cache")
    assert all(
        (a == b).all()
        for a, b in zip(first.train.read(0, 0, 28), again.train.read(0, 0, 28), strict=True)
    )
    assert again.report == first.report
    (kept,) = (tmp_path / "cache").rglob("*.npz")
    kept.write_bytes(kept.read_bytes()[:-30])
    monkeypatch.undo()
    assert ChoralesDomain(config).prepare([str(home)], tmp_path / "cache").report == first.report
