"""`wavegen bench serve`: a server under load, as its listeners hear it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from ..errors import ConfigError
from .output import json_option, note, show

if TYPE_CHECKING:
    from ..client.address import Address
    from ..client.scenarios import Bench

_URLS = ("ws://", "wss://", "http://", "https://")

N = click.IntRange(0)


@click.command()
@click.argument("target", metavar="[URL|RUN]", default="bach")
@click.option("--model", help="Which of the server's models; the first one if not told otherwise.")
@click.option("--listeners", default=32, show_default=True, type=N, help="Who hear in real time.")
@click.option(
    "--seconds", default=10.0, show_default=True, type=click.FloatRange(0), help="For so long."
)
@click.option(
    "--ramp", default=0.0, show_default=True, type=click.FloatRange(0), help="Come within so long."
)
@click.option("--churn", default=0, type=N, help="Listeners who come, hear a piece and go.")
@click.option("--kills", default=0, type=N, help="Listeners whose connection is cut.")
@click.option("--stalled", default=0, type=N, help="Listeners who never read.")
@click.option("--queue", default=0, type=N, help="Listeners at once, each for a short sequence.")
@click.option("--precision", metavar="NAME", help="Of the server that is started for RUN.")
@click.option("--token", envvar="WAVEGEN_TOKEN", help="Of the server at URL.")
@json_option
def serve(
    target: str,
    model: str | None,
    listeners: int,
    seconds: float,
    ramp: float,
    churn: int,
    kills: int,
    stalled: int,
    queue: int,
    precision: str | None,
    token: str | None,
    as_json: bool,
) -> None:
    """Measure the server at URL, or one of its own that plays RUN.

    Listeners hold 80 ms before they hear, as the page does. first_piece and first_sound count from
    the call, ahead is what a listener holds. A server at URL should have no other listeners, and
    limits that let so many in from one address. Listeners and server share this machine's cores.
    """
    with _server(target, token, precision) as (address, pid):
        from ..client.own_server import memory_bytes

        bench = _bench(address, model)
        wanted: dict[str, tuple[int, Callable[[], Any]]] = {
            "crowd": (listeners, lambda: bench.crowd(listeners, seconds, ramp)),
            "churn": (churn, lambda: bench.churn(churn)),
            "kills": (kills, lambda: bench.kills(kills)),
            "stalled": (stalled, lambda: bench.stalled(stalled)),
            "queue": (queue, lambda: bench.queue(queue)),
        }
        result: dict[str, Any] = {"model": bench.model, "rate_hz": bench.rate_hz}
        for name, (n, measure) in wanted.items():
            if not n:
                continue
            note(f"{name} of {n} ...")
            found = asyncio.run(measure())
            rss = None if pid is None else memory_bytes(pid)
            result[name] = found if rss is None else {**found, "rss_mb": rss / 1e6}
    show(result, _table(result), as_json)


@contextmanager
def _server(
    target: str, token: str | None, precision: str | None
) -> Iterator[tuple[Address, int | None]]:
    from ..client.address import Address
    from ..client.own_server import own_server

    if target.startswith(_URLS):
        if precision is not None:
            raise ConfigError(
                f"--precision {precision} is for a server of its own; give it to the one at "
                f"{target} when that is started"
            )
        yield Address.of(target, token), None
        return
    with own_server(target, () if precision is None else ("--precision", precision)) as own:
        yield own


def _bench(address: Address, model: str | None) -> Bench:
    from ..client.scenarios import Bench

    found = {about["id"]: about for about in address.get("/v1/models")["data"]}
    name = next(iter(found)) if model is None else model
    if name not in found:
        raise ConfigError(f"{address.url} has no model {name!r}; it has {', '.join(found)}")
    return Bench(address, name, float(found[name]["rate_hz"]))


def _table(result: Mapping[str, Any]) -> str:
    lines = [f"{result['model']} at {result['rate_hz']:g} steps/s"]
    for name, figures in result.items():
        if isinstance(figures, Mapping):
            lines += ["", name, *(f"  {key:20} {_figure(value)}" for key, value in figures.items())]
    return "\n".join(lines)


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:,.4g}" if value < 10_000 else f"{value:,.0f}"
