"""The promises of playing, kept by the WaveNet: cutting, company, saving and scoring."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from wavegen_audio.config import AudioConfig
from wavegen_audio.domain import AudioDomain

from wavegen import state as trees
from wavegen.controls import Controls
from wavegen.engines.choice import EngineOptions
from wavegen.models.wavenet import WaveNet
from wavegen.models.wavenet_config import WaveNetConfig
from wavegen.native import library
from wavegen.playing import TrainedModel

SMALL = {"stacks": 2, "layers": 4, "residual_channels": 32, "gate_channels": 64,
         "skip_channels": 64}  # fmt: skip
MEL = {"cond": "mel", "n_mels": 20, "n_fft": 128, "hop": 32}
VARIANTS = {
    "kernel 2": ({}, {}),
    "kernel 3": ({"kernel": 3}, {}),
    "weight norm, logistics": ({"weight_norm": True}, {"output": "logistics"}),
    "follows mel frames": ({"cond_layers": 2}, MEL),
    "three speakers": ({}, {"label_from": "folder", "labels": ("a", "b", "c")}),
}
try:
    library.builds()
    ENGINES = ("torch", "native")
except library.NativeUnavailable:
    ENGINES = ("torch",)


def played_by_all(*variants: str) -> list[str]:
    return [f"{variant}, by {engine}" for variant in variants for engine in ENGINES]


PLAYED = played_by_all(*VARIANTS)


def trained(played: str) -> TrainedModel:
    variant, _, engine = played.rpartition(", by ")
    changes, audio = VARIANTS[variant]
    domain = AudioDomain(AudioConfig(rate_hz=8000, **audio))
    torch.manual_seed(1)
    head = domain.head()
    model = WaveNet(WaveNetConfig(**{**SMALL, **changes}), domain.spec(head))
    for weights in model.parameters():
        weights.data.add_(torch.randn_like(weights) * 0.15)  # far from what it starts as
    lead_in = model.receptive_field + model.cond_reach
    return TrainedModel(model, head, domain, lead_in=lead_in, options=EngineOptions(engine))


MODELS = {played: trained(played) for played in PLAYED}


def recording(seed: int, length: int) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(size=length)
    return (np.sin(np.arange(length) / 9) * 0.3 + noise * 0.1).astype(np.float32)


@pytest.mark.parametrize("played", PLAYED)
def test_stream_is_generate(played: str) -> None:
    model = MODELS[played]
    sound = recording(0, 600)
    follow = sound if model.domain.cond_channels else None
    given_ = {"seed": 5, "controls": Controls(temperature=0.9), "prime": sound[:150], "steps": 600,
              "label": "b" if model.domain.labels else None}  # fmt: skip
    (whole,) = model.generate(1, follow=follow, **given_)
    cut = None if follow is None else iter(np.array_split(follow, 7))
    pieces = list(model.stream(follow=cut, **given_))
    assert len(pieces) > 3
    assert np.array_equal(np.concatenate(pieces), whole)
    assert len(np.unique(whole[150:])) > 20


@settings(max_examples=10)
@given(
    played=st.sampled_from(
        played_by_all("kernel 2", "kernel 3", "weight norm, logistics", "three speakers")
    ),
    chunks=st.lists(st.integers(0, 60), min_size=1, max_size=5),
    seed=st.integers(0, 2**64 - 1),
)
def test_the_cutting_does_not_matter(played: str, chunks: list[int], seed: int) -> None:
    model = MODELS[played]
    label = "c" if model.domain.labels else None
    whole, cut = model.session(seed, label=label), model.session(seed, label=label)
    pieces = torch.cat([cut.step(n) for n in chunks])
    assert torch.equal(pieces, whole.step(sum(chunks)))


@pytest.mark.parametrize("played", played_by_all("kernel 2", "kernel 3", "three speakers"))
def test_company_of_other_ages_controls_and_speakers_does_not_matter(played: str) -> None:
    model = MODELS[played]
    labels = model.domain.labels or (None,)
    voices = []
    for i, age in enumerate((0, 1, 17, 40, 111, 300)):
        controls = Controls(temperature=0.5 + i / 5, top_p=1 - i / 10, top_k=20 * (i % 2))
        session = model.session(100 + i, controls, labels[i % len(labels)])
        session.step(age)
        voices.append(session.mark())
    together, _ = model.engine.advance(voices[::-1], 50)
    for slot, voice in enumerate(voices[::-1]):
        assert torch.equal(model.engine.advance([voice], 50)[0][0], together[slot])


@pytest.mark.parametrize(
    "played", played_by_all("kernel 3", "weight norm, logistics", "three speakers")
)
def test_save_and_resume_is_bit_for_bit(played: str, tmp_path: Path) -> None:
    model = MODELS[played]
    session = model.session(9, label="a" if model.domain.labels else None)
    session.prime(model.domain.encode(recording(1, 77)))
    session.step(123)
    session.save(tmp_path / "voice.session")
    resumed = trained(played).resume(tmp_path / "voice.session")
    assert torch.equal(resumed.step(200), session.step(200))


@pytest.mark.parametrize("played", PLAYED)
def test_a_score_in_windows_is_that_of_one_pass(
    played: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = MODELS[played]
    sound, label = recording(2, 700), "a" if model.domain.labels else None
    one_pass = model.score(sound, label)
    monkeypatch.setattr("wavegen.scoring._WINDOW_STEPS", 97)
    torch.testing.assert_close(model.score(sound, label), one_pass, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("played", PLAYED)
def test_what_is_played_is_what_is_scored(played: str) -> None:
    """Greedy drawing takes, at every step, the class that the score finds cheapest."""
    model = MODELS[played]
    if model.head.n_classes is None:
        pytest.skip("drawing and scoring real numbers are compared by the head's own laws")
    sound, label = recording(3, 60), "a" if model.domain.labels else None
    cond = model.domain.conditions(sound)
    greedy = Controls(temperature=0)
    (drawn,) = model.generate_symbols(steps=60, controls=greedy, cond=cond, label=label)
    static = None if label is None else model.domain.static(label)
    for t in (0, 1, 30, 59):
        tries = drawn[: t + 1].repeat(model.head.n_classes, 1)
        tries[:, t] = torch.arange(model.head.n_classes)
        rows = None if cond is None else cond[: t + 1]
        bits = [float(model.score_symbols(x, rows, static)[t]) for x in tries[::16]]
        chosen = float(model.score_symbols(drawn[: t + 1], rows, static)[t])
        assert chosen <= min(bits) + 1e-4


def test_a_step_costs_the_same_memory_at_ten_million() -> None:
    model = MODELS["kernel 2, by torch"]
    voice = model.any_voice()
    later = model.engine.advance([voice], 500)[1][0]
    assert trees.n_bytes(later.state) == trees.n_bytes(voice.state)
