"""Sessions: marked, rewound, forked, saved and resumed without a bit of difference."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule
from safetensors.torch import load_file, save_file
from toy_plugin import Letters, LettersConfig, parts

from wavegen.controls import Controls
from wavegen.engines.choice import EngineOptions
from wavegen.errors import CheckpointError, ConfigError
from wavegen.playing import TrainedModel
from wavegen.voices import Session


def trained(seed: int = 0, **settings: object) -> TrainedModel:
    domain = Letters(LettersConfig(**settings))
    model, head = parts(domain, seed)
    return TrainedModel(
        model,
        head,
        domain,
        lead_in=model.receptive_field or 1,
        options=EngineOptions("torch", slots=4),
    )


MODEL = trained()


@settings(max_examples=40)
@given(
    chunks=st.lists(st.integers(0, 17), max_size=8),
    prime=st.lists(st.integers(0, 15), max_size=20),
    seed=st.integers(-(2**63), 2**64),
)
def test_the_cutting_does_not_matter(chunks: list[int], prime: list[int], seed: int) -> None:
    whole, cut = MODEL.session(seed), MODEL.session(seed)
    for session in (whole, cut):
        session.prime(torch.tensor(prime, dtype=torch.int64))
    pieces = [cut.step(n) for n in chunks]
    together = whole.step(sum(chunks))
    assert torch.equal(torch.cat([together[:0], *pieces]), together)
    assert whole.position == cut.position == len(prime) + sum(chunks)
    assert torch.equal(whole.step(5), cut.step(5))


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    before=st.integers(0, 30),
    seed=st.integers(0, 2**64 - 1),
    temperature=st.sampled_from([0.0, 0.8, 1.0]),
    n_prime=st.integers(0, 12),
)
def test_save_and_resume_is_bit_for_bit(
    tmp_path: Path, before: int, seed: int, temperature: float, n_prime: int
) -> None:
    session = MODEL.session(seed, Controls(temperature=temperature, top_p=0.95))
    session.prime(torch.arange(n_prime))
    session.step(before)
    session.save(tmp_path / "voice.session")
    resumed = MODEL.resume(tmp_path / "voice.session")
    assert (resumed.position, resumed.seed) == (session.position, session.seed)
    assert resumed.controls == session.controls
    assert torch.equal(resumed.step(40), session.step(40))


def test_resume_works_for_labels_and_reals_too(tmp_path: Path) -> None:
    for settings_ in ({"output": "numbers"}, {"labels": ("ann", "bob")}):
        model = trained(**settings_)
        session = model.session(4, label="bob" if "labels" in settings_ else None)
        session.step(9)
        session.save(tmp_path / "voice.session")
        assert torch.equal(model.resume(tmp_path / "voice.session").step(9), session.step(9))


def test_rewind_plays_the_same_again() -> None:
    session = MODEL.session(1)
    session.step(7)
    mark = session.mark()
    first = session.step(20)
    session.rewind(mark)
    assert session.position == 7
    assert torch.equal(session.step(20), first)


def test_forks_are_independent() -> None:
    session = MODEL.session(1)
    session.step(7)
    twin, other = session.fork(), session.fork(seed=2)
    expected = MODEL.session(1)
    expected.step(7)
    other.step(11)
    twin.prime(torch.tensor([3, 3, 3]))
    assert torch.equal(session.step(20), expected.step(20))
    assert (other.seed, other.position, twin.position) == (2, 18, 10)
    assert not torch.equal(session.fork(seed=2).step(30), session.fork(seed=3).step(30))
    assert torch.equal(session.fork().step(30), session.step(30))


class Tree(RuleBasedStateMachine):
    """Any order of actions: a session is a function of what was done to it alone."""

    def __init__(self) -> None:
        super().__init__()
        self.session: Session = MODEL.session(0)
        self.history: list[int] = []
        self.marks = [(self.session.mark(), self.history)]

    @rule(n=st.integers(1, 5))
    def step(self, n: int) -> None:
        drawn = self.session.step(n).tolist()
        self.history = self.history + drawn
        fresh = MODEL.session(self.session.seed)
        if self.session.seed == 0:
            assert fresh.step(len(self.history)).tolist() == self.history

    @rule()
    def mark(self) -> None:
        self.marks.append((self.session.mark(), self.history))

    @rule(data=st.data())
    def rewind(self, data: st.DataObject) -> None:
        mark, self.history = data.draw(st.sampled_from(self.marks))
        self.session.rewind(mark)

    @rule()
    def fork(self) -> None:
        self.session.fork(seed=9).step(3)
        self.session = self.session.fork()


TestTree = Tree.TestCase
TestTree.settings = settings(max_examples=15, stateful_step_count=12)


def test_controls_change_from_the_next_symbol_on() -> None:
    session = MODEL.session(1)
    session.step(3)
    greedy = session.fork(seed=99)
    for each in (session, greedy):
        each.update(temperature=0)
    assert torch.equal(session.step(10), greedy.step(10))
    with pytest.raises(ConfigError, match="draws real numbers; only temperature applies"):
        trained(output="numbers").session(0).update(top_k=3)


def saved(tmp_path: Path) -> Path:
    session = MODEL.session(1)
    session.step(5)
    path = tmp_path / "voice.session"
    session.save(path)
    return path


def test_another_model_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path)
    with pytest.raises(CheckpointError, match="was played by another model; resume it with"):
        trained(seed=1).resume(path)


@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "text", "missing"])
def test_a_damaged_session_gives_one_line(tmp_path: Path, damage: str) -> None:
    path = saved(tmp_path)
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    damaged = {"flip": content, "cut": content[:300], "empty": b"", "text": b"no session at all\n"}
    path.unlink()
    if damage in damaged:
        path.write_bytes(damaged[damage])
    with pytest.raises(CheckpointError, match=r"voice\.session") as caught:
        MODEL.resume(path)
    assert "\n" not in str(caught.value)


def test_a_stranger_in_safetensors_gives_one_line(tmp_path: Path) -> None:
    path = saved(tmp_path)
    save_file(load_file(path), path)
    with pytest.raises(CheckpointError, match="no session that this version of wavegen can read"):
        MODEL.resume(path)


def test_a_session_that_cannot_be_saved_leaves_the_old_one(tmp_path: Path) -> None:
    path = saved(tmp_path)
    before = path.read_bytes()
    with pytest.raises(CheckpointError, match="cannot save the session"):
        MODEL.session(0).save(tmp_path / "nowhere" / "voice.session")
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
