"""Whatever happens to a stream or to its neighbours, it is the sequence that its seed says."""

from __future__ import annotations

from concurrent.futures import Executor, Future
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
import torch
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from toy_plugin import Letters, LettersConfig, parts

from wavegen.controls import Controls
from wavegen.engines.choice import EngineOptions
from wavegen.errors import ConfigError, WavegenError
from wavegen.opening import Opening
from wavegen.playing import TrainedModel
from wavegen.scheduling import Listener, Moment, Scheduler, Stream
from wavegen.scheduling.speeds import Speeds
from wavegen.voices import Session

N_SLOTS = 4
WHICH = st.integers(0, 5)


def trained(engine: str) -> TrainedModel:
    domain = Letters(LettersConfig())
    model, head = parts(domain)
    options = EngineOptions(engine, slots=N_SLOTS, threads=1)
    return TrainedModel(model, head, domain, lead_in=model.receptive_field or 1, options=options)


MODELS = {engine: trained(engine) for engine in ("torch", "native")}


class Now(Executor):
    """Does at once what it is given."""

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


class Shadow(Listener):
    """Plays the same sequence step by step, and compares each piece."""

    def __init__(self, model: TrainedModel, seed: int, prime: str) -> None:
        self.model, self.stream = model, None
        self.session = model.session(seed)
        self.n_prime, self.at = len(prime), {}
        self.session.prime(model.domain.encode(prime))
        self.prime, self.places = prime, list[int]()
        self.has_begun, self.endings = False, list[WavegenError | None]()
        self.length: int | None = None

    def queued(self, place: int) -> None:
        assert not self.has_begun
        assert not self.places or place <= self.places[-1], "nobody jumps the queue"
        self.places.append(place)

    def began(self) -> None:
        self.has_begun = True

    def piece(self, first_step: int, n_steps: int, raw: str) -> None:
        assert self.has_begun
        assert not self.endings
        assert len(raw) == n_steps
        if first_step < self.n_prime:
            assert raw == self.prime
            return
        assert first_step == self.session.position
        for letter in raw:
            self.at[self.session.position] = self.session.fork()
            assert letter == self.model.domain.decode(self.session.step())

    def ended(self, error: WavegenError | None) -> None:
        self.endings.append(error)

    def then(self, step: int) -> Session:
        """The session as it was at a step; where it stands now, with the controls of now."""
        return (self.session if self.session.position == step else self.at[step]).fork()

    def back_to(self, then: Session, controls: Controls) -> None:
        self.session = then.fork()
        self.session.update(temperature=controls.temperature, top_k=controls.top_k)


class Clock:
    """Hardly moves unless it is moved."""

    now = 100.0

    def __call__(self) -> float:
        self.now += 1e-6
        return self.now


class Company(RuleBasedStateMachine):
    """Streams that come, go, stall, change their minds and go back, in any order."""

    engine: str

    def __init__(self) -> None:
        super().__init__()
        self.model = MODELS[self.engine]
        speeds = Speeds({1: 1000.0, 2: 2000.0, N_SLOTS: 2000.0})  # so two are a crowd
        self.clock = Clock()
        self.scheduler = Scheduler(
            self.model.part, speeds, N_SLOTS, primer=Now(), wake=lambda: None, clock=self.clock
        )
        self.streams = list[tuple[Stream, Shadow]]()
        self.marks = dict[int, list[tuple[Moment, Session]]]()
        self.seed = 0

    def pick(self, which: int) -> tuple[Stream, Shadow] | None:
        alive = [pair for pair in self.streams if pair[0].status != "ended"]
        return alive[which % len(alive)] if alive else None

    @rule(
        n_prime=st.integers(0, 5),
        ahead=st.sampled_from([1, 7, 40]),
        length=st.sampled_from([None, 6, 30]),
        aside=st.booleans(),
    )
    def join(self, n_prime: int, ahead: int, length: int | None, aside: bool) -> None:
        self.seed += 1
        prime = "abcde"[:n_prime]
        shadow = Shadow(self.model, self.seed, prime)
        make = partial(
            self.model.opening, seed=self.seed, steps=length, prime=prime if n_prime else None
        )
        stream = self.scheduler.join(make, shadow, max_ahead_steps=ahead, aside=aside)
        shadow.length = length
        self.streams.append((stream, shadow))

    @rule(times=st.integers(1, 6), share=st.sampled_from([0.0, 0.3, 0.7, 1.0]))
    def play(self, times: int, share: float) -> None:
        """All hear the same share of what they have."""
        resting = [(s, s.made) for s, _ in self.streams if s.status == "paused" and s.made]
        for _ in range(times):
            self.scheduler.tick()
            self.clock.now += 0.02
            for stream, shadow in self.streams:
                if shadow.has_begun:
                    stream.heard(stream.heard_to + round(share * (stream.made - stream.heard_to)))
        assert all(stream.made == made for stream, made in resting)

    @rule(which=WHICH, temperature=st.sampled_from([0.0, 0.7, 1.3]), k=st.integers(0, 3))
    def update(self, which: int, temperature: float, k: int) -> None:
        if (found := self.pick(which)) and found[1].has_begun:
            found[0].update(Controls(temperature=temperature, top_k=k))
            found[1].session.update(temperature=temperature, top_k=k)

    @rule(which=WHICH)
    def mark(self, which: int) -> None:
        """What is drawn on from there is what follows the last step that was heard."""
        if (found := self.pick(which)) and found[1].has_begun:
            stream, shadow = found
            moment = stream.mark()
            assert moment.step == max(stream.heard_to, shadow.n_prime)
            then = shadow.then(moment.step)
            self.marks.setdefault(id(stream), []).append((moment, then.fork()))
            assert torch.equal(self.model.engine.advance([moment.voice], 3)[0][0], then.step(3))

    @rule(which=WHICH, back=st.integers(0, 3))
    def rewind(self, which: int, back: int) -> None:
        if (found := self.pick(which)) and (moments := self.marks.get(id(found[0]))):
            moment, then = moments[-1 - back % len(moments)]
            assert then.position == moment.step
            found[1].back_to(then, found[0].controls)
            found[0].rewind(moment)
            assert found[0].made == found[0].heard_to == moment.step

    @rule(which=WHICH)
    def carry_on_elsewhere(self, which: int) -> None:
        """A ticket goes on with the very symbols that the stream would go on with from there."""
        if (found := self.pick(which)) and found[1].has_begun:
            stream, shadow = found
            opening = self.model.opening_of(stream.ticket(), steps=5)
            assert opening.voice.seed == stream.seed
            own = shadow.then(opening.voice.position)
            own.update(temperature=stream.controls.temperature, top_k=stream.controls.top_k)
            drawn, _ = self.model.engine.advance([opening.voice], 5)
            assert torch.equal(drawn[0], own.step(5))

    @rule(which=WHICH, on=st.booleans())
    def pause(self, which: int, on: bool) -> None:
        if found := self.pick(which):
            if on:
                found[0].pause()
            else:
                found[0].go_on()

    @rule(which=WHICH)
    def leave(self, which: int) -> None:
        if found := self.pick(which):
            found[0].close()
            assert not found[1].endings
            found[1].endings.append(None)

    @invariant()
    def nobody_runs_away(self) -> None:
        for stream, shadow in self.streams:
            assert stream.made <= max(stream.heard_to + stream.max_ahead_steps, shadow.n_prime)
            if shadow.length is not None:
                assert stream.made <= max(shadow.length, shadow.n_prime)

    @invariant()
    def slots_are_counted(self) -> None:
        alive = [stream for stream, _ in self.streams if stream.status != "ended"]
        assert self.scheduler.n_playing + self.scheduler.n_queued == len(alive)
        assert self.scheduler.n_playing <= N_SLOTS

    def teardown(self) -> None:
        """Who is heard to the end ends, and then nothing is left to do."""
        for stream, _ in self.streams:
            stream.go_on()
        for _ in range(400 + 60 * len(self.streams)):
            self.scheduler.tick()
            self.clock.now += 0.02
            for stream, shadow in self.streams:
                if stream.status == "playing" and stream.made < 60:
                    stream.heard(stream.made)
                elif stream.status != "ended" and shadow.length is None and stream.made >= 60:
                    stream.close()
                    shadow.endings.append(None)
        assert not self.scheduler.tick()
        assert self.scheduler.n_playing == self.scheduler.n_queued == 0
        assert all(shadow.endings == [None] for _, shadow in self.streams)


class NativeCompany(Company):
    engine = "native"


class TorchCompany(Company):
    engine = "torch"


TestNative = NativeCompany.TestCase
TestNative.settings = settings(max_examples=80, stateful_step_count=40)
TestTorch = TorchCompany.TestCase
TestTorch.settings = settings(max_examples=6, stateful_step_count=20)


@pytest.fixture
def scheduler() -> Scheduler:
    part = MODELS["native"].part
    return Scheduler(part, Speeds({1: 1e3, 2: 2e3}), 2, primer=Now(), wake=lambda: None)


def joined(scheduler: Scheduler, make: Any = None) -> tuple[Stream, Shadow]:
    model = MODELS["native"]
    shadow = Shadow(model, 5, "")
    make = make or partial(model.opening, seed=5, steps=9)
    return scheduler.join(make, shadow, max_ahead_steps=100), shadow


def test_who_cannot_begin_hears_why_and_disturbs_nobody(scheduler: Scheduler) -> None:
    def unwilling() -> Opening:
        raise ConfigError("seed is 'x'; give a number")

    def broken() -> Opening:
        raise ZeroDivisionError("oops")

    good = joined(scheduler)
    refused, faulty = joined(scheduler, unwilling), joined(scheduler, broken)
    while scheduler.tick():
        pass
    assert [str(error) for error in refused[1].endings] == ["seed is 'x'; give a number"]
    assert [str(error) for error in faulty[1].endings] == [
        "the model failed (ZeroDivisionError: oops); try another setting"
    ]
    assert good[1].endings == [None]
    assert good[0].made == 9


def test_an_engine_that_fails_ends_those_it_played(
    scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    streams = [joined(scheduler), joined(scheduler)]
    monkeypatch.setattr(scheduler.part.engine, "play", lambda *_: 1 // 0)
    scheduler.tick()
    assert ["ZeroDivisionError" in str(shadow.endings[0]) for _, shadow in streams] == [True, True]
    monkeypatch.undo()
    after = joined(scheduler)
    while scheduler.tick():
        pass
    assert after[1].endings == [None]


def test_what_makes_no_sense_is_refused(scheduler: Scheduler) -> None:
    stream, _ = joined(scheduler)
    for early in (stream.mark, stream.ticket, lambda: stream.heard(1)):
        with pytest.raises(ConfigError, match="has not begun to play; wait for its first piece"):
            early()
    scheduler.tick()
    with pytest.raises(ConfigError, match=r"step 77 cannot have been heard: \d+ were sent so far"):
        stream.heard(77)
    moment = stream.mark()
    while scheduler.tick():
        pass
    with pytest.raises(ConfigError, match="it has ended and left its slot; save it, and resume"):
        stream.rewind(moment)
    stream.heard(9)
    assert MODELS["native"].opening_of(stream.ticket()).voice.position == 9
    with pytest.raises(ConfigError, match="max_ahead_steps is 0; it must be 1 or more"):
        scheduler.join(lambda: replace(None), Shadow(MODELS["native"], 1, ""), max_ahead_steps=0)


def test_what_takes_long_is_made_aside_where_the_engine_allows_it(
    scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = list[Any]()
    monkeypatch.setattr(Now, "submit", lambda _, fn: asked.append(fn) or Future())
    model = MODELS["native"]
    make = partial(model.opening, seed=5, steps=9)
    for may, n_aside in ((True, 1), (False, 1)):
        monkeypatch.setattr(scheduler.part.engine, "primes_aside", may)
        shadow = Shadow(model, 5, "")
        scheduler.join(make, shadow, max_ahead_steps=100, aside=True)
        scheduler.tick()
        assert len(asked) == n_aside
        assert shadow.has_begun is not may


def test_a_block_is_short_however_fast_the_listeners(scheduler: Scheduler) -> None:
    """1,000 steps a second were measured, so 20 ms are 20 steps."""
    stream, _ = joined(scheduler, partial(MODELS["native"].opening, seed=5))
    scheduler.tick()
    assert 1 <= stream.made <= 20


def test_a_crowd_is_the_fewest_voices_that_are_about_as_fast_as_any_number() -> None:
    assert Speeds({1: 50.0, 2: 79.0, 4: 80.0, 8: 100.0, 16: 95.0}).crowd == 4
    assert Speeds({1: 100.0, 2: 30.0}).crowd == 1


HELD = 8
"""Steps that a listener holds before sound begins, at 100 steps a second."""
Four = tuple[Scheduler, list[Stream], Clock]


@pytest.fixture
def four() -> Four:
    """An engine that is as fast with two as with four, and four streams that begin together."""
    model, clock = MODELS["native"], Clock()
    speeds = Speeds({1: 1e3, 2: 2e3, N_SLOTS: 2e3})
    scheduler = Scheduler(model.part, speeds, N_SLOTS, primer=Now(), wake=lambda: None, clock=clock)
    streams = [
        scheduler.join(
            partial(model.opening, seed=seed), Shadow(model, seed, ""), max_ahead_steps=100
        )
        for seed in range(N_SLOTS)
    ]
    return scheduler, streams, clock


def made(streams: list[Stream]) -> list[int]:
    return [stream.made for stream in streams]


def test_who_came_first_hears_it_while_others_are_on_their_way(four: Four) -> None:
    scheduler, streams, clock = four
    scheduler.tick()
    assert made(streams) == [HELD, HELD, 0, 0]
    streams[2].heard(0)
    assert [stream.is_new for stream in streams] == [False, False, True, True]
    scheduler.tick()
    assert made(streams) == [HELD] * 4
    streams[0].heard(0)
    scheduler.tick()  # all have enough, and are drawn together
    assert made(streams) == [HELD + 10] * 4
    dues = [stream.due - clock.now for stream in streams]
    assert dues == pytest.approx([(HELD + 10) / 100] * 4, abs=1e-3)


def test_who_went_back_is_drawn_first(four: Four) -> None:
    scheduler, streams, _ = four
    for _ in range(3):
        scheduler.tick()
    had = streams[0].made
    streams[3].heard(had - 2)
    streams[3].rewind(streams[3].mark())
    scheduler.tick()
    assert made(streams) == [had + HELD, had, had, had - 2 + HELD]


def test_a_new_stream_is_due_as_soon_as_a_listener_holds_sound(four: Four) -> None:
    scheduler, streams, clock = four
    scheduler.tick()
    clock.now += 0.02
    for stream in streams[:2]:
        stream.heard(0)  # they begin now, and hold enough until 0.1 s
    clock.now += 0.05
    scheduler.tick()
    assert made(streams) == [HELD] * 4


def test_who_runs_out_before_a_new_stream_is_due_is_drawn_before_it(four: Four) -> None:
    scheduler, streams, clock = four
    scheduler.tick()
    for stream in streams[:2]:
        stream.heard(3)  # until 0.05 s, and the new ones are due at 0.08 s
    clock.now += 0.02
    scheduler.tick()
    assert made(streams) == [2 * HELD, 2 * HELD, 0, 0]


def test_who_hears_all_at_once_does_not_keep_a_new_stream_waiting(four: Four) -> None:
    scheduler, streams, clock = four
    for _ in range(6):
        scheduler.tick()
        clock.now += 0.02
        for stream in streams:
            if stream.playback is not None:
                stream.heard(stream.made)
    assert min(made(streams)) >= HELD


def test_who_waits_the_longest_is_drawn_first(four: Four) -> None:
    """Also where its listener says again and again that it has heard all."""
    scheduler, streams, clock = four
    for _ in range(2):
        scheduler.tick()
    for stream in streams:
        stream.heard(HELD)
    clock.now += 0.02
    for stream in streams[:2]:
        stream.heard(HELD)
    streams[3].rewind(streams[3].mark())
    scheduler.tick()
    assert made(streams) == [2 * HELD, 2 * HELD, HELD, HELD]
