"""The distribution keeps its promises: quick to start, consistent, and of no particular machine."""

from __future__ import annotations

import re
import resource
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from importlib.metadata import distribution, requires, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import wavegen

CHECKOUT = Path(__file__).resolve().parents[1]
PYPROJECT = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())
EXTRAS: dict[str, list[str]] = PYPROJECT["project"]["optional-dependencies"]
COMMAND = Path(sys.executable).with_name("wavegen")


def children_seconds() -> float:
    """Processor time of all processes that were started here and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def best_seconds(command: Sequence[str | Path], good_enough: float, tries: int = 12) -> float:
    """Processor time of the fastest run, since other tests take the machine at the same time."""
    best = float("inf")
    for _ in range(tries):
        begin = children_seconds()
        subprocess.run(command, check=True, capture_output=True)
        best = min(best, children_seconds() - begin)
        if best < good_enough:
            break
    return best


def pins() -> dict[str, str]:
    """Name to exact version, from constraints.txt."""
    found: dict[str, str] = {}
    for line in (CHECKOUT / "constraints.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            name, exact = line.split("==")  # anything but one exact version fails here
            assert canonicalize_name(name) not in found, f"{name} is pinned twice"
            found[canonicalize_name(name)] = exact
    return found


def needed(extras: Sequence[str]) -> dict[str, Requirement]:
    """What wavegen with these extras asks for itself, own extras followed."""
    found: dict[str, Requirement] = {}
    for extra in ("", *extras):
        for line in requires("wavegen") or []:
            requirement = Requirement(line)
            marker = requirement.marker
            if marker is not None and not marker.evaluate({"extra": extra}):
                continue
            if marker is None and extra:
                continue
            if requirement.name == "wavegen":
                found.update(needed(sorted(requirement.extras)))
            else:
                found[canonicalize_name(requirement.name)] = requirement
    return found


def test_import_is_quick_and_imports_no_torch() -> None:
    code = "import sys, wavegen; sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    bare = best_seconds([sys.executable, "-c", "pass"], good_enough=0.0, tries=5)
    assert best_seconds([sys.executable, "-c", code], good_enough=bare + 0.1) < bare + 0.1


@pytest.mark.parametrize("argument", ["--help", "plugins", "--version"])
def test_the_command_line_answers_at_once(argument: str) -> None:
    assert best_seconds([COMMAND, argument], good_enough=0.3) < 0.3


def test_the_version_is_said_once() -> None:
    assert version("wavegen") == wavegen.__version__
    assert re.fullmatch(r"\d+\.\d+\.\d+", wavegen.__version__)


def test_all_holds_every_extra_that_a_user_may_want() -> None:
    everything = set(EXTRAS) - {"all", "dev"}
    assert needed(["all"]).keys() == needed(sorted(everything)).keys()
    assert needed(["all"]).keys() > needed([]).keys()


def test_the_tested_versions_lie_in_the_ranges() -> None:
    pinned = pins()
    for name, requirement in needed(["dev"]).items():
        assert name in pinned, f"constraints.txt does not pin {name}"
        assert requirement.specifier.contains(pinned[name]), f"{requirement} but {pinned[name]}"


def test_the_tested_versions_cover_what_is_pulled_in() -> None:
    """Torch's own needs differ from platform to platform (CUDA), so the walk ends there."""
    pinned = pins()
    queue = list(needed(["dev"]).values())
    seen: set[str] = set()
    while queue:
        requirement = queue.pop()
        name = canonicalize_name(requirement.name)
        if name in seen:
            continue
        seen.add(name)
        assert name in pinned, f"constraints.txt does not pin {name}"
        if name == "torch":
            continue
        for line in distribution(name).requires or []:
            child = Requirement(line)
            wanted = [{"extra": extra} for extra in ("", *requirement.extras)]
            if child.marker is None or any(child.marker.evaluate(extra) for extra in wanted):
                queue.append(child)


def test_no_file_names_a_machine() -> None:
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(listing, cwd=CHECKOUT, capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip("not a git checkout")
    home = re.compile(r"(?<![\w.~])/(?:home|root|tmp|opt|srv|work|workspace|Users)/\w")
    registry = re.compile(r"--(?:extra-)?index-url|--find-links|--trusted-host")
    this = Path(__file__).name
    for name in done.stdout.splitlines():
        path = CHECKOUT / name
        if not path.is_file() or path.name == this:
            continue
        text = path.read_bytes().decode("utf-8", errors="replace")
        for pattern in (home, registry):
            found = pattern.search(text)
            assert found is None, f"{name} names a place of one machine: {found and found[0]!r}"


def test_the_licence_is_whole() -> None:
    text = (CHECKOUT / "LICENSE").read_text()
    assert PYPROJECT["project"]["license"] == "Apache-2.0"
    assert "Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text


def test_the_recordings_are_all_accounted_for() -> None:
    folder = CHECKOUT / "assets" / "recordings"
    listed = set(re.findall(r"^\| `(\S+\.flac)`", (folder / "README.md").read_text(), re.M))
    assert listed == {path.name for path in folder.iterdir()} - {"README.md"}
