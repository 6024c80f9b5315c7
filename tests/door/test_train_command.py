"""`wavegen train`: what it passes on to training, and from where."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from wavegen.cli import main


@dataclass(frozen=True)
class FakeResult:
    run: Path
    steps: int = 7
    bits_valid: float = 3.25
    interrupted: bool = False

    def to_dict(self) -> dict[str, Any]:
        return {"run": str(self.run), "bits_valid": self.bits_valid, "bits_test": float("nan")}


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What training was called with; it does nothing."""
    seen: list[dict[str, Any]] = []

    def train(domain: str, sources: tuple[str, ...], run: Path, **others: Any) -> FakeResult:
        seen.append({"domain": domain, "sources": sources, "run": run, **others})
        return FakeResult(run, interrupted=run.name == "stopped")

    monkeypatch.setattr("wavegen.training.train", train)
    monkeypatch.delenv("RANK", raising=False)
    return seen


def call(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["train", *arguments])


def test_everything_is_passed_on(calls: list[dict[str, Any]]) -> None:
    result = call(
        *("audio", "a", "b", "-o", "run", "--preset", "tiny", "--valid", "v", "--test", "t"),
        *("--device", "cpu", "--minutes", "2", "--steps", "9", "--observe", "tensorboard"),
        *("--domain.classes", "64", "--model.layers=4", "--trainer.lr", "1e-3", "--valid", "w"),
    )
    assert result.exit_code == 0, result.output
    assert result.stdout == "run: 7 steps, 3.250 bits on validation\n"
    [seen] = calls
    assert seen == {
        "domain": "audio",
        "sources": ("a", "b"),
        "run": Path("run"),
        "model": None,
        "preset": "tiny",
        "domain_config": {"classes": "64"},
        "model_config": {"layers": "4"},
        "trainer": {"lr": "1e-3", "device": "cpu", "minutes": 2.0, "steps": 9},
        "valid": ("v", "w"),
        "test": ("t",),
        "resume": False,
        "observers": ("tensorboard",),
        "progress": True,
    }


def test_json_is_all_that_is_on_standard_output(calls: list[dict[str, Any]]) -> None:
    result = call("audio", "a", "-o", "run", "--json")
    assert json.loads(result.stdout) == {"run": "run", "bits_valid": 3.25, "bits_test": None}


def test_command_line_wins_over_the_settings_file(
    calls: list[dict[str, Any]], tmp_path: Path
) -> None:
    file = tmp_path / "settings.toml"
    file.write_text("[model]\nlayers = 3\nkernel = 3\n[trainer]\nsteps = 5\nlr = 0.1\n")
    assert call("audio", "a", "-o", "run", "-c", str(file), "--model.kernel", "2").exit_code == 0
    assert calls[0]["model_config"] == {"layers": 3, "kernel": "2"}
    assert calls[0]["trainer"] == {"steps": 5, "lr": 0.1}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[modle]\nlayers = 3\n", "'modle' is no section; settings stand under [domain], [model]"),
        ("model = 3\n", "'model' is no section"),
        ("[model\n", "cannot read settings"),
        (None, "cannot read settings"),
    ],
)
def test_bad_settings_file_is_one_line(
    calls: list[dict[str, Any]], tmp_path: Path, text: str | None, message: str
) -> None:
    file = tmp_path / "settings.toml"
    if text is not None:
        file.write_text(text)
    result = call("audio", "a", "-o", "run", "-c", str(file))
    assert result.exit_code == 2
    assert result.stderr.startswith(f"wavegen: {file}: ")
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert calls == []


def test_resume_needs_only_the_run(calls: list[dict[str, Any]]) -> None:
    assert call("--resume", "-o", "run").exit_code == 0
    assert (calls[0]["domain"], calls[0]["sources"], calls[0]["resume"]) == ("", (), True)


def test_interrupted_run_ends_like_ctrl_c(calls: list[dict[str, Any]]) -> None:
    result = call("audio", "a", "-o", "stopped")
    assert result.exit_code == 130
    assert result.stdout.startswith("stopped: 7 steps")
    assert len(calls) == 1


@pytest.mark.parametrize("line", [("-o", "run"), ("audio", "-o", "run"), ("audio", "a")])
def test_what_is_missing_is_named(calls: list[dict[str, Any]], line: tuple[str, ...]) -> None:
    result = call(*line)
    assert result.exit_code == 2
    assert "DOMAIN and SOURCE" in result.stderr or "'-o'" in result.stderr
    assert calls == []


def test_unknown_names_list_what_exists(calls: list[dict[str, Any]]) -> None:
    result = call("adio", "a", "-o", "run")
    assert result.exit_code == 2
    assert "wavegen: no domain 'adio'; did you mean audio?" in result.stderr
    result = call("audio", "a", "-o", "run", "--model", "wavnet", "--json")
    assert result.exit_code == 2
    assert "no model 'wavnet'; did you mean wavenet?" in result.stderr
    assert result.stdout == ""
    result = call("audio", "a", "-o", "run", "--model.layer", "3")
    assert result.exit_code == 2
    assert "--model.layers" in result.stderr
    assert calls == []


def test_only_the_first_of_several_processes_prints(
    calls: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RANK", "1")
    result = call("audio", "a", "-o", "run")
    assert result.output == ""
    assert calls[0]["progress"] is False


def test_help_shows_what_suits_the_domain_and_its_model() -> None:
    audio, chorales = (call(domain, "--help").stdout for domain in ("audio", "chorales"))
    assert "Model options (wavenet; presets" in audio
    assert "Model options (chorale; presets" in chorales
    assert "[default here: 0.015]" in " ".join(audio.split())
    assert "[default here: 0.003]" in " ".join(chorales.split())


def test_help_lists_the_settings_of_domain_model_and_trainer() -> None:
    text = call("audio", "--model", "wavenet", "--help").stdout
    for part in ("Domain options (audio)", "Model options (wavenet; presets", "--trainer.lr"):
        assert part in text
