"""The torch engine keeps its promise: a voice's symbols are its own, whatever the company."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_plugin import Letters, LettersConfig, forbid_odd, parts

from wavegen import state as trees
from wavegen.controls import Controls
from wavegen.engines.engine import Voice
from wavegen.engines.torch_engine import TorchEngine
from wavegen.noise import uniforms
from wavegen.sampling import ControlBatch

CPU = torch.device("cpu")
DOMAINS = {
    "letters": LettersConfig(),
    "numbers": LettersConfig(output="numbers"),
    "conditions": LettersConfig(cond=True, labels=("ann", "bob", "cat")),
}
CONTROLS = [
    Controls(),
    Controls(temperature=0.0),
    Controls(temperature=0.7),
    Controls(top_p=0.8),
    Controls(top_k=3, min_p=0.05, typical_p=0.9),
]


def engine_of(name: str, slots: int = 6) -> tuple[Letters, TorchEngine]:
    domain = Letters(DOMAINS[name])
    model, head = parts(domain)
    return domain, TorchEngine(model, head, slots=slots, device=CPU)


def voice_of(
    domain: Letters, engine: TorchEngine, age: int, seed: int, controls: Controls, label: int = 0
) -> Voice:
    static = torch.tensor(label % len(domain.labels)) if domain.labels else None
    voice = engine.start(domain.start, 0, static)
    if domain.is_real and controls.truncates:
        controls = Controls(temperature=controls.temperature)
    voice = replace(voice, seed=seed, controls=controls)
    return engine.advance([voice], age, cond_of(domain, seed, 1, age))[1][0]


def cond_of(domain: Letters, seed: int, voices: int, steps: int) -> torch.Tensor | None:
    if not domain.cond_channels:
        return None
    values = uniforms([seed + 1000 + v for v in range(voices)], [0] * voices, steps, 1)
    return torch.from_numpy(values)


def test_it_is_step_draw_repeat() -> None:
    """Against the definition, written out for one voice in the engine's number of rows."""
    domain, engine = engine_of("letters", slots=4)
    voice = replace(engine.start(domain.start, 0), seed=5, controls=Controls(temperature=0.9))
    drawn, _ = engine.advance([voice], 30)

    model, head = parts(domain)
    controls = ControlBatch.of([voice.controls] * 4)
    state, last, expected = model.init_state(4), voice.last.expand(4), []
    with torch.inference_mode():
        for position in range(30):
            params, state = model.step(last, state)
            noise = torch.from_numpy(uniforms([5] * 4, [position] * 4, 1, 1))[:, 0]
            last = head.draw(params, noise, controls)
            expected.append(last[0])
    assert torch.equal(drawn[0], torch.stack(expected))
    assert len(set(drawn[0].tolist())) > 3


@pytest.mark.parametrize("name", DOMAINS)
@settings(max_examples=25)
@given(data=st.data())
def test_neighbours_slots_and_chunks_do_not_matter(name: str, data: st.DataObject) -> None:
    domain, engine = engine_of(name)
    ages = data.draw(st.lists(st.integers(0, 40), min_size=2, max_size=6), label="ages")
    n = len(ages)
    controls = data.draw(st.lists(st.sampled_from(CONTROLS), min_size=n, max_size=n))
    voices = [
        voice_of(domain, engine, age, seed=10 * i, controls=c, label=i)
        for i, (age, c) in enumerate(zip(ages, controls, strict=True))
    ]
    steps = 12
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


@pytest.mark.parametrize("slots", [4, 5, 8, 64])
def test_rows_of_a_product_do_not_depend_on_each_other_nor_on_their_place(slots: int) -> None:
    """What a fixed number of slots rests on, for the shapes of real nets."""
    torch.manual_seed(0)
    for n_in, n_out in [(32, 64), (64, 128), (256, 256), (128, 256), (20, 33), (7, 3), (960, 256)]:
        weight, bias = torch.randn(n_out, n_in), torch.randn(n_out)
        row = torch.randn(n_in)
        seen: set[bytes] = set()
        for slot in range(slots):
            x = torch.randn(slots, n_in)
            x[slot] = row
            seen.add(F.linear(x, weight, bias)[slot].numpy().tobytes())
        assert len(seen) == 1, (n_in, n_out)


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


def test_priming_takes_symbols_as_if_they_had_been_drawn() -> None:
    domain, engine = engine_of("conditions")
    voice = voice_of(domain, engine, 0, seed=1, controls=Controls(), label=1)
    cond = cond_of(domain, 5, 1, 40)
    assert cond is not None
    drawn, (after,) = engine.advance([voice], 40, cond)
    primed = engine.prime(voice, drawn[0], cond[0])
    assert primed.position == after.position == 40
    assert torch.equal(primed.last, after.last)
    for name, leaf in trees.leaves(after.state).items():
        torch.testing.assert_close(trees.leaves(primed.state)[name], leaf, msg=name)


def test_filters_change_what_is_drawn() -> None:
    domain = Letters(DOMAINS["letters"])
    model, head = parts(domain)
    engine = TorchEngine(model, head, slots=4, device=CPU, filters=[forbid_odd])
    drawn, _ = engine.advance([engine.start(domain.start, 0)], 50)
    assert set((drawn % 2).flatten().tolist()) == {0}


def test_symbols_are_ordinary_tensors_and_threads_are_given_back() -> None:
    domain, engine = engine_of("numbers")
    before = torch.get_num_threads()
    drawn, _ = engine.advance([engine.start(domain.start, 0)], 3)
    assert not drawn.is_inference()
    assert torch.get_num_threads() == before


def test_too_many_voices_or_too_few_slots_are_refused() -> None:
    domain, engine = engine_of("letters", slots=4)
    with pytest.raises(ValueError, match="5 voices for 4 slots"):
        engine.advance([engine.start(domain.start, 0)] * 5, 1)
    with pytest.raises(ValueError, match="slots is 3; it must be 4 or more"):
        engine_of("letters", slots=3)


def test_a_step_costs_the_same_at_ten_million() -> None:
    domain, engine = engine_of("letters", slots=4)
    young = engine.start(domain.start, 10)
    clock = torch.full((1,), 10_000_000)
    old = replace(young, position=10_000_000, state=young.state._replace(clock=clock))

    def seconds(voice: Voice) -> float:
        times = []
        for _ in range(5):
            begin = time.process_time()
            engine.advance([voice], 200)
            times.append(time.process_time() - begin)
        return min(times)

    assert seconds(old) < 1.5 * seconds(young)
    sizes = {trees.n_bytes(engine.advance([v], 100)[1][0].state) for v in (young, old)}
    assert len(sizes) == 1


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
@pytest.mark.parametrize("name", DOMAINS)
def test_the_graph_of_a_step_draws_what_plain_steps_draw(name: str) -> None:
    from wavegen.engines.stepping import PlainStep

    domain = Letters(DOMAINS[name])
    cuda = torch.device("cuda")
    model, head = parts(domain)
    engine = TorchEngine(model, head, slots=4, device=cuda)
    static = torch.tensor(1) if domain.labels else None
    voice = replace(engine.start(domain.start.to(cuda), 0, static), seed=3)
    cond = cond_of(domain, 7, 1, 64)
    drawn, (after,) = engine.advance([voice], 64, cond)

    with torch.inference_mode():
        step = PlainStep(
            model.to(cuda),
            head,
            (),
            trees.merge([voice.state] * 4),
            voice.last.expand(4, *voice.last.shape[1:]).clone(),
            ControlBatch.of([voice.controls] * 4, cuda),
        )
        noise = torch.from_numpy(uniforms([3] * 4, [0] * 4, 64, head.n_uniforms)).to(cuda)
        rows = None if cond is None else cond.expand(4, -1, -1).to(cuda)
        plain = [
            step(noise[:, t].clone(), None if rows is None else rows[:, t].clone())
            for t in range(64)
        ]
    assert torch.equal(drawn[0], torch.stack(plain)[:, 0].cpu())
    again, _ = engine.advance([after, voice], 64, None if cond is None else cond.expand(2, -1, -1))
    assert torch.equal(again[1], drawn[0])


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_neighbours_do_not_matter_on_a_gpu() -> None:
    domain = Letters(DOMAINS["letters"])
    model, head = parts(domain)
    engine = TorchEngine(model, head, slots=64, device=torch.device("cuda"))
    start = engine.start(domain.start, 0)
    voices = [replace(start, seed=s, controls=CONTROLS[s % 5]) for s in range(64)]
    together, _ = engine.advance(voices, 100)
    for i in (0, 1, 31, 63):
        assert torch.equal(engine.advance([voices[i]], 100)[0][0], together[i])
