"""`wavegen serve` as a user runs it: what it says, what it refuses, how it ends."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner
from serving import RATE_HZ, Talk
from websockets.sync.client import connect

from wavegen.cli import main
from wavegen.serve.server_messages import Created, GoingAway, Saved

COMMAND = Path(sys.executable).with_name("wavegen")


@contextmanager
def serving(*arguments: str | Path) -> Iterator[tuple[subprocess.Popen[str], str, str]]:
    """The process, its address and what it said before that."""
    command = [COMMAND, "serve", *arguments, "--port", "0", "--engine", "torch", "--slots", "4"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as process:
        try:
            assert process.stderr is not None
            said = ""
            while (found := re.search(r"listening at (\S+)", said)) is None:
                line = process.stderr.readline()
                assert line, said
                said += line
            yield process, found[1], said
        finally:
            process.kill()


def test_a_script_is_told_where_it_listens(toy_run: Path) -> None:
    command = [COMMAND, "serve", toy_run, "--port", "0", "--engine", "torch", "--slots", "4"]
    with subprocess.Popen([*command, "--json"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = ""
        while not said.endswith("}\n") or said.count("{") > said.count("}"):
            said += process.stdout.readline()
        process.kill()
    told = json.loads(said)
    assert told["address"].startswith("http://127.0.0.1:")
    (model,) = told["models"]
    assert (model["kind"], model["rate_hz"], model["slots"]) == ("samples", RATE_HZ, 4)


def test_it_serves_and_ends_when_it_is_told(toy_run: Path) -> None:
    with serving(f"one={toy_run}", f"two={toy_run}", "--limit.grace_seconds", "2") as (
        process,
        url,
        said,
    ):
        assert f"one: samples at {RATE_HZ} steps/s, 4 slots, torch engine, xrt" in said
        names = [model["id"] for model in httpx.get(f"{url}v1/models").json()["data"]]
        assert names == ["one", "two"]
        with connect(f"{url.replace('http', 'ws')}v1/stream", max_queue=None) as socket:
            talk = Talk(socket)
            talk.start(model="two")
            talk.until(Created)
            talk.steps(1)
            process.send_signal(signal.SIGTERM)
            talk.until(Saved)
            assert talk.until(GoingAway).grace_s == 2.0
            assert talk.close_code() == 1001
        assert process.wait(10) == 0
        assert process.stderr is not None
        assert "Traceback" not in process.stderr.read()


def test_a_second_signal_ends_it_at_once(toy_run: Path) -> None:
    with (
        serving(toy_run, "--limit.grace_seconds", "600") as (process, url, _),
        connect(f"{url.replace('http', 'ws')}v1/stream", max_queue=None) as socket,
    ):
        talk = Talk(socket)
        talk.start()
        talk.until(Created)
        process.send_signal(signal.SIGINT)
        talk.until(GoingAway)
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 1


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["toy", "toy"], "toy: the name 'toy' is taken or empty; give it as NAME=RUN"),
        (["a=toy", "a=toy"], "the name 'a' is taken"),
        (["x.program"], "x.program: is a program or a file; give the run"),
        (["toy", "--host", "0.0.0.0"], "give a --token, or --insecure"),
        (["toy", "--token", " "], "the token is empty"),
        (["toy", "--origin", "music.example/x"], "--origin music.example/x is none"),
        (["toy", "--host", "no.such.host.invalid"], "give a --token"),
        (["toy", "--host", "198.51.100.1", "--insecure"], "cannot listen on 198.51.100.1"),
        (["toy", "--limit.idle_seconds", "-1"], "limit.idle_seconds is -1.0; it must be above 0"),
        (["toy", "--limit.voices", "17"], "a connection has 16 at most"),
        (["nowhere"], "nowhere"),
    ],
)
def test_what_it_refuses(arguments: list[str], told: str) -> None:
    result = CliRunner().invoke(main, ["serve", *arguments, "--port", "0"])
    assert (result.exit_code, result.output.count("\n")) == (2, 1), result.output
    assert told in result.output


def test_its_help_lists_all_limits() -> None:
    result = CliRunner().invoke(main, ["serve", "--help"])
    assert "--limit.voices_per_address" in result.output
    assert "--limit.grace_seconds" in result.output
    assert result.exit_code == 0
