"""The parts of the page that compute: the player's queue, the spectrum, scores, files."""

from __future__ import annotations

import io
from typing import Any

import mido
import numpy as np
import pytest

RENDER = """
async ([rate, deviceRate, pieces, seconds]) => {
  const context = new OfflineAudioContext(1, deviceRate * seconds, deviceRate);
  await context.audioWorklet.addModule("player-worklet.js");
  const node = new AudioWorkletNode(context, "wavegen-player", { numberOfInputs: 0 });
  node.connect(context.destination);
  const told = [];
  node.port.onmessage = ({ data }) => told.push(data);
  const say = async (message) => {
    node.port.postMessage({ run: 1, ...message });
    await new Promise((resolve) => setTimeout(resolve, 25)); // the audio thread reads it
  };
  context.suspend(0).then(async () => {
    await say({ type: "begin", rate, seconds: null });
    context.resume();
  });
  for (const [at, first, n, isLast] of pieces) {
    context.suspend(at).then(async () => {
      const samples = Float32Array.from({ length: n }, (_, i) =>
        0.5 * Math.sin((2 * Math.PI * 440 * (first + i)) / rate));
      await say({ type: "push", samples });
      if (isLast) await say({ type: "finish" });
      context.resume();
    });
  }
  const sound = await context.startRendering();
  await new Promise((resolve) => setTimeout(resolve, 50));
  return [[...sound.getChannelData(0)], told.filter(({ type }) => type !== "report")];
}
"""


def rendered(still_page: Any, rate: int, device: int, pieces: list[Any], seconds: float) -> Any:
    """What the player's worklet plays on a device of that rate: samples, and what it tells."""
    sound, told = still_page.evaluate(RENDER, [rate, device, pieces, seconds])
    return np.array(sound), [each["type"] for each in told], told


@pytest.mark.parametrize(("rate", "device"), [(16_000, 16_000), (16_000, 48_000), (8_000, 44_100)])
def test_the_player_plays_every_sample_once(still_page: Any, rate: int, device: int) -> None:
    pieces = [[0.1, 0, rate // 4, False], [0.2, rate // 4, rate // 4, True]]
    sound, names, told = rendered(still_page, rate, device, pieces, 1.0)
    assert names == ["started", "ended"]
    begin = round(told[0]["time"] * device)
    t = np.arange(round(0.48 * device)) / device
    ideal = 0.5 * np.sin(2 * np.pi * 440 * t)
    heard = sound[begin : begin + len(t)]
    inner = slice(round(0.01 * device), round(0.47 * device))  # beside the fades
    lags = [np.abs(np.roll(ideal, lag) - heard)[inner].max() for lag in range(130)]
    assert min(lags) < (1e-6 if rate == device else 0.004)
    assert told[1]["heard"] == pytest.approx(rate / 2, abs=0.006 * rate)
    assert np.abs(sound[begin + round(0.52 * device) :]).max() == 0
    assert np.abs(np.diff(sound)).max() < 0.5 * 2 * np.pi * 440 / device * 1.2  # no click


def test_an_underrun_fades_and_waits_a_little_longer(still_page: Any) -> None:
    rate = 16_000
    pieces = [[0.05, 0, 1_600, False], [0.3, 1_600, 1_300, False], [0.4, 2_900, 8_000, True]]
    sound, names, told = rendered(still_page, rate, rate, pieces, 1.2)
    assert names == ["started", "underrun", "started", "ended"]
    # 1,300 samples are 81 ms, and 85 ms are waited for after an underrun.
    assert told[2]["time"] >= 0.4
    assert np.abs(np.diff(sound)).max() < 0.5 * 2 * np.pi * 440 / rate * 1.2
    assert told[3]["heard"] == pytest.approx(1_600 + 1_300 + 8_000, abs=0.006 * rate)


def test_a_sine_of_full_scale_has_power_one(still_page: Any) -> None:
    power = still_page.evaluate(
        """async () => {
          const { Spectrum } = await import("./fft.js");
          const power = new Float32Array(256);
          new Spectrum(512).of((i) => Math.sin((2 * Math.PI * 40 * i) / 512), power);
          return [...power];
        }"""
    )
    assert power[40] == pytest.approx(1, abs=1e-3)
    assert max(power[:38] + power[43:]) < 1e-6


def test_a_score_can_be_cut_and_gone_on_with(still_page: Any) -> None:
    notes = still_page.evaluate(
        """async () => {
          const { Score } = await import("./notes.js");
          const score = new Score(), hold = { on: {}, hold: { bass: 48 } };
          const strike = (bass) => ({ on: { bass }, hold: {} });
          score.write([strike(48), hold, hold, strike(50)], 0);
          score.cut(2);
          score.write([hold, { on: {}, hold: {} }, strike(48)], 2);
          return score.notes;
        }"""
    )
    assert [(note["start"], note["end"], note["pitch"]) for note in notes] == [
        (0, 3, 48),
        (4, 5, 48),
    ]


def test_long_notes_and_long_rests_survive_midi(still_page: Any) -> None:
    content = still_page.evaluate(
        """async () => {
          const { midiFile } = await import("./midi.js");
          const notes = [{ voice: "alto", pitch: 60, start: 200, end: 20000 }];
          return [...new Uint8Array(await midiFile(notes, 4.8).arrayBuffer())];
        }"""
    )
    song = mido.MidiFile(file=io.BytesIO(bytes(content)))
    assert song.length == pytest.approx(20_000 / 4.8)
    times = [each.time for each in song.tracks[2] if each.type.startswith("note")]
    assert times == [200 * 120, 19_800 * 120]


def test_quantiles_and_ticks(still_page: Any) -> None:
    values, ticks = still_page.evaluate(
        """async () => {
          const { quantile, ticks } = await import("./fan.js");
          const sorted = [1, 2, 4, 8, 16];
          return [[0, 0.1, 0.5, 0.9, 1].map((q) => quantile(sorted, q)), ticks(-3, 11, 4)];
        }"""
    )
    assert values == pytest.approx(np.quantile([1, 2, 4, 8, 16], [0, 0.1, 0.5, 0.9, 1]))
    assert ticks == [0, 5, 10]


def test_pages_turn_where_motion_is_not_wanted(still_page: Any) -> None:
    places = """async () => {
      const { Timeline } = await import("./timeline.js");
      return [0, 1, 9, 10, 30].map((second) => new Timeline(1000, 10, 100, 100 * second).x(0));
    }"""
    moving = still_page.evaluate(places)
    still_page.emulate_media(reduced_motion="reduce")
    still = still_page.evaluate(places)
    still_page.emulate_media(reduced_motion="no-preference")
    assert moving == pytest.approx([16, 16, 760 - 900, 760 - 1000, 760 - 3000])
    assert still == pytest.approx([16, 16, 16 - 744, 16 - 744, 16 - 4 * 744], abs=1)
