"""The native engine keeps the torch engine's promises, and moves voices to it and back."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from test_torch_engine import CONTROLS, CPU, DOMAINS, cond_of, voice_of
from toy_plugin import Letters, LettersConfig, Toy, ToyConfig, forbid_odd, parts
from toy_run import PLUGIN, write_run

from wavegen import state as trees
from wavegen.controls import Controls
from wavegen.engines.choice import EngineOptions, choose
from wavegen.engines.native_engine import NativeEngine
from wavegen.engines.torch_engine import TorchEngine
from wavegen.errors import ConfigError, PluginError, ProgramError
from wavegen.native import library
from wavegen.native.binding import NativeUnavailable
from wavegen.playing import TrainedModel, load
from wavegen.plugins import plugins
from wavegen.program import stored
from wavegen.program.lowering import lower
from wavegen.program.player import play
from wavegen.program.program import Program

try:
    library.builds()
except library.NativeUnavailable as error:
    pytest.skip(str(error), allow_module_level=True)

PARTS = {name: parts(Letters(config)) for name, config in DOMAINS.items()}
PROGRAMS = {name: lower(model, head) for name, (model, head) in PARTS.items()}


def engine_of(name: str, slots: int = 6, threads: int = 2) -> tuple[Letters, NativeEngine]:
    model, head = PARTS[name]
    engine = NativeEngine(model, head, PROGRAMS[name], slots=slots, threads=threads)
    return Letters(DOMAINS[name]), engine


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WAVEGEN_CACHE", str(tmp_path))
    return tmp_path / "programs"


@pytest.mark.parametrize("name", DOMAINS)
def test_it_plays_what_the_torch_engine_plays(name: str) -> None:
    domain, engine = engine_of(name)
    other = TorchEngine(*PARTS[name], slots=4, device=CPU)
    static = torch.tensor(1) if domain.labels else None
    voice = replace(engine.start(domain.start, 0, static), seed=5)
    cond = cond_of(domain, 5, 1, 40)
    mine, (after,) = engine.advance([voice], 40, cond)
    theirs, (expected,) = other.advance([voice], 40, cond)
    assert mine.dtype == theirs.dtype
    torch.testing.assert_close(mine, theirs, rtol=1e-3, atol=1e-3)
    assert after.position == expected.position == 40
    assert after.last.shape == expected.last.shape
    leaves = trees.leaves(after.state)
    for place, reference in trees.leaves(expected.state).items():
        torch.testing.assert_close(leaves[place], reference, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("name", DOMAINS)
@settings(max_examples=25)
@given(data=st.data())
def test_neighbours_slots_and_chunks_do_not_matter(name: str, data: st.DataObject) -> None:
    domain, engine = engine_of(name)
    ages = data.draw(st.lists(st.integers(0, 40), min_size=2, max_size=6), label="ages")
    n, steps = len(ages), 12
    controls = data.draw(st.lists(st.sampled_from(CONTROLS), min_size=n, max_size=n))
    voices = [
        voice_of(domain, engine, age, seed=10 * i, controls=c, label=i)
        for i, (age, c) in enumerate(zip(ages, controls, strict=True))
    ]
    cond = cond_of(domain, 77, n, steps)
    alone = [
        engine.advance([voice], steps, None if cond is None else cond[i : i + 1])[0][0]
        for i, voice in enumerate(voices)
    ]
    order = data.draw(st.permutations(range(n)), label="slots")
    first = data.draw(st.integers(0, steps), label="first chunk")
    company = [voices[i] for i in order]
    rows = None if cond is None else cond[list(order)]
    head, company = engine.advance(company, first, None if rows is None else rows[:, :first])
    tail, company = engine.advance(
        company, steps - first, None if rows is None else rows[:, first:]
    )
    together = torch.cat([head, tail], dim=1)
    for slot, i in enumerate(order):
        assert torch.equal(together[slot], alone[i])
        assert company[slot].position == voices[i].position + steps


def test_voices_are_values() -> None:
    """Playing a voice, or its twin, changes nothing in it."""
    domain, engine = engine_of("letters")
    voice = voice_of(domain, engine, 9, seed=3, controls=Controls())
    before = trees.fork((voice.state, voice.last))
    first, _ = engine.advance([voice], 10)
    engine.prime(voice, torch.tensor([1, 2, 3]))
    twin = replace(voice, seed=4)
    engine.advance([voice, twin, voice], 10)
    after = trees.leaves((voice.state, voice.last))
    assert all(torch.equal(after[name], leaf) for name, leaf in trees.leaves(before).items())
    again, _ = engine.advance([voice], 10)
    assert torch.equal(first, again)
    assert not torch.equal(first, engine.advance([twin], 10)[0])


def test_many_threads_of_a_program_may_play_one_engine() -> None:
    domain, engine = engine_of("letters")
    start = engine.start(domain.start, 0)
    voices = [replace(start, seed=seed) for seed in range(32)]
    alone = [engine.advance([voice], 500)[0] for voice in voices]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda voice: engine.advance([voice], 500)[0], voices))
    assert all(torch.equal(a, b) for a, b in zip(alone, together, strict=True))


def test_too_many_voices_or_too_few_slots_are_refused() -> None:
    domain, engine = engine_of("letters", slots=2)
    with pytest.raises(ValueError, match="3 voices for 2 slots"):
        engine.advance([engine.start(domain.start, 0)] * 3, 1)
    with pytest.raises(ValueError, match="slots is 0; it must be 1 or more"):
        engine_of("letters", slots=0)


# Models on either engine


def trained(engine: str, *, precision: str = "float32", filters: int = 0) -> TrainedModel:
    model, head = parts(Letters(LettersConfig()))
    options = EngineOptions(engine, precision)
    return TrainedModel(
        model,
        head,
        Letters(LettersConfig()),
        lead_in=8,
        options=options,
        filters=[forbid_odd] * filters,
    )


def test_a_session_saved_by_one_engine_resumes_in_the_other(tmp_path: Path) -> None:
    native, plain = trained("native"), trained("torch")
    assert (native.engine_name, plain.engine_name) == ("native", "torch")
    session = native.session(seed=7)
    session.prime(torch.tensor([1, 2, 3, 4, 5]))
    session.step(20)
    session.save(tmp_path / "voice")
    expected = session.step(30)
    assert torch.equal(native.resume(tmp_path / "voice").step(30), expected)
    other = plain.resume(tmp_path / "voice")
    assert torch.equal(other.step(30), expected)
    other.save(tmp_path / "back")
    assert torch.equal(native.resume(tmp_path / "back").step(10), session.step(10))


def test_a_stream_is_what_generate_gives() -> None:
    model = trained("native")
    assert ["".join(model.stream(steps=300, seed=2, prime="abc"))] == model.generate(
        steps=300, seed=2, prime="abc"
    )
    many = model.generate(70, steps=20, seed=1)
    assert many[65] == model.generate(steps=20, seed=66)[0]


def test_filters_are_part_of_the_program() -> None:
    assert set(trained("native", filters=1).generate(steps=50)[0]) <= set("acegikmo")


@pytest.mark.parametrize("precision", ["bfloat16", "int8"])
def test_fewer_bits_sound_alike(precision: str) -> None:
    exact = trained("native").generate_symbols(16, steps=2)
    rough = trained("native", precision=precision).generate_symbols(16, steps=2)
    assert (exact == rough).float().mean() > 0.7


def test_a_domain_without_a_player_says_so(tmp_path: Path) -> None:
    plugins().add_file(PLUGIN)
    file = tmp_path / "letters.program"
    load(write_run(tmp_path / "run"), engine="torch").program().write(file)
    with pytest.raises(PluginError, match="the domain 'letters' cannot play programs; sample from"):
        play(file)


# Which engine


def without_core() -> Iterator[None]:
    raise NativeUnavailable("the native core is not built: install a C++ compiler")


class Unlowerable(Toy):
    """Looks at a value, which no graph can."""

    def step(self, x, state, cond=None):
        return super().step(x + int(x[0]) * 0, state, cond)


def test_auto_takes_the_native_engine_and_says_nothing() -> None:
    model = trained("auto")
    assert model.engine_name == "native"
    assert model.engine_note is None
    assert model.engine.slots == 64


def test_auto_says_why_it_takes_the_torch_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    domain = Letters(LettersConfig())
    torch.manual_seed(0)
    odd = Unlowerable(ToyConfig(), domain.spec(domain.head()))
    model = TrainedModel(odd, domain.head(), domain, lead_in=8, options=EngineOptions())
    assert model.engine_name == "torch"
    assert model.engine_note is not None
    assert model.engine_note.startswith("played by the torch engine: Unlowerable.step cannot be ex")
    assert "\n" not in model.engine_note
    assert len(model.generate(steps=10)[0]) == 10
    with pytest.raises(ProgramError, match="cannot be exported"):
        choose(odd, domain.head(), (), CPU, EngineOptions("native"), lambda: "x")

    monkeypatch.setattr("wavegen.engines.choice.core", without_core)
    model = trained("auto")
    assert model.engine_name == "torch"
    assert model.engine_note is not None
    assert "install a C++ compiler" in model.engine_note
    with pytest.raises(NativeUnavailable, match="install a C"):
        _ = trained("native").engine
    with pytest.raises(ConfigError, match="precision is int8, but the torch engine plays in float"):
        _ = trained("auto", precision="int8").engine


def test_wishes_that_contradict_each_other() -> None:
    with pytest.raises(ConfigError, match="engine is 'fast'; it must be auto, native, torch"):
        EngineOptions("fast")
    with pytest.raises(ConfigError, match="precision is 'int4'; it must be float32, bfloat16, int"):
        EngineOptions(precision="int4")
    with pytest.raises(ConfigError, match="use engine=native on the CPU"):
        _ = trained("torch", precision="int8").engine
    model, head = PARTS["letters"]
    with pytest.raises(ConfigError, match="slots is 2; the torch engine needs 4 or more"):
        choose(model, head, (), CPU, EngineOptions("torch", slots=2), lambda: "x")
    with pytest.raises(ConfigError, match="plays on the CPU, not on meta; use device=cpu"):
        choose(model, head, (), torch.device("meta"), EngineOptions("native"), lambda: "x")


# What is kept


@pytest.fixture
def lowerings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """One entry each time that something is lowered."""
    seen: list[str] = []

    def counted(*_: object) -> Program:
        seen.append("lowered")
        return PROGRAMS["letters"]

    monkeypatch.setattr(stored, "lower", counted)
    return seen


def test_a_program_is_lowered_once(cache: Path, lowerings: list[str]) -> None:
    model, head = PARTS["letters"]
    stored.lowered(model, head, (), "weights")
    program = stored.lowered(model, head, (), "weights")
    assert len(lowerings) == 1
    assert program.header == PROGRAMS["letters"].header
    assert program.to_bytes() == PROGRAMS["letters"].to_bytes()
    stored.lowered(model, head, (), "other weights")
    assert len(lowerings) == len(list(cache.iterdir())) == 2
    stored.lowered(model, head, (forbid_odd,), "weights")
    stored.lowered(model, head, (forbid_odd,), "weights")
    assert len(lowerings) == 4


def test_a_damaged_program_is_made_anew(cache: Path, lowerings: list[str]) -> None:
    model, head = PARTS["letters"]
    stored.lowered(model, head, (), "weights")
    (kept,) = cache.iterdir()
    whole = kept.read_bytes()
    for n in (0, 20, 40, len(whole) - 1):
        kept.write_bytes(whole[:n])
        stored.lowered(model, head, (), "weights")
        assert kept.read_bytes() == whole
    kept.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    stored.lowered(model, head, (), "weights")
    assert kept.read_bytes() == whole
    assert len(lowerings) == 6


@pytest.mark.usefixtures("cache")
def test_another_source_makes_it_anew(
    tmp_path: Path, lowerings: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "my_net.py"
    source.write_text("from toy_plugin import Toy\n\n\nclass Mine(Toy):\n    pass\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    import my_net

    domain = Letters(LettersConfig())
    head = domain.head()
    model = my_net.Mine(ToyConfig(), domain.spec(head))
    stored.lowered(model, head, (), "weights")
    stored.lowered(model, head, (), "weights")
    assert len(lowerings) == 1
    source.write_text(source.read_text() + "# edited\n")
    stored.lowered(model, head, (), "weights")
    assert len(lowerings) == 2
    monkeypatch.delitem(sys.modules, "my_net")  # as if it had been typed in
    stored.lowered(model, head, (), "weights")
    stored.lowered(model, head, (), "weights")
    assert len(lowerings) == 4


def test_those_used_long_ago_are_dropped(cache: Path, lowerings: list[str]) -> None:
    model, head = PARTS["letters"]
    for number in range(20):
        stored.lowered(model, head, (), f"weights {number}")
    assert len(list(cache.iterdir())) == 16
    stored.lowered(model, head, (), "weights 19")
    assert len(lowerings) == 20


def test_a_cache_that_cannot_be_written_is_no_hindrance(
    tmp_path: Path, lowerings: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("WAVEGEN_CACHE", str(tmp_path / "file"))
    stored.lowered(*PARTS["letters"], (), "weights")
    assert lowerings
