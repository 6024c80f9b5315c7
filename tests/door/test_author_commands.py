"""`wavegen new plugin`, `wavegen check` and `wavegen doctor`: what an author of a plugin meets."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from wavegen.cli import main

Install = Callable[..., str]

BAD_MODEL = """
    from dataclasses import dataclass
    import torch
    from wavegen import ModelSpec, SequenceModel, hookimpl
    from wavegen.errors import ConfigError

    @dataclass(frozen=True)
    class Config:
        pass

    class Peeks(SequenceModel):
        receptive_field = None

        def __init__(self, config, spec):
            super().__init__()
            if spec.n_classes is None:
                raise ConfigError("symbols only")
            self.spec = spec
            self.net = torch.nn.Embedding(spec.n_classes, spec.n_params)

        def forward(self, x, cond=None, static=None):
            x = x.flatten(2)[..., 0] if x.ndim > 2 else x
            return self.net(torch.roll(x, -1, 1))

        def init_state(self, batch, static=None):
            return torch.zeros(batch)

        def step(self, x, state, cond=None):
            return self.net(x.flatten(1)[:, 0] if x.ndim > 1 else x), state

    @hookimpl
    def wavegen_models():
        yield ModelSpec("peeks", Config, Peeks)
"""


def call(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new plugin, installed into a folder of its own as `pip install` does it."""
    folder = tmp_path_factory.mktemp("new")
    result = call("new", "plugin", "short-poems", "--to", str(folder))
    assert result.exit_code == 0, result.output
    pip = "pip install -q --no-build-isolation --no-deps --no-index --disable-pip-version-check"
    subprocess.run(
        [sys.executable, "-m", *pip.split(), "--target", folder / "site", "./wavegen-short-poems"],
        cwd=folder,
        check=True,
    )
    return folder


def run_with(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=folder / "wavegen-short-poems",
        env={**os.environ, "PYTHONPATH": str(folder / "site")},
        capture_output=True,
        text=True,
        check=False,
    )


def test_new_plugin_passes_its_tests(made: Path) -> None:
    done = run_with(made, "pytest", "-q", "-W", "error", "-p", "no:cacheprovider")
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout


def test_new_plugin_is_found_and_passes_the_check(made: Path) -> None:
    done = run_with(made, "wavegen", "check", "short-poems", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    laws = json.loads(done.stdout)["laws"]["domain short-poems"]
    assert {"round_trip", "decoder"} <= {law["law"] for law in laws}
    assert {law["outcome"] for law in laws} <= {"passed", "skipped"}


def test_new_domain_is_short_and_has_no_blank_left(made: Path) -> None:
    folder = made / "wavegen-short-poems"
    assert len((folder / "wavegen_short_poems.py").read_text().splitlines()) < 60
    for name in ("pyproject.toml", "README.md", "wavegen_short_poems.py"):
        text = (folder / name).read_text()
        assert not {"NAME", "MODULE", "VERSION"} & set(text.replace("-", " ").split()), name
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--line-length=100"]
    subprocess.run([*command, "--select=E,F,I,UP,B,RUF,PT,SIM", "."], cwd=folder, check=True)


@pytest.mark.parametrize(
    "name", ["Piano", "9th", "a/b", "../x", "a--b", "class", "", "-x", "a b", "é"]
)
def test_new_refuses_bad_names(tmp_path: Path, name: str) -> None:
    result = call("new", "plugin", "--to", str(tmp_path), "--", name)
    assert result.exit_code == 2
    assert f"{name!r} cannot name a plugin" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_new_refuses_what_exists(tmp_path: Path) -> None:
    taken = call("new", "plugin", "audio", "--to", str(tmp_path))
    assert taken.exit_code == 2
    assert "a plugin 'audio' is installed already: audio (wavegen" in taken.stderr
    (tmp_path / "wavegen-mine").mkdir()
    result = call("new", "plugin", "mine", "--to", str(tmp_path))
    assert result.exit_code == 2
    assert "exists already" in result.stderr


@pytest.mark.usefixtures("install")
def test_check_fails_for_a_model_that_looks_ahead(tmp_path: Path) -> None:
    file = tmp_path / "peeks.py"
    file.write_text(textwrap.dedent(BAD_MODEL))
    result = call("--plugin", str(file), "check", "peeks", "--json")
    assert result.exit_code == 1, result.output
    report = json.loads(result.stdout)
    assert report["ok"] is False
    laws = report["laws"]["model peeks"]
    failed = {(law["law"], law["input"]) for law in laws if law["outcome"] == "failed"}
    assert ("causal", "classes") in failed
    skipped = {law["reason"] for law in laws if law["outcome"] == "skipped"}
    assert any("symbols only" in reason for reason in skipped)


def test_check_of_an_unknown_name_lists_what_exists() -> None:
    result = call("check", "nothing")
    assert result.exit_code == 2
    assert "no model 'nothing'; " in result.stderr
    assert "no domain 'nothing'; known: audio" in result.stderr


def test_doctor_reports_and_exits_1_where_a_plugin_is_broken(install: Install) -> None:
    result = call("doctor", "--json")
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    found = {finding["subject"]: finding for finding in report["findings"]}
    assert {"python", "torch", "numpy", "soundfile", "cpu", "disk", "plugin audio"} <= set(found)
    assert "libsndfile" in found["soundfile"]["text"]
    assert report["broken"] == []
    install("broken", "import nothing_of_that_name")
    result = call("doctor")
    assert result.exit_code == 1
    assert result.stdout.rstrip().endswith("broken: plugin broken")


def test_doctor_tells_a_missing_package_from_a_broken_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "fastapi.py").write_text("import ctypes\nctypes.CDLL('libcudart.so.99')\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "fastapi", raising=False)
    monkeypatch.setitem(sys.modules, "soxr", None)
    result = call("doctor", "--json")
    assert result.exit_code == 1
    report = json.loads(result.stdout)
    found = {finding["subject"]: finding for finding in report["findings"]}
    assert found["fastapi"]["state"] == "absent"
    assert "OSError: libcudart.so.99" in found["fastapi"]["text"]
    assert report["broken"] == ["soxr"]
