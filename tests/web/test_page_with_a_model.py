"""The page and a real server that plays a real model, from the command line to the loudspeaker."""

from __future__ import annotations

import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mido
import pytest
from listening import TAP, all_eight, loudness, play, until_text
from opening_pages import opened, until

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """`wavegen serve bach`; its address."""
    command = [Path(sys.executable).with_name("wavegen"), "serve", "bach", "--port", "0"]
    with subprocess.Popen(
        command, stderr=subprocess.STDOUT, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            said = (re.search(r"http://\S+/", line) for line in process.stdout)
            yield next(filter(None, said))[0]
        finally:
            process.terminate()


@pytest.fixture
def page(browser: Any, server: str) -> Iterator[Any]:
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.add_init_script(TAP)
    yield from opened(context, server)
    context.close()


def n_listeners(server: str) -> float:
    with urllib.request.urlopen(f"{server}metrics") as response:
        return float(re.search(r"^wavegen_listeners (\S+)", response.read().decode(), re.M)[1])


def test_a_chorale_is_heard_kept_and_ended(page: Any, server: str, tmp_path: Path) -> None:
    page.fill("#plan-key", "G")
    play(page, "bach")
    assert n_listeners(server) == 1
    page.wait_for_timeout(400)
    assert min(loudness(page, 5)) > 0.005
    assert page.inner_text("#underruns") == "0"
    page.click("#play")
    until(lambda: n_listeners(server) == 0, 1.0)
    with page.expect_download() as download:
        page.get_by_role("button", name="Download it as MIDI").click()
    download.value.save_as(tmp_path / "bach.mid")
    song = mido.MidiFile(tmp_path / "bach.mid")
    assert song.length == pytest.approx(5.5, abs=1)
    assert all(any(each.type == "note_on" for each in track) for track in song.tracks[1:])


def test_a_preview_that_is_kept_goes_on(page: Any, server: str) -> None:
    play(page, "bach")
    page.click("#branch")
    all_eight(page)
    until(lambda: n_listeners(server) == 0, 1.0)
    page.click(".tile:nth-child(5) .tile-hear")
    page.wait_for_timeout(1000)
    page.click(".tile:nth-child(5) .tile-keep")
    until_text(page, "status", "^Way 5")
    until_text(page, "clock", "0:1[3-9]", 30)  # beyond the ten seconds of the preview
    assert page.inner_text("#underruns") == "0"
    assert page.is_hidden("#error")
    assert min(loudness(page, 1)) > 0.005
