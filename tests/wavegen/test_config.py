"""Settings: the same from text, files and Python; a wrong one says which, what and what instead."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wavegen.config import help_of, option, parse, read, to_dict
from wavegen.errors import ConfigError


@dataclass(frozen=True)
class Settings:
    whole: int = option(3, "an integer")
    share: float = option(0.5, "a number")
    trim: bool = option(False, "a choice")
    name: str = option("x", "a word")
    sizes: tuple[int, ...] = option((1, 2), "integers")
    limit: float | None = option(None, "a number or none")
    mode: Literal["fast", "good"] = option("fast", "one of two")
    taps: Literal[2, 3] | None = option(2, "one of two numbers, or none")

    def __post_init__(self) -> None:
        """Refuse what is out of range."""
        if self.whole < 0:
            raise ConfigError(f"settings.whole is {self.whole}; it must be 0 or more")


@dataclass(frozen=True)
class Needy:
    sizes: list[int]
    rate: float


def text_of(value: Any) -> str:
    """How one writes it on the command line."""
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value).lower()


settings = st.builds(
    Settings,
    whole=st.integers(0, 10**9),
    share=st.floats(allow_nan=False, allow_infinity=False),
    trim=st.booleans(),
    name=st.sampled_from(["x", "a word", "3"]),
    sizes=st.lists(st.integers(-9, 9)).map(tuple),
    limit=st.none() | st.floats(-9, 9),
    mode=st.sampled_from(["fast", "good"]),
    taps=st.sampled_from([2, 3, None]),
)


@given(settings)
def test_text_json_and_python_mean_the_same(config: Settings) -> None:
    values = vars(config)
    assert parse(Settings, values, "settings") == config
    assert parse(Settings, to_dict(config), "settings") == config
    assert parse(Settings, {n: text_of(v) for n, v in values.items()}, "settings") == config


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"hole": 3}, "settings.hole: unknown setting; did you mean settings.whole?"),
        ({"zzz": 3}, "settings.zzz: unknown setting; known: whole, share, trim, name, sizes"),
        ({"whole": "many"}, "settings.whole: Input should be a valid integer"),
        ({"whole": -1}, "settings.whole is -1; it must be 0 or more"),
        ({"share": "nan"}, "settings.share: must be a finite number, got nan"),
        ({"share": float("inf")}, "settings.share: must be a finite number, got inf"),
        ({"sizes": "1,x"}, "settings.sizes.1: Input should be a valid integer"),
        ({"mode": "bad"}, "settings.mode: Input should be 'fast' or 'good', got 'bad'"),
        ({"taps": "4"}, "settings.taps"),
        ({"share": "z" * 9999}, "z..."),
        ({"share": None}, "settings.share: Input should be a valid number, got None"),
    ],
)
def test_wrong_value_is_one_line_that_says_which(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as raised:
        parse(Settings, values, "settings")
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 300


def test_missing_value_is_named() -> None:
    with pytest.raises(ConfigError, match=r"^domain\.rate: is required$"):
        parse(Needy, {"sizes": "1"}, "domain")
    assert parse(Needy, {"sizes": "1, 2", "rate": "3"}, "domain") == Needy([1, 2], 3.0)


def test_help_is_the_fields_own() -> None:
    assert help_of(Settings)["share"] == "a number"


def test_files_are_read_by_their_ending(tmp_path: Path) -> None:
    toml, json = tmp_path / "a.toml", tmp_path / "a.json"
    toml.write_text("[model]\nlayers = 3\nsizes = [1, 2]\n")
    json.write_text('{"model": {"layers": 3, "sizes": [1, 2]}}')
    assert read(toml) == read(json) == {"model": {"layers": 3, "sizes": [1, 2]}}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.toml", b"[model"),
        ("a.toml", b"\xff\xfe\x00"),
        ("a.json", b"[1, 2]"),
        ("a.json", b"[" * 100_000),
        ("a.json", b'{"a": ' * 100_000),
        ("a.json", b""),
    ],
)
def test_bad_file_is_named(tmp_path: Path, name: str, content: bytes) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    with pytest.raises(ConfigError, match=rf"{name}: (cannot read|expected sections)"):
        read(file)


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.toml: cannot read settings"):
        read(tmp_path / "none.toml")
