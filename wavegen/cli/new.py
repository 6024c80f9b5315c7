"""`wavegen new plugin`: the files of a plugin that works, to be changed into yours."""

from __future__ import annotations

import keyword
import re
from importlib.resources import files
from pathlib import Path

import click

from .. import __version__
from ..errors import PluginError
from ..plugins import plugins
from .output import json_option, show

TEMPLATE = {
    "pyproject.toml.txt": "pyproject.toml",
    "README.md.txt": "README.md",
    "MODULE.py.txt": "MODULE.py",
    "test_NAME.py.txt": "tests/test_MODULE.py",
}
"""File of the template, and where it goes."""


@click.group()
def new() -> None:
    """Write the files of something new."""


@new.command()
@click.argument("name")
@click.option(
    "--to",
    "folder",
    default=".",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Where to make the folder wavegen-NAME.  [default: here]",
)
@json_option
def plugin(name: str, folder: Path, as_json: bool) -> None:
    """Write a distribution wavegen-NAME: a small domain, called NAME, and its test."""
    _refuse_bad(name)
    module = f"wavegen_{name.replace('-', '_')}"
    target = folder / f"wavegen-{name}"
    if target.exists():
        raise PluginError(f"{target} exists already; choose another name or another --to DIR")
    written: list[str] = []
    for source, place in TEMPLATE.items():
        path = target / place.replace("MODULE", module)
        path.parent.mkdir(parents=True, exist_ok=True)
        text = (files("wavegen.cli") / "template" / source).read_text(encoding="utf-8")
        for word, value in {"NAME": name, "MODULE": module, "VERSION": __version__}.items():
            text = re.sub(rf"\b{word}\b|(?<=_){word}\b", value, text)
        path.write_text(text, encoding="utf-8")
        written.append(str(path))
    commands = f"cd {target} && pip install -e '.[test]' && pytest"
    text = "\n".join([*written, f"next: {commands}"])
    show({"folder": str(target), "files": written, "next": commands}, text, as_json)


def _refuse_bad(name: str) -> None:
    if not re.fullmatch(r"[a-z][a-z0-9]*([_-][a-z0-9]+)*", name) or keyword.iskeyword(name):
        raise PluginError(
            f"{name!r} cannot name a plugin; take lower-case letters and digits, "
            "with single dashes between words, as in piano-rolls"
        )
    taken = [row.source for row in plugins().rows() if row.name == name]
    if taken:
        raise PluginError(f"a plugin {name!r} is installed already: {taken[0]}; take another name")
