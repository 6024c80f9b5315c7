"""The wheel, alone in an empty environment outside the checkout, does the main job.

These tests install from a package index, so they stand outside `tests/`, which needs no network.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[1]
RECORDINGS = CHECKOUT / "assets" / "recordings"
WEB = CHECKOUT / "assets" / "web"

pytestmark = pytest.mark.timeout(900)  # installing torch takes its time


def run(*command: str | Path, cwd: Path, **environment: str) -> str:
    """What the command prints; where it fails, the test shows all it said."""
    # Nothing of the caller's environment may lead back to the checkout.
    outside = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    outside.update(environment)
    done = subprocess.run(command, cwd=cwd, env=outside, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="session")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist, and the wheel that was built from it."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--outdir", folder, CHECKOUT, cwd=folder)
    return folder


@pytest.fixture(scope="session")
def wheel(dist: Path) -> Path:
    """The one wheel."""
    (path,) = dist.glob("wavegen-*.whl")
    return path


@pytest.fixture(scope="session")
def home(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty folder whose `env` holds the wheel and its dependencies, no extras."""
    folder = tmp_path_factory.mktemp("home")
    venv.create(folder / "env", with_pip=True)
    constraints = CHECKOUT / "constraints.txt"
    pip = [folder / "env" / "bin" / "pip", "install", "--quiet", "-c", constraints]
    run(*pip, wheel, cwd=folder)
    return folder


@pytest.fixture(scope="session")
def wavegen(home: Path) -> Path:
    """The installed command."""
    return home / "env" / "bin" / "wavegen"


@pytest.fixture(scope="session")
def bare(home: Path, dist: Path) -> Path:
    """The command in an environment beside `home`, from a wheel built without a compiler."""
    (sdist,) = dist.glob("wavegen-*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(home / "source", filter="data")
    (source,) = (home / "source").iterdir()
    build = [sys.executable, "-m", "build", "--wheel", "--outdir", home / "bare-dist", source]
    run(*build, cwd=home, CXX=str(home / "no-compiler"))
    (wheel,) = (home / "bare-dist").iterdir()
    assert wheel.name.endswith("-py3-none-any.whl")
    venv.create(home / "bare", with_pip=True)
    run(home / "bare" / "bin" / "pip", "install", "--quiet", "--no-deps", wheel, cwd=home)
    # It borrows what else it needs; its own wavegen comes first.
    ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
    own, lent = (
        run(home / env / "bin" / "python", "-c", ask, cwd=home).strip() for env in ("bare", "env")
    )
    (Path(own) / "lent.pth").write_text(lent)
    return home / "bare" / "bin" / "wavegen"


@pytest.fixture(scope="session")
def trained(wavegen: Path, home: Path) -> Path:
    """A run of twenty steps on the recordings."""
    options = ["--preset", "tiny", "--domain.rate_hz", "8000", "--steps", "20", "--json"]
    run(wavegen, "train", "audio", RECORDINGS, "-o", "run", *options, cwd=home)
    return home / "run"


def test_the_wheel_holds_the_packages_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {
        "wavegen",
        "wavegen_audio",
        "wavegen_chorales",
        "wavegen_series",
    }
    assert {"wavegen/py.typed", "wavegen_chorales/bach_reference.json"} <= set(names)
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)
    assert not [
        name for name in names if re.search(r"(^|/)(tests|__pycache__)/|/test_\w+\.py$", name)
    ]
    compiled = {name for name in names if re.search(r"\.(so|dylib|pyd)$|[.][ch]pp$|CMake", name)}
    assert {name.rpartition(".")[0] for name in compiled} == {"wavegen/native/libwavegen_core"}
    assert "wavegen/native/wavegen.h" in names
    # One wheel of a platform serves every Python.
    assert re.search(r"-py3-none-(linux|macosx)_\w+\.whl$", wheel.name)


def test_the_models_that_ship_are_in_it(wheel: Path, wavegen: Path, home: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {f"wavegen/assets/models/{m}/model.safetensors" for m in ("bach", "tabla")} <= names
    run(wavegen, "sample", "bach", "-o", "bach.csv", "--steps", "32", cwd=home)
    assert len((home / "bach.csv").read_text().splitlines()) == 33


def test_the_page_is_in_it(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    shown = {f"wavegen/{path.relative_to(CHECKOUT)}" for path in WEB.rglob("*") if path.is_file()}
    assert "wavegen/assets/web/index.html" in shown
    assert shown <= set(names)


def test_the_sdist_holds_what_a_build_needs(dist: Path) -> None:
    (path,) = dist.glob("wavegen-*.tar.gz")
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"pyproject.toml", "LICENSE", "README.md", "wavegen/__init__.py"} <= names
    assert {"wavegen/native/CMakeLists.txt", "wavegen/native/isa.cpp"} <= names
    assert not [name for name in names if name.endswith((".so", "CMakeCache.txt"))]
    assert not [name for name in names if name.startswith(("demo/", ".venv/", "assets/recordings"))]


def test_it_runs_from_the_wheel(home: Path) -> None:
    code = "import wavegen, wavegen_audio; print(wavegen.__file__, wavegen_audio.__file__)"
    places = run(home / "env" / "bin" / "python", "-c", code, cwd=home).split()
    assert all(place.startswith(str(home)) for place in places), places


def test_every_plugin_loads(wavegen: Path, home: Path) -> None:
    assert "audio" in run(wavegen, "plugins", "--check", cwd=home)


def test_it_trains_samples_and_tells(wavegen: Path, home: Path, trained: Path) -> None:
    sample = ["sample", "run", "-o", "out.wav", "--seconds", "0.25", "--seed", "7", "--json"]
    report = json.loads(run(wavegen, *sample, cwd=home))
    assert report["rtf"] > 0
    read = "import soundfile as s; x, rate = s.read('out.wav'); print(rate, len(x), abs(x).max())"
    rate, length, peak = run(home / "env" / "bin" / "python", "-c", read, cwd=home).split()
    assert (int(rate), int(length)) == (8000, 2000)
    assert float(peak) > 0
    assert json.loads(run(wavegen, "info", trained, "--json", cwd=home))


def test_the_native_core_plays(wavegen: Path, home: Path, trained: Path) -> None:
    assert doctor(wavegen, home)["state"] == "ok"
    sample = ["sample", trained, "-o", "native.wav", "--seconds", "0.1", "--engine", "native"]
    run(wavegen, *sample, cwd=home)
    assert (home / "native.wav").stat().st_size > 0


def test_without_a_compiler_pytorch_plays(bare: Path, home: Path, trained: Path) -> None:
    found = doctor(bare, home)
    assert (found["state"], "install a C++ compiler" in found["text"]) == ("absent", True)
    run(bare, "sample", trained, "-o", "bare.wav", "--seconds", "0.05", cwd=home)
    assert (home / "bare.wav").stat().st_size > 0


def doctor(wavegen: Path, home: Path) -> dict[str, str]:
    """What it says of the native core."""
    findings = json.loads(run(wavegen, "doctor", "--json", cwd=home))["findings"]
    (found,) = [finding for finding in findings if finding["subject"] == "native core"]
    return found
