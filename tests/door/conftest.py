"""Distributions made on the fly: metadata and a module in a folder on the path, without pip."""

from __future__ import annotations

import importlib
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from wavegen.plugins import plugins

Install = Callable[..., str]


@pytest.fixture
def install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[Install]:
    """`install("name", code)` makes distribution `name-dist` 1.0 with one plugin called `name`.

    Returns the module, whose name no other test uses: Python keeps what it has imported.
    """
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(site)
    monkeypatch.delenv("WAVEGEN_STRICT", raising=False)
    monkeypatch.delenv("WAVEGEN_BLOCK", raising=False)

    def make(name: str, code: str, *, distribution: str | None = None, plugin: str = "") -> str:
        distribution = distribution or f"{name}-dist"
        module = f"{name}_{abs(hash(request.node.nodeid)):x}"
        (site / f"{module}.py").write_text(textwrap.dedent(code))
        info = site / f"{distribution.replace('-', '_')}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0")
        (info / "entry_points.txt").write_text(f"[wavegen]\n{plugin or name} = {module}\n")
        importlib.invalidate_caches()
        plugins.cache_clear()
        return module

    yield make
    plugins.cache_clear()
