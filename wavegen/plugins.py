"""Plugins: found without being imported, loaded one by one; a broken one is a row in a table.

    found     its distribution's metadata name it; nothing was imported
    loaded    imported, and all it offers was collected
    broken    import or a hook failed; the row holds the error, the others go on
    blocked   named in WAVEGEN_BLOCK (plugins or distributions, comma-separated); never imported

WAVEGEN_STRICT=1 raises at the first broken one instead.
"""

from __future__ import annotations

import difflib
import functools
import importlib
import importlib.util
import os
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, is_dataclass, replace
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

import pluggy

from . import __version__, hookspecs
from .errors import PluginError
from .hookspecs import DomainSpec, FilterSpec, ModelSpec, ObserverSpec

if TYPE_CHECKING:
    import click

GROUP = "wavegen"
DEFAULTS = ("wavegen.models", "wavegen.observers")
"""The core's own plugins; they come through the same door as strangers."""

KINDS = {
    "model": "wavegen_models",
    "domain": "wavegen_domains",
    "filter": "wavegen_filters",
    "observer": "wavegen_observers",
    "command": "wavegen_commands",
}
"""What can be offered, and the hook that offers it."""

Spec = TypeVar("Spec")


@dataclass(frozen=True)
class PluginInfo:
    """One row of the table of plugins."""

    name: str
    target: str
    """What is imported: a module, an object in one (`module:object`), or a file's full path."""
    distribution: str
    version: str
    status: Literal["found", "loaded", "broken", "blocked"] = "found"
    error: str = ""
    offers: tuple[str, ...] = ()
    """`model wavenet`, `domain audio`, ...: known once it is loaded."""

    @property
    def source(self) -> str:
        """Where it comes from, for messages: `audio (wavegen 0.1.0)`."""
        return _source(self.name, self.distribution, self.version)


@dataclass(frozen=True)
class Offer(Generic[Spec]):
    """A spec and the plugin that offers it: what a checkpoint records."""

    kind: str
    name: str
    spec: Spec
    plugin: str
    distribution: str
    version: str

    @property
    def source(self) -> str:
        """Where it comes from, for messages: `audio (wavegen 0.1.0)`."""
        return _source(self.plugin, self.distribution, self.version)


class Plugins:
    """The table of plugins: scanned when it is made, loaded when something is first looked up."""

    def __init__(self) -> None:
        blocked = os.environ.get("WAVEGEN_BLOCK", "").split(",")
        self._blocked = {_canonical(name) for name in blocked if name.strip()}
        self._strict = os.environ.get("WAVEGEN_STRICT", "0") not in ("", "0")
        self._offers: list[Offer[Any]] = []
        self._rows = [self._admit(row) for row in _scan()]

    def add_file(self, path: Path) -> None:
        """Add a one-file plugin, named after the file."""
        if not path.is_file():
            raise PluginError(f"{path}: no such plugin file")
        row = PluginInfo(path.stem, str(path.resolve()), path.name, "")
        if row.target not in {known.target for known in self._rows}:
            self._rows.append(self._admit(row))

    def rows(self) -> tuple[PluginInfo, ...]:
        """The table as it stands; this loads nothing."""
        return tuple(self._rows)

    def load(self) -> tuple[PluginInfo, ...]:
        """Load what is not loaded yet, and return the table."""
        self._load_rows(lambda _: True)
        return self.rows()

    def model(self, name: str) -> Offer[ModelSpec]:
        """The model `name`, or `plugin:name`."""
        return self._find("model", name)

    def domain(self, name: str) -> Offer[DomainSpec]:
        """The domain `name`, or `plugin:name`."""
        return self._find("domain", name)

    def filter(self, name: str) -> Offer[FilterSpec]:
        """The parameter filter `name`, or `plugin:name`."""
        return self._find("filter", name)

    def observer(self, name: str) -> Offer[ObserverSpec]:
        """The observer `name`, or `plugin:name`."""
        return self._find("observer", name)

    def command(self, name: str) -> Offer[click.Command]:
        """The command `name`, or `plugin:name`."""
        return self._find("command", name)

    def models(self) -> list[Offer[ModelSpec]]:
        """All models, those of rival plugins included."""
        return self._all("model")

    def domains(self) -> list[Offer[DomainSpec]]:
        """All domains."""
        return self._all("domain")

    def filters(self) -> list[Offer[FilterSpec]]:
        """All parameter filters."""
        return self._all("filter")

    def observers(self) -> list[Offer[ObserverSpec]]:
        """All observers."""
        return self._all("observer")

    def commands(self) -> list[Offer[click.Command]]:
        """All commands that plugins add to the command line."""
        return self._all("command")

    def _admit(self, row: PluginInfo) -> PluginInfo:
        names = {_canonical(row.name), _canonical(row.distribution)}
        return replace(row, status="blocked") if names & self._blocked else row

    def _load(self, row: PluginInfo) -> PluginInfo:
        try:
            offers = list(_collect(_import(row), row))
        except (Exception, SystemExit) as error:  # a plugin may fail in any way
            broken = replace(row, status="broken", error=_one_line(error))
            if self._strict:
                raise PluginError(f"plugin {row.source} is broken: {broken.error}") from error
            return broken
        self._offers += offers
        return replace(row, status="loaded", offers=tuple(f"{o.kind} {o.name}" for o in offers))

    def _load_rows(self, is_wanted: Callable[[PluginInfo], bool]) -> None:
        for index, row in enumerate(self._rows):
            if row.status == "found" and is_wanted(row):
                self._rows[index] = self._load(row)

    def _all(self, kind: str) -> list[Offer[Any]]:
        self.load()
        return [offer for offer in self._offers if offer.kind == kind]

    def _of_plugin(self, kind: str, plugin: str) -> list[Offer[Any]]:
        """What the plugins of that name offer; no other is loaded."""
        self._load_rows(lambda row: row.name == plugin)
        return [o for o in self._offers if o.kind == kind and o.plugin == plugin]

    def _find(self, kind: str, name: str) -> Offer[Any]:
        source, _, bare = name.rpartition(":")
        # What names its plugin waits for no other one, which may import anything.
        offers = self._of_plugin(kind, source) if source else []
        if bare not in {offer.name for offer in offers}:
            offers = self._all(kind)
        namesakes = [offer for offer in offers if offer.name == bare]
        if source:
            by_plugin = [offer for offer in namesakes if offer.plugin == source]
            namesakes = by_plugin or [o for o in namesakes if o.distribution == source]
        if len(namesakes) == 1:
            return namesakes[0]
        raise PluginError(
            _clash(kind, name, namesakes) if namesakes else self._missing(kind, name, offers)
        )

    def _missing(self, kind: str, name: str, offers: list[Offer[Any]]) -> str:
        known = sorted({offer.name for offer in offers})
        parts = [f"known: {', '.join(known) or 'none'}"]
        if near := difflib.get_close_matches(name, known, n=1):
            parts.insert(0, f"did you mean {near[0]}?")
        parts += [f"broken: {r.source}: {r.error}" for r in self._rows if r.status == "broken"]
        parts += [f"blocked: {r.source}" for r in self._rows if r.status == "blocked"]
        return f"no {kind} {name!r}; {'; '.join(parts)}"


@functools.cache
def plugins() -> Plugins:
    """The table of this process."""
    return Plugins()


def _scan() -> Iterator[PluginInfo]:
    """What is installed, from metadata alone."""
    for module in DEFAULTS:
        yield PluginInfo(module.rpartition(".")[2], module, "wavegen", __version__)
    found = {_row_of(entry_point): None for entry_point in entry_points(group=GROUP)}
    yield from sorted(found, key=lambda row: (row.distribution, row.name, row.target))


def _row_of(entry_point: EntryPoint) -> PluginInfo:
    distribution = entry_point.dist
    try:
        name, version = (distribution.name, distribution.version) if distribution else ("", "")
    except Exception:  # what is left of a distribution that was removed by halves
        name, version = "", ""
    return PluginInfo(entry_point.name, entry_point.value, name or "unknown", version or "")


def _import(row: PluginInfo) -> Any:
    if not os.path.isabs(row.target):
        return EntryPoint(row.name, row.target, GROUP).load()
    # Its dataclasses look their module up in sys.modules; the path keeps namesakes apart.
    spec = importlib.util.spec_from_file_location(f"wavegen plugin {row.target}", row.target)
    if spec is None or spec.loader is None:
        raise ImportError(f"{row.target} is not a Python file; its name must end in .py")
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[spec.name]
        raise
    return module


def _collect(plugin: Any, row: PluginInfo) -> Iterator[Offer[Any]]:
    """All that one plugin offers. Its own pluggy manager keeps its faults to itself."""
    manager = pluggy.PluginManager(GROUP)
    manager.add_hookspecs(hookspecs)
    try:
        manager.register(plugin, row.name)
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        raise PluginError(f"does not fit wavegen {__version__}: {_one_line(error)}") from error
    for kind, hook in KINDS.items():
        seen = set[str]()
        for batch in getattr(manager.hook, hook)():
            for spec in batch:
                name = _name_of(kind, hook, spec)
                if name in seen:
                    raise PluginError(f"{hook} offers {kind} {name!r} twice")
                seen.add(name)
                yield Offer(kind, name, spec, row.name, row.distribution, row.version)


def _name_of(kind: str, hook: str, spec: Any) -> str:
    """The name of what a hook gave, after a look at what it is."""
    expected = _spec_types()[kind]
    if not isinstance(spec, expected):
        raise PluginError(f"{hook} gave {spec!r}, expected a {expected.__name__}")
    name: str = spec.name or ""
    if not name or ":" in name or name != "".join(name.split()):
        raise PluginError(f"{hook} gave the name {name!r}; a name has no spaces and no colon")
    if isinstance(spec, ModelSpec | DomainSpec) and not _is_dataclass_type(spec.config):
        raise PluginError(f"{kind} {name!r} has the config {spec.config!r}, expected a dataclass")
    return name


def _is_dataclass_type(config: Any) -> bool:
    return isinstance(config, type) and is_dataclass(config)


def _spec_types() -> dict[str, type]:
    import click

    return {
        "model": ModelSpec,
        "domain": DomainSpec,
        "filter": FilterSpec,
        "observer": ObserverSpec,
        "command": click.Command,
    }


def _clash(kind: str, name: str, rivals: list[Offer[Any]]) -> str:
    """Two plugins offer one name: say who, and how to choose."""
    plugin_names = [offer.plugin for offer in rivals]
    ways = [
        f"{o.plugin if plugin_names.count(o.plugin) == 1 else o.distribution}:{o.name}"
        for o in rivals
    ]
    sources = " and by ".join(offer.source for offer in rivals)
    return f"{kind} {name!r} is offered by {sources}; say which: {' or '.join(ways)}"


def _source(plugin: str, distribution: str, version: str) -> str:
    return f"{plugin} ({' '.join(filter(None, (distribution, version)))})"


def _canonical(name: str) -> str:
    """Names of distributions as installers compare them."""
    return re.sub(r"[-_.]+", "-", name.strip()).lower()


def _one_line(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return text if isinstance(error, PluginError) else f"{type(error).__name__}: {text}"
