"""`wavegen serve`: models for many listeners at once, over WebSocket and HTTP."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .. import config
from ..errors import ConfigError
from ..serve.limits import Limits
from .options import ConfiguredCommand, Section
from .output import json_option, note, show
from .playing import (
    PROGRAM_SUFFIX,
    device_option,
    engine_option,
    filter_option,
    precision_option,
)

if TYPE_CHECKING:
    from ..playing import TrainedModel
    from ..serve.service import Service

_ORIGIN_SCHEMES = ("http://", "https://")


class ServeCommand(ConfiguredCommand):
    """A command with the limits of a server as options."""

    prefixes = ("--limit.",)

    def sections(self, arguments: Mapping[str, Any]) -> Sequence[Section]:
        """The limits, whatever is served."""
        return (Section("limit", "Limits", Limits, "--limit."),)


@click.command(cls=ServeCommand)
@click.argument("runs", metavar="[NAME=]RUN...", nargs=-1, required=True)
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen at.")
@click.option(
    "--port",
    default=8000,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="0 takes a free one.",
)
@click.option(
    "--token",
    envvar="WAVEGEN_TOKEN",
    show_envvar=True,
    help="What everybody must know who asks for anything; other machines can reach only a server "
    "that has one.",
)
@click.option("--insecure", is_flag=True, help="Let other machines in without a token.")
@click.option(
    "--origin",
    "origins",
    multiple=True,
    metavar="URL",
    help="Let pages of there use the server, as https://music.example; may be repeated. Also the "
    "name that a proxy has.",
)
@click.option("--slots", type=click.IntRange(1), help="Voices of a model that play at once.")
@click.option("--threads", type=click.IntRange(1), help="CPU threads that the native engine takes.")
@filter_option
@engine_option
@precision_option
@device_option
@json_option
def serve(
    runs: tuple[str, ...],
    settings: Mapping[str, Mapping[str, str]],
    host: str,
    port: int,
    token: str | None,
    insecure: bool,
    origins: tuple[str, ...],
    slots: int | None,
    threads: int | None,
    filters: tuple[str, ...],
    engine: str,
    precision: str | None,
    device: str,
    as_json: bool,
) -> None:
    """Play models to many listeners at once, with a page to hear them at.

    RUN is a run or a checkpoint; listeners know it by the name of its folder, or as NAME. What is
    spoken is written down in wavegen/serve/PROTOCOL.md.
    """
    limits = config.parse(Limits, settings["limit"], "limit")
    _need_token(host, token, insecure)
    for origin in origins:
        _need_origin(origin)
    paths = _named(runs)
    try:
        from ..serve import running
        from ..serve.guard import Door, address_with
        from ..serve.service import Service
    except ImportError as error:
        raise ConfigError(
            f"the server needs {error.name}; install it with pip install 'wavegen[serve]'"
        ) from error
    from ..playing import load
    from ..scheduling.engine_thread import EngineThread

    with running.listening(host, port) as listener:  # before models are loaded in vain
        models = {
            name: load(
                path,
                device,
                engine=engine,
                precision=precision or "float32",
                slots=slots,
                threads=threads,
                filters=filters,
            )
            for name, path in paths.items()
        }
        running.raise_file_limit()
        running.log_to_stderr()
        parts = {name: model.part for name, model in models.items()}
        with EngineThread(parts, slots=slots) as thread:
            service = Service(models, thread, limits)
            address = address_with(running.url_of(listener), token)
            if as_json:
                show({"address": address, "models": _listed(service)}, "", as_json)
            else:
                note("\n".join(_described(service, models)))
                note(f"listening at {address}  (Ctrl-C ends it)")
            running.spare_pauses()
            running.Server(service, Door(host, token, origins)).run([listener])


def _named(runs: Sequence[str]) -> dict[str, Path]:
    """Each run under its name."""
    named: dict[str, Path] = {}
    for run in runs:
        name, equals, place = run.partition("=")
        path = Path(place if equals else run)
        name = name if equals else path.resolve().name
        if path.suffix == PROGRAM_SUFFIX or path.is_file():
            raise ConfigError(f"{path}: is a program or a file; give the run that it was made of")
        if not name or name in named:
            raise ConfigError(f"{run}: the name {name!r} is taken or empty; give it as NAME=RUN")
        named[name] = path
    return named


def _need_token(host: str, token: str | None, insecure: bool) -> None:
    if token is not None and not token.strip():
        raise ConfigError("the token is empty; give one that nobody guesses")
    if token is None and not insecure and not _is_loopback(host):
        raise ConfigError(
            f"--host {host} lets other machines in; give a --token, or --insecure if anybody may "
            "come"
        )


def _need_origin(origin: str) -> None:
    if not origin.startswith(_ORIGIN_SCHEMES) or origin.count("/") != 2:
        raise ConfigError(
            f"--origin {origin} is none; it looks like https://music.example:8080, without a path"
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _listed(service: Service) -> list[dict[str, Any]]:
    return [
        {
            "name": served.name,
            "kind": served.kind,
            "rate_hz": served.rate_hz,
            "slots": served.scheduler.n_slots,
            "xrt": served.scheduler.speeds.xrt(1, served.rate_hz),
        }
        for served in service.models
    ]


def _described(service: Service, models: Mapping[str, TrainedModel]) -> list[str]:
    """One line a model, and one more where it is too slow to be heard as it is made."""
    lines: list[str] = []
    for served in service.models:
        model, slots = models[served.name], served.scheduler.n_slots
        speeds = served.scheduler.speeds
        xrt = speeds.xrt(1, served.rate_hz)
        full = f", {speeds.xrt(slots, served.rate_hz):.3g} with all slots taken" * (slots > 1)
        lines.append(
            f"{served.name}: {served.kind} at {served.rate_hz:g} steps/s, {slots} "
            f"{'slot' if slots == 1 else 'slots'}, {model.engine_name} engine, xrt {xrt:.3g}{full}"
        )
        if xrt < 1:
            lines.append(
                f"{served.name}: below real time here, so listeners wait while it is made ahead; "
                "a lower --precision, a smaller model or more cores make it faster"
            )
        if model.engine_note:
            lines.append(model.engine_note)
    return lines
