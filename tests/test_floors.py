"""An import goes to its own floor or below; plugins keep to public names and to themselves."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FLOORS = {
    "errors": 0,
    "state": 0,
    "noise": 0,
    "plain": 0,
    "atomic": 0,
    "brick": 0,
    "cores": 0,
    "controls": 1,
    "domain": 1,
    "domain_player": 1,
    "heads": 1,
    "hookspecs": 1,
    "labels": 1,
    "lengths": 1,
    "memory_domain": 1,
    "model": 1,
    "sampling": 1,
    "sound_output": 1,
    "splitting": 1,
    "backbone": 2,
    "cache": 2,
    "config": 2,
    "device": 2,
    "layers": 2,
    "plugins": 2,
    "shipped": 2,
    "engines": 3,
    "native": 3,
    "program": 3,
    "scoring": 3,
    "assembly": 4,
    "beginnings": 4,
    "checkpoint": 4,
    "conditioning": 4,
    "models": 4,
    "observers": 4,
    "opening": 4,
    "pieces": 4,
    "playing": 4,
    "scheduling": 4,
    "scorer": 4,
    "session_file": 4,
    "training": 4,
    "voices": 4,
    "cli": 5,
    "client": 5,
    "serve": 5,
    "__main__": 5,
}
"""Modules and packages of wavegen, as design.md has them. `testing` stands beside the floors."""

SIDE = {"testing", "__init__"}
MAY_TEST = {"cli/check.py"}


def imports(path: Path, package: str) -> Iterator[tuple[str, str, int]]:
    """Each imported name as (module, name, line), relative ones resolved; in functions too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "", node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".")
            home = parts[: len(parts) + 1 - node.level] if node.level else []
            module = ".".join([*home, *([node.module] if node.module else [])])
            yield from ((module, alias.name, node.lineno) for alias in node.names)


def package_of(path: Path, root: Path) -> str:
    return ".".join(path.parent.relative_to(root).parts)


def part_of(module: str, name: str) -> str | None:
    """The floor's name that an import from wavegen goes to, or None for the world outside."""
    first, _, rest = module.partition(".")
    if first != "wavegen":
        return None
    return rest.partition(".")[0] or name or "__init__"


CORE = sorted((ROOT / "wavegen").rglob("*.py"))
PLUGINS = sorted((ROOT / "plugins").rglob("*.py"))


def test_every_module_has_a_floor() -> None:
    names = {path.relative_to(ROOT / "wavegen").parts[0].removesuffix(".py") for path in CORE}
    assert names <= FLOORS.keys() | SIDE


@pytest.mark.parametrize("path", CORE, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_down(path: Path) -> None:
    inner = path.relative_to(ROOT / "wavegen")
    own = inner.parts[0].removesuffix(".py")
    if own in SIDE:
        return
    for module, name, line in imports(path, package_of(path, ROOT)):
        part = part_of(module, name)
        if part is None or part.startswith("__version__"):
            continue
        if part == "testing":
            assert inner.as_posix() in MAY_TEST, f"{inner}:{line} imports the test kit"
            continue
        # What the package itself offers is checked by its home: a lazy name is no floor.
        assert part in FLOORS, f"{inner}:{line} imports {name!r} from the package; name its module"
        assert FLOORS[part] <= FLOORS[own], (
            f"{inner}:{line} (floor {FLOORS[own]}) imports {part} (floor {FLOORS[part]})"
        )


@pytest.mark.parametrize("path", PLUGINS, ids=lambda path: str(path.relative_to(ROOT)))
def test_plugins_use_public_names_and_not_each_other(path: Path) -> None:
    own = path.relative_to(ROOT / "plugins").parts[0]
    others = {folder.name for folder in (ROOT / "plugins").iterdir()} - {own}
    for module, name, line in imports(path, package_of(path, ROOT / "plugins")):
        parts = module.split(".")
        assert parts[0] not in others, f"{path.name}:{line} imports another plugin, {module}"
        if parts[0] == "wavegen":
            private = [p for p in [*parts, name] if p.startswith("_") and p != "__version__"]
            assert not private, f"{path.name}:{line} imports the private {private[0]}"
            assert "testing" not in parts, f"{path.name}:{line} imports the test kit"


@pytest.mark.parametrize(
    "module", ["wavegen", "wavegen.hookspecs", "wavegen.plugins", "wavegen.config", "wavegen.cli"]
)
def test_light_modules_load_no_torch(module: str) -> None:
    code = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_every_public_name_can_be_imported() -> None:
    import wavegen

    for name in wavegen.__all__:
        assert getattr(wavegen, name) is not None
