"""What TensorBoard reads back is what the events said."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from wavegen.errors import PluginError
from wavegen.hookspecs import Event, Observer
from wavegen.observers import wavegen_observers


def build(run: Path) -> Observer:
    (spec,) = (spec for spec in wavegen_observers() if spec.name == "tensorboard")
    return spec.build(run)


def read(run: Path) -> EventAccumulator:
    """Everything written so far."""
    return EventAccumulator(str(run / "tensorboard"), size_guidance={"scalars": 0}).Reload()


def test_numbers_become_curves(tmp_path: Path) -> None:
    observer = build(tmp_path)
    observer.notify(Event("started", {"step": 0, "device": "cpu"}))
    for step in range(1, 6):
        observer.notify(Event("progress", {"step": step, "bits": 8.0 - step, "model": "wavenet"}))
    observer.notify(Event("validated", {"step": 5, "bits": np.float32(2.5)}))
    observer.notify(Event("finished", {"step": 5}))

    board = read(tmp_path)
    curve = [(point.step, point.value) for point in board.Scalars("progress/bits")]
    assert curve == [(step, 8.0 - step) for step in range(1, 6)]
    assert [point.value for point in board.Scalars("validated/bits")] == [2.5]
    assert sorted(board.Tags()["scalars"]) == ["progress/bits", "validated/bits"]


def test_an_interrupted_run_keeps_what_was_validated(tmp_path: Path) -> None:
    observer = build(tmp_path)
    observer.notify(Event("progress", {"step": 1, "bits": 7.0}))
    observer.notify(Event("validated", {"step": 1, "bits": 6.0}))
    assert sorted(read(tmp_path).Tags()["scalars"]) == ["progress/bits", "validated/bits"]
    observer.notify(Event("finished", {"step": 1}))  # ends the writer's thread


@pytest.mark.parametrize("as_file", [False, True], ids=["samples", "file"])
def test_a_sample_is_heard_and_seen(tmp_path: Path, as_file: bool) -> None:
    sound = np.sin(np.arange(800) * 0.2).astype(np.float32) * 0.5
    wav, png = tmp_path / "a.wav", tmp_path / "a.png"
    soundfile.write(wav, np.stack([sound, sound], axis=1), 8000, subtype="FLOAT")
    Image.new("RGB", (5, 3), (10, 20, 30)).save(png)
    audio = {"audio": wav} if as_file else {"audio": sound, "rate_hz": 8000.0}

    observer = build(tmp_path)
    observer.notify(Event("sampled", {"step": 7, "picture": png, **audio}))
    board = read(tmp_path)
    observer.notify(Event("finished", {"step": 7}))

    assert board.Tags()["scalars"] == []
    (heard,) = board.Audio("sampled/audio")
    samples, rate_hz = soundfile.read(io.BytesIO(heard.encoded_audio_string), dtype="float32")
    assert (heard.step, rate_hz) == (7, 8000)
    np.testing.assert_allclose(samples, sound, atol=2 / 2**15)
    (seen,) = board.Images("sampled/picture")
    with Image.open(io.BytesIO(seen.encoded_image_string)) as picture:
        assert picture.size == (5, 3)
        assert picture.getpixel((4, 2)) == (10, 20, 30)


def test_samples_without_a_rate_are_a_bug_of_the_sender(tmp_path: Path) -> None:
    observer = build(tmp_path)
    with pytest.raises(ValueError, match="must carry `rate_hz`"):
        observer.notify(Event("sampled", {"step": 0, "audio": np.zeros(8, np.float32)}))
    observer.notify(Event("finished", {"step": 0}))


def test_without_the_extra_the_message_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "torch.utils.tensorboard", raising=False)
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.raises(PluginError, match=r"pip install wavegen\[tensorboard\]"):
        build(tmp_path)
