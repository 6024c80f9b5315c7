"""What the README shows works: its commands and its Python run here, in order, as they stand.

A ```python block is run; in a ```console block the lines that begin with `$ ` are commands (a
backslash continues one), the others are output. `wavegen` commands are run with `--minutes` cut
short; of one that feeds a pipe, the first bytes are read. A line `<!-- not run: WHY -->` before a
block exempts it from running; it must still compile, or name commands and options that exist.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import click
import pytest

from wavegen.cli import main
from wavegen.errors import CheckpointError

CHECKOUT = Path(__file__).resolve().parents[1]
README = CHECKOUT / "README.md"
COMMAND = Path(sys.executable).with_name("wavegen")
MINUTES = "0.1"
SETTING_UP = {".", "cd", "git", "make", "pip", "python3", "sudo"}
"""Commands that make the environment in which these tests already run."""


@dataclass(frozen=True)
class Block:
    """A fenced block, the line of its first line, and whether it is to be run."""

    language: str
    line: int
    text: str
    runs: bool

    def commands(self) -> list[list[str]]:
        """The words of each command, a pipe and what follows it included."""
        joined = self.text.replace("\\\n", " ")
        lines = [line[2:] for line in joined.splitlines() if line.startswith("$ ")]
        return [shlex.split(line, comments=True) for line in lines]


FENCE = re.compile(
    r"^(?P<exempt><!-- not run: [^\n]+ -->\n+)?```(?P<language>\w*)\n(?P<text>.*?)^```$",
    re.M | re.S,
)


def blocks(text: str) -> list[Block]:
    """The fenced blocks of a document."""
    return [
        Block(
            found["language"],
            text.count("\n", 0, found.start("text")) + 1,
            found["text"],
            found["exempt"] is None,
        )
        for found in FENCE.finditer(text)
    ]


def parse(words: list[str]) -> None:
    """Go through a command of wavegen up to where it would start; raises `click.UsageError`."""
    command, context, rest = main, click.Context(main, info_name="wavegen"), words[1:]
    while rest and isinstance(command, click.Group):
        _, rest, _ = command.make_parser(context).parse_args(list(rest))
        if rest:
            name, found, rest = command.resolve_command(context, rest)
            assert found is not None, f"no command {name!r}"
            command, context = found, click.Context(found, parent=context, info_name=name)
    if rest and "--help" not in rest:
        # What can be asked of a run is known once there is one.
        with suppress(CheckpointError):
            command.make_context(context.info_name, rest, parent=context.parent)


def check(words: list[str]) -> None:
    """Fail where a command names something that is not there."""
    if words[0] == "wavegen":
        parse(before_pipe(words))
    elif words[0] == "make":
        targets = re.findall(r"^([\w-]+):", (CHECKOUT / "Makefile").read_text(), re.M)
        assert set(words[1:]) <= set(targets), f"{words}: the Makefile has {targets}"
    elif words[0].startswith("tests/recipes/"):
        assert os.access(CHECKOUT / words[0], os.X_OK), f"{words[0]} is no script"
    else:
        assert words[0] in SETTING_UP, f"{words[0]}: this test knows no such command"


def before_pipe(words: list[str]) -> list[str]:
    """The words of the first command of a pipe."""
    return words[: words.index("|")] if "|" in words else words


def execute(words: list[str], folder: Path) -> None:
    """Run a command of wavegen in `folder`."""
    arguments = before_pipe(words)[1:]
    for place, word in enumerate(arguments[:-1]):
        if word == "--minutes":
            arguments[place + 1] = MINUTES
    with subprocess.Popen(
        [COMMAND, *arguments], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        if "|" in words and process.stdout is not None:
            assert len(process.stdout.read(4096)) == 4096
            process.stdout.close()  # as a player does that has heard enough
            process.stdout = None
        _, errors = process.communicate()
    assert process.returncode == 0, f"{shlex.join(words)}\n{errors.decode()}"


def test_the_readme_shows_commands_and_python() -> None:
    shown = blocks(README.read_text())
    assert README.read_text().count("\n```") == 2 * len(shown), "a fence is open"
    assert {"console", "python"} <= {block.language for block in shown if block.runs}


def test_everything_named_exists() -> None:
    for block in blocks(README.read_text()):
        place = f"README.md, line {block.line}"
        if block.language == "python":
            compile(block.text, place, "exec", dont_inherit=True)
        for words in block.commands() if block.language == "console" else []:
            try:
                check(words)
            except click.ClickException as error:
                pytest.fail(f"{place}: {shlex.join(words)}: {error.format_message()}")


@pytest.mark.timeout(900)  # the README trains and checks, and other work may take the cores
def test_everything_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "assets").symlink_to(CHECKOUT / "assets")
    monkeypatch.chdir(tmp_path)
    module = ModuleType("readme")  # a dataclass looks its module up
    monkeypatch.setitem(sys.modules, module.__name__, module)
    for block in blocks(README.read_text()):
        if block.runs and block.language == "python":
            aligned = "\n" * (block.line - 1) + block.text  # tracebacks show the README's lines
            exec(compile(aligned, README, "exec"), module.__dict__)
        if block.runs and block.language == "console":
            for words in block.commands():
                if words[0] == "wavegen":
                    execute(words, tmp_path)


SHOWN = """
```console
$ wavegen train audio sounds \\
    -o run
step 1
$ wavegen stream run -o - | aplay  # sound
```

<!-- not run: needs a GPU -->
```python
x = 1
```
"""


def test_blocks_and_commands_are_found() -> None:
    console, python = blocks(SHOWN)
    assert console.commands() == [
        ["wavegen", "train", "audio", "sounds", "-o", "run"],
        ["wavegen", "stream", "run", "-o", "-", "|", "aplay"],
    ]
    assert (console.runs, console.line) == (True, 3)
    assert (python.language, python.runs, python.text) == ("python", False, "x = 1\n")


@pytest.mark.parametrize(
    "line",
    [
        "wavegen trian audio sounds -o run",
        "wavegen train audio sounds -o run --domain.rate 8000",
        "wavegen train audio sounds -o run --minuets 5",
        "wavegen plugins --chek",
        "make tea",
        "tests/recipes/no_such.sh",
        "curl example.org",
    ],
)
def test_what_does_not_exist_is_noticed(line: str) -> None:
    with pytest.raises((click.UsageError, AssertionError)):
        check(line.split())


@pytest.mark.parametrize(
    "line", ["wavegen plugins --check --json", "wavegen --help", "wavegen", "make demo"]
)
def test_what_exists_is_let_through(line: str) -> None:
    check(line.split())
