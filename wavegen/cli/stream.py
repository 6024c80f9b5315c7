"""`wavegen stream`: one sequence into a pipe, a growing file, a loudspeaker or a MIDI port."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import click

from ..domain_player import LiveOutput, StreamFormat
from ..errors import ConfigError, DataError
from .output import json_option, note, show
from .playing import FILE, PlayCommand, Request, Timing, described, need_writable, plays

_STANDARD_OUTPUT = 1


@click.command(cls=PlayCommand)
@plays
@click.option(
    "-o", "--output", default="-", show_default=True, type=FILE, help="A file, or - for a pipe."
)
@click.option(
    "--midi-port",
    metavar="NAME",
    help="Play notes to this MIDI output, in time, instead of writing; its first letters will do.",
)
@click.option("--play", is_flag=True, help="Play it on this machine instead of writing.")
@json_option
def stream(
    request: Request, output: Path, midi_port: str | None, play: bool, as_json: bool
) -> None:
    """Draw one sequence from the model in RUN until the reader has heard enough, or Ctrl-C.

    As in `wavegen stream RUN | aplay`. RUN may be a program file made by `wavegen program`. With
    --condition-from - it speaks what comes in, while it comes in. Into a pipe goes only the
    sequence; the result of --json goes to standard error. `wavegen stream RUN --help` adds what the
    domain of RUN can be asked for.
    """
    is_pipe = str(output) == "-" and midi_port is None and not play
    _need_one_output(output, midi_port, play)
    from ..program.player import Player  # here, since it takes numpy

    model = request.load()
    domain = model.domain
    arguments = request.arguments()
    if request.prime is not None:
        arguments["prime"] = domain.load(request.prime)
    if request.follow is not None and not isinstance(model, Player):
        arguments["follow"] = model.domain.pieces(request.follow)
    player = described(model)
    drawn = 0

    def count(done: int, total: int | None) -> None:
        nonlocal drawn
        drawn = done

    live = _live(domain.stream_format(), midi_port, play)
    begin = time.perf_counter()
    pieces = model.stream(**arguments, progress=count)
    # The reader went away, or the person said stop: both are how a stream ends.
    with suppress(BrokenPipeError, KeyboardInterrupt):
        if live is None:
            with _opened(output) as file:
                _write(pieces, domain.stream_format(), file)
        else:
            _play(pieces, live)
    timing = Timing.since(begin, drawn, domain.rate_hz)
    values = {"seed": request.seed, **player, **timing.to_dict()}
    if as_json:
        show(values, "", as_json, err=is_pipe)
    else:
        note(f"{timing}, seed {request.seed}")
        if player["engine_note"]:
            note(player["engine_note"])
    if live is not None and live.underruns:
        note(f"{live.underruns} gaps: it was drawn more slowly than it plays; see wavegen bench")


def _live(form: StreamFormat[Any], midi_port: str | None, play: bool) -> LiveOutput[Any] | None:
    """Where it is heard while it is drawn, if anywhere."""
    if midi_port is not None:
        return form.midi_output(midi_port)
    return form.sound_output() if play else None


def _need_one_output(output: Path, midi_port: str | None, play: bool) -> None:
    is_standard = str(output) == "-"
    if play:
        if not is_standard:
            raise ConfigError(f"give -o {output} or --play, not both")
        if midi_port is not None:
            raise ConfigError(f"give --midi-port {midi_port} or --play, not both")
    elif midi_port is not None:
        if not is_standard:
            raise ConfigError(f"give -o {output} or --midi-port {midi_port}, not both")
    elif is_standard and os.isatty(_STANDARD_OUTPUT):
        raise ConfigError("the output is a terminal; add a player, as in | aplay, or -o FILE")
    elif not is_standard and not output.exists():
        need_writable(output)


def _play(pieces: Iterator[Any], live: LiveOutput[Any]) -> None:
    """Each piece is drawn while the one before it sounds."""
    with live:
        for piece in pieces:
            live.play(piece)
        live.finish()


def _opened(output: Path) -> IO[bytes]:
    """Unbuffered: what is drawn is heard."""
    if str(output) == "-":
        return open(_STANDARD_OUTPUT, "wb", buffering=0, closefd=False)
    try:
        return output.open("wb", buffering=0)
    except OSError as error:
        raise DataError(f"{output}: cannot write there ({error.strerror})") from error


def _write(pieces: Iterator[Any], form: StreamFormat[Any], file: IO[bytes]) -> None:
    """The header, then each piece; a file that can be rewound gets the header of its length."""
    n_bytes = 0
    try:
        _write_all(file, form.header)
        for piece in pieces:
            packed = form.pack(piece)
            _write_all(file, packed)
            n_bytes += len(packed)
    finally:
        if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            file.seek(0)
            _write_all(file, form.final_header(n_bytes))


def _write_all(file: IO[bytes], content: bytes) -> None:
    """A raw file may take less than it is given."""
    view = memoryview(content)
    while len(view):
        try:
            view = view[file.write(view) :]
        except BrokenPipeError:
            raise
        except OSError as error:
            raise DataError(f"the stream cannot be written ({error.strerror})") from error
