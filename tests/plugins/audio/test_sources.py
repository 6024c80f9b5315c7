"""What the user names, to files and labels."""

from __future__ import annotations

from pathlib import Path

import pytest
from wavegen_audio.sources import find

from wavegen.errors import DataError


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Empty files in the places where sounds might lie."""
    for name in (
        "b/2.wav", "b/deep/er/1.FLAC", "a/3.ogg", "a/notes.md", "a/.hidden.wav", "top.mp3",
    ):  # fmt: skip
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path


def names(home: Path, *sources: str) -> list[str]:
    return [f.path.relative_to(home).as_posix() for f in find([str(home / s) for s in sources])]


def test_a_folder_is_searched_and_sorted(home: Path) -> None:
    assert names(home, "") == ["a/3.ogg", "b/2.wav", "b/deep/er/1.FLAC", "top.mp3"]


def test_each_file_comes_once(home: Path) -> None:
    assert names(home, "b", "b/2.wav", "b/*", "b/deep/../2.wav", "a/3.ogg")[:2] == [
        "a/3.ogg",
        "b/2.wav",
    ]


def test_globs(home: Path) -> None:
    assert names(home, "*/*.wav") == ["b/2.wav"]
    assert names(home, "b/**/*.[Ff]*") == ["b/deep/er/1.FLAC"]


def test_a_name_that_looks_like_a_glob_is_a_name_first(home: Path) -> None:
    (home / "take [1].wav").touch()
    assert names(home, "take [1].wav") == ["take [1].wav"]


def test_a_list_is_relative_to_itself(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "list.txt").write_text("b/2.wav\r\n\n  a/3.ogg\n" + str(home / "top.mp3"))
    monkeypatch.chdir("/")
    assert names(home, "list.txt") == ["a/3.ogg", "b/2.wav", "top.mp3"]


def test_a_list_that_names_nothing_there(home: Path) -> None:
    (home / "list.txt").write_text("b/2.wav\nb/3.wav\n")
    with pytest.raises(DataError, match=r"list\.txt line 2: no file '.*3\.wav'; paths are rel"):
        find([str(home / "list.txt")])


def test_a_csv_with_labels(home: Path) -> None:
    (home / "table.csv").write_text('label,path,more\njune,b/2.wav,1\n"a, b",a/3.ogg,\n')
    files = find([str(home / "table.csv")], "csv")
    assert [(f.path.name, f.label) for f in files] == [("3.ogg", "a, b"), ("2.wav", "june")]
    assert [f.label for f in find([str(home / "table.csv")])] == [None, None]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("file,label\nb/2.wav,x\n", "has no column path"),
        ("path\nb/2.wav\n", "has no column label"),
        ("", "has no column label, path"),
        ("path,label\nb/2.wav,\n", "has no label"),
        ("path,label\nb/2.wav\n", "has no label"),
        ("path,label\n,x\n", "line 2: no file"),
        ('path,label\n"b/2.wav,x\n', "not a CSV table"),
        ("path,label\nb/\0.wav,x\n", "line 2: no file|not a CSV table"),
    ],
)
def test_csv_tables_that_cannot_be_used(home: Path, text: str, why: str) -> None:
    (home / "table.csv").write_text(text)
    with pytest.raises(DataError, match=why) as caught:
        find([str(home / "table.csv")], "csv")
    assert "\n" not in str(caught.value)


def test_labels_of_one_folder_are_the_folders_in_it(home: Path) -> None:
    labels = {f.path.name: f.label for f in find([str(home)], "folder")}
    assert labels == {"3.ogg": "a", "2.wav": "b", "1.FLAC": "b", "top.mp3": home.name}


def test_labels_of_several_folders_are_their_names(home: Path) -> None:
    labels = {f.path.name: f.label for f in find([str(home / "a"), str(home / "b")], "folder")}
    assert labels == {"3.ogg": "a", "2.wav": "b", "1.FLAC": "b"}


def test_nothing_there(home: Path) -> None:
    (home / "empty").mkdir()
    with pytest.raises(DataError, match=r"empty: no sound files \(\.wav, "):
        find([str(home / "empty")])
    with pytest.raises(DataError, match="does not exist; give a folder"):
        find([str(home / "nowhere")])
    with pytest.raises(DataError, match="no source: no sound files"):
        find([])
    with pytest.raises(DataError, match="not a readable list of files"):
        find([str(home / "no.txt")])
    (home / "binary.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="not a readable list of files"):
        find([str(home / "binary.txt")])
