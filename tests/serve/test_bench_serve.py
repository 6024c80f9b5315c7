"""The load test: its listeners hear as people do, and its figures are those of the server."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from serving import N_SLOTS, RATE_HZ, running
from stand_in import Counter, standing_in

from wavegen.cli import main
from wavegen.client.address import Address
from wavegen.client.ear import BUFFER_SECONDS, Ear, Heard, listen
from wavegen.client.scenarios import Bench, metrics
from wavegen.serve.limits import Limits
from wavegen.serve.server_messages import Error


def test_an_ear_begins_with_its_buffer_and_hears_in_real_time() -> None:
    ear = Ear(rate_hz=1000)
    ear.arrive(79, now=10.0)
    assert not ear.is_playing
    ear.arrive(1, now=10.01)
    assert ear.is_playing
    assert ear.heard(10.0505) == 40
    assert ear.ahead(10.0505) == pytest.approx(0.04)
    assert ear.underruns == 0


def test_an_ear_that_runs_out_waits_for_its_buffer_again() -> None:
    ear = Ear(rate_hz=1000)
    ear.arrive(100, now=0.0)
    assert ear.heard(5.0) == 100
    assert (ear.underruns, ear.is_playing) == (1, False)
    ear.arrive(79, now=5.0)
    assert not ear.is_playing
    ear.arrive(1, now=5.0)
    assert ear.heard(5.0105) == 110
    assert ear.underruns == 1


@given(st.lists(st.tuples(st.integers(1, 300), st.floats(0, 0.3))))
def test_what_is_heard_has_arrived(pieces: list[tuple[int, float]]) -> None:
    ear, now, before = Ear(rate_hz=1000), 0.0, 0
    for steps, wait in pieces:
        now += wait
        ear.arrive(steps, now)
        heard = ear.heard(now)
        assert before <= heard <= ear.arrived
        assert heard <= now * 1000 + 1
        before = heard


def test_a_listener_acks_what_it_heard() -> None:
    with standing_in() as server:
        start = {"type": "start", "version": 1, "model": "x", "max_ahead_ms": 300}
        address = Address.of(server.url, None)
        heard = asyncio.run(listen(address, start, lambda so_far: len(so_far.ahead) >= 4))
        (counter,) = server.counters
        assert server.gone.wait(5)
    assert (heard.place, heard.xrt, heard.refused) == (2, 9.0, None)
    assert heard.first_piece is not None
    assert heard.first_sound is not None
    assert heard.first_piece <= heard.first_sound
    assert heard.steps >= BUFFER_SECONDS * 1000
    assert counter.acks == sorted(counter.acks)
    assert len(counter.acks) >= 3
    assert counter.most_ahead <= 320


def test_a_listener_that_is_refused_says_why() -> None:
    def full(counter: Counter) -> None:
        counter.say(Error(code="full", message="no room"))

    start = {"type": "start", "version": 1, "model": "x"}
    with standing_in(full) as server:
        heard = asyncio.run(listen(Address.of(server.url, None), start, lambda _: False))
    assert heard.refused == "full"
    nobody = asyncio.run(listen(Address.of("ws://127.0.0.1:1", None), start, lambda _: False))
    assert nobody == Heard(refused="ConnectionRefusedError")


@pytest.fixture(scope="module")
def bench(models: object, engine: object) -> object:
    limits = Limits(voices_per_address=1000)
    with running(models, engine, limits) as server:  # pyright: ignore
        yield Bench(Address.of(server.url, None), "toy", RATE_HZ)


def test_each_scenario_leaves_nothing_behind(bench: Bench) -> None:
    crowd = asyncio.run(bench.crowd(3, 0.5, 0.1))
    assert (crowd["refused"], crowd["without_sound"]) == (0, 0)
    assert 0 < crowd["first_piece_ms_p50"] <= crowd["first_piece_ms_p99"]
    assert crowd["steps_per_s"] > RATE_HZ
    churn = asyncio.run(bench.churn(10))
    assert (churn["refused"], churn["playing_left"], churn["queued_left"]) == (0, 0, 0)
    kills = asyncio.run(bench.kills(3))
    assert (kills["never_freed"], kills["playing_left"]) == (0, 0)
    queue = asyncio.run(bench.queue(5 * N_SLOTS))
    assert (queue["served"], queue["refused"]) == (5 * N_SLOTS, 0)
    assert queue["longest_queue"] >= N_SLOTS


def test_a_listener_who_never_reads_is_not_played_to(bench: Bench) -> None:
    stalled = asyncio.run(bench.stalled(1))
    assert 875 < stalled["made_ms"] <= 1000  # max_ahead_ms, or too near to it for another piece
    assert stalled["playing_left"] == 0


@pytest.mark.slow
def test_the_command_measures_a_server_of_its_own(toy_run: Path) -> None:
    words = ["bench", "serve", str(toy_run), "--listeners", "2", "--seconds", "0.3", "--json"]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 0, result.output
    values = json.loads(result.stdout)
    assert (values["model"], values["rate_hz"]) == (toy_run.name, RATE_HZ)
    assert values["crowd"]["listeners"] == 2
    assert values["crowd"]["rss_mb"] > 50
    assert "churn" not in values


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["ws://127.0.0.1:1"], "no server answers there"),
        (["no/such/run"], "the server did not start: .*no/such/run"),
        (["ws://127.0.0.1:1", "--precision", "int8"], "is for a server of its own"),
    ],
)
def test_what_cannot_be_measured_is_one_line(words: list[str], message: str) -> None:
    result = CliRunner().invoke(main, ["bench", "serve", *words])
    assert result.exit_code == 2
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) == 1


def test_another_model_is_named(bench: Bench) -> None:
    result = CliRunner().invoke(main, ["bench", "serve", bench.address.url, "--model", "x"])
    assert "has no model 'x'; it has toy, other" in result.stderr
    assert metrics(bench.address, "x") == {"playing": 0, "queued": 0, "steps": 0}
