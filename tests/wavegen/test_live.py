"""Live streams: alone, together, from threads and from asyncio, changed and carried on."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from pathlib import Path

import pytest
import torch
from toy_plugin import Letters, LettersConfig, parts

from wavegen.beginnings import given_of
from wavegen.conditioning import Given, Rows
from wavegen.engines.choice import EngineOptions
from wavegen.errors import CheckpointError, ConfigError
from wavegen.pieces import pieces
from wavegen.playing import TrainedModel
from wavegen.scheduling import EngineThread, Live, Scheduler


def trained(engine: str = "native", seed: int = 0, **settings: object) -> TrainedModel:
    domain = Letters(LettersConfig(**settings))
    model, head = parts(domain, seed)
    options = EngineOptions(engine, slots=64, threads=1)
    return TrainedModel(model, head, domain, lead_in=model.receptive_field or 1, options=options)


@pytest.fixture(scope="module", params=["native", "torch"])
def model(request: pytest.FixtureRequest) -> TrainedModel:
    return trained(request.param)


def scheduler_of(live: Live) -> Scheduler:
    return live._scheduler


def test_a_stream_is_what_generate_gives(model: TrainedModel) -> None:
    assert "".join(model.live(steps=300, seed=4)) == model.generate(steps=300, seed=4)[0]
    primed = model.live(steps=60, seed=4, prime="abcdefgh")
    assert "".join(primed) == model.generate(steps=60, seed=4, prime="abcdefgh")[0]


def test_one_of_sixty_four_is_the_same_alone(model: TrainedModel) -> None:
    crowd = [model.live(steps=150, seed=seed) for seed in range(64)]
    assert ["".join(live) for live in crowd] == model.generate(64, steps=150, seed=0)


def test_asyncio_plays_many_and_other_tasks_run(model: TrainedModel) -> None:
    async def one(seed: int) -> str:
        return "".join([piece async for piece in model.astream(steps=120, seed=seed)])

    async def all_of_them() -> list[str]:
        return await asyncio.gather(*map(one, range(9)))

    assert asyncio.run(all_of_them()) == model.generate(9, steps=120, seed=0)


def test_an_iterator_that_is_closed_leaves_its_slot(model: TrainedModel) -> None:
    async def a_little() -> str:
        pieces = model.astream(seed=1)
        async for piece in pieces:
            await pieces.aclose()
            return piece
        raise AssertionError

    first = asyncio.run(a_little())
    assert model.generate(steps=len(first), seed=1)[0] == first
    with model.live(seed=2) as live:
        next(live)
        scheduler = scheduler_of(live)
        assert scheduler.n_playing == 1
    model._engine_thread.call(lambda: None).result()
    assert scheduler.n_playing == 0
    with pytest.raises(StopIteration):
        next(live)


def test_marked_rewound_forked_and_kept(model: TrainedModel, tmp_path: Path) -> None:
    whole = model.generate(steps=2000, seed=7)[0]
    with model.live(seed=7) as live:
        begun = "".join(next(live) for _ in range(6))
        mark = live.mark()
        assert live.position == len(begun) == mark.step
        live.save(tmp_path / "here")
        on = "".join(next(live) for _ in range(3))
        live.rewind(mark)
        again = "".join(next(live) for _ in range(9))
        with live.fork(8) as twin:
            other = "".join(next(twin) for _ in range(6))
            assert other != whole[live.position :][: len(other)]
    assert begun + on == whole[: len(begun + on)]
    assert begun + again == whole[: len(begun + again)]
    kept = model.live(resume=tmp_path / "here", steps=200)
    assert "".join(kept) == whole[len(begun) : len(begun) + 200]
    with pytest.raises(CheckpointError, match="played by another model"):
        list(trained(seed=1).live(resume=tmp_path / "here"))


def test_controls_change_while_it_plays(model: TrainedModel) -> None:
    with model.live(seed=7, max_ahead_seconds=0.1) as live:
        next(live)
        live.update(temperature=0.0)
        with pytest.raises(ConfigError, match="top_p is 7; it must be above 0 and at most 1"):
            live.update(top_p=7)
        mark = live.mark()
        live.rewind(mark)
        greedy = "".join(next(live) for _ in range(8))
        live.rewind(mark)
        again = "".join(next(live) for _ in range(8))
        n = min(len(greedy), len(again))  # pieces are as long as time allows
        assert greedy[:n] == again[:n]
        live.update(temperature=1.0)
        live.rewind(mark)
        assert "".join(next(live) for _ in range(8))[:n] != greedy[:n]


def test_nothing_is_drawn_while_it_rests(model: TrainedModel) -> None:
    with model.live(seed=7, max_ahead_seconds=0.1) as live:
        first = next(live)
        live.pause()
        stream = live._stream
        made = model._engine_thread.call(lambda: stream.made).result()
        model._engine_thread.call(stream.heard, made).result()
        assert model._engine_thread.call(lambda: stream.made).result() == made
        live.go_on()
        played = first + "".join(next(live) for _ in range(9))
    assert model.generate(steps=len(played), seed=7)[0] == played


def test_the_thread_sleeps_where_nobody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks, tick = list[int](), Scheduler.tick

    def counted(self: Scheduler) -> bool:
        ticks.append(1)
        return tick(self)

    monkeypatch.setattr(Scheduler, "tick", counted)
    model = trained()
    with model.live(seed=1, max_ahead_seconds=0.5) as live:
        next(live)
        stalled = threading.Event()
        for _ in range(20):  # each call may wake it once
            model._engine_thread.call(lambda: None).result()
        before = len(ticks)
        stalled.wait(0.3)
        assert len(ticks) - before <= 2


def test_whoever_waits_is_told_when_the_engine_stops() -> None:
    model = trained()
    thread = EngineThread({"it": model.part}, slots=1).start()
    lives = [
        Live(thread, thread.schedulers["it"], model.opening, max_ahead_steps=5, aside=aside)
        for aside in (False, True)
    ]
    next(lives[0])
    thread.stop()
    for live in lives:
        with pytest.raises(ConfigError, match="the engine was stopped; start another one"):
            list(live)
    with pytest.raises(ConfigError, match="the engine was stopped"):
        thread.call(lambda: None).result()
    with pytest.raises(ConfigError, match="slots is 0; it must be 1 or more"):
        EngineThread({}, slots=0)


def test_the_thread_ends_with_its_model() -> None:
    model = trained()
    list(model.live(steps=5))
    thread = model._engine_thread._thread
    gone = weakref.ref(model)
    assert thread.is_alive()
    del model
    gc.collect()
    assert gone() is None
    thread.join(5)
    assert not thread.is_alive()


def test_what_follows_a_recording_ends_with_it() -> None:
    model = trained(cond=True)
    given = "abcdefghijklmnop" * 5
    live = model.live(follow=[given[:30], given[30:]], seed=3)
    assert "".join(live) == model.generate(follow=given, seed=3)[0]


def test_a_prime_may_come_as_the_model_takes_it() -> None:
    """The conditions of a prime are those that it was given with, not what could be read off it."""
    model = trained(cond=True)
    domain, raw, follow = model.domain, "abcdef", "aeiouaeiouaeiou"
    given = Given(domain.encode(raw), domain.conditions(raw))
    made = [model.opening(prime=prime, follow=[follow], seed=3) for prime in (raw, given)]
    assert torch.equal(made[0].given, made[1].given)
    first = given_of(domain, given, seconds=0.03)
    assert torch.equal(first.x, given.x[:3])
    assert first.cond is not None
    assert torch.equal(first.cond, given_of(domain, raw[:3]).cond)


def test_twins_share_what_was_taken_in_once(model: TrainedModel) -> None:
    twins = model.opening(prime="abcdefgh", steps=30, seed=1).twins()
    alone = [model.generate(steps=30, prime="abcdefgh", seed=seed)[0] for seed in (5, 6, 5)]
    played = ["".join(pieces(model.engine, twins(seed), model.domain)) for seed in (5, 6, 5)]
    assert played == alone


def test_no_rows_keep_their_width() -> None:
    """A ticket of the very end has none left, and says of how many channels."""
    assert Rows([torch.zeros(0, 3)]).rest().shape == (0, 3)
    assert Rows([torch.zeros(2, 3), torch.zeros(0, 3)]).rest().shape == (2, 3)
    assert Rows([torch.zeros(2, 3), torch.zeros(4, 3)]).rest().shape == (6, 3)


def test_nonsense_is_refused(model: TrainedModel) -> None:
    with pytest.raises(ConfigError, match="max_ahead_seconds is 0; it must be above 0"):
        model.live(max_ahead_seconds=0)
    with pytest.raises(ConfigError, match="steps is 0"):
        list(model.live(steps=0))
