"""The command line's frame: which commands there are, and how they fail.

Commands are named in a table and imported when they are run: `wavegen --help` imports neither
torch nor any plugin.
"""

from __future__ import annotations

import difflib
import errno
import os
import traceback
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from .. import __version__
from ..errors import PluginError, WavegenError

COMMANDS = {
    "train": ("train:train", "Train a model on a folder of files."),
    "sample": ("sample:sample", "Draw new sequences from a trained model into files."),
    "stream": ("stream:stream", "Draw one sequence without end into a pipe."),
    "serve": ("serve:serve", "Play models to many listeners, with a page to hear them at."),
    "program": ("program:program", "Make a program file of a model: it plays without PyTorch."),
    "eval": ("eval:evaluate", "Score a trained model on files, in bits."),
    "info": ("info:info", "Show what a run holds and how it was trained."),
    "compare": ("compare:compare", "Set trained runs beside each other, with a picture."),
    "models": ("models:models", "List the models, or all that can be set in one."),
    "plugins": ("plugins:plugins", "List the plugins; --check loads each of them."),
    "check": ("check:check", "Test an installed model or domain against the contract."),
    "new": ("new:new", "Write the files of a new plugin."),
    "doctor": ("doctor:doctor", "Show versions, devices and what is broken."),
    "bench": ("bench:bench", "Measure speed on this machine."),
}
"""Name: module in this package and command in it, and one line of help."""


class Failure(click.ClickException):
    """An error that the user can mend: one line, exit code 2."""

    exit_code = 2

    def show(self, file: Any = None) -> None:
        """Print the line to standard error."""
        click.echo(f"wavegen: {self.message}", file=file, err=True)


class CommandTable(click.Group):
    """A group that knows its commands by name and imports one when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The core's commands, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command:
        """Import a command of the core, or ask the plugins for it."""
        if cmd_name in COMMANDS:
            module, _, command = COMMANDS[cmd_name][0].partition(":")
            return getattr(import_module(f"{__name__}.{module}"), command)
        from ..plugins import plugins

        try:
            return plugins().command(cmd_name).spec
        except PluginError as error:
            if near := difflib.get_close_matches(cmd_name, COMMANDS, n=1):
                message = f"no command {cmd_name!r}; did you mean {near[0]}?"
            else:
                message = f"{error} among plugins; wavegen --help lists the core's commands"
            raise click.UsageError(message, ctx) from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the table, with nothing imported."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run as a program."""
        try:
            return super().main(*args, **extra)
        except SystemExit as end:
            if "LOCAL_RANK" in os.environ:
                from ..training.distributed import leave

                leave(int(end.code or 0))
            raise

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; what the user can mend becomes one line and exit code 2."""
        try:
            _add_plugins(ctx.params["plugin_files"])  # they may bring the command
            return super().invoke(ctx)
        except KeyboardInterrupt:
            ctx.exit(130)
        except (WavegenError, OSError) as error:
            if isinstance(error, OSError) and error.errno == errno.EPIPE:
                raise  # the reader has gone; click ends quietly
            if ctx.params["debug"]:
                traceback.print_exc()
            raise Failure(_one_line(error)) from error


def _one_line(error: WavegenError | OSError) -> str:
    text = str(error)
    if isinstance(error, OSError) and error.strerror:
        text = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return " ".join(text.split())


def _add_plugins(files: Sequence[Path]) -> None:
    if files:
        from ..plugins import plugins

        for file in files:
            plugins().add_file(file)


@click.group(cls=CommandTable, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="wavegen")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.option(
    "--plugin",
    "plugin_files",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FILE.py",
    help="Load a plugin from one file; may be repeated.",
)
def main(debug: bool, plugin_files: tuple[Path, ...]) -> None:
    """Train autoregressive models of sequences and play them, one step at a time.

    Plugins may add commands; `wavegen plugins --check` shows them.
    """
