"""Uploads: kept for their time, under their caps, and nobody gets another's or a stale one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wavegen.errors import ConfigError
from wavegen.serve.uploads import ExpiredIdError, NoRoomError, UnknownIdError, Uploads


class Clock:
    """Time as the test says."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def primes(clock: Clock) -> Uploads[str]:
    return Uploads("prime", seconds=60, max_bytes=400, clock=clock)


def add(uploads: Uploads[str], value: str, n_bytes: int = 50, address: str = "a") -> str:
    return uploads.add(value, n_bytes, address=address, model="tabla")


def test_what_was_kept_comes_back_until_its_time_is_over(
    primes: Uploads[str], clock: Clock
) -> None:
    id = add(primes, "one")
    clock.now = 59.9
    assert primes.get(id, model="tabla") == "one"
    clock.now = 60
    with pytest.raises(ExpiredIdError, match=r"is gone: one is kept for 60 s.*send it again"):
        primes.get(id, model="tabla")
    assert (len(primes), primes.n_bytes) == (0, 0)


def test_an_id_that_was_never_given_out_is_unknown(primes: Uploads[str]) -> None:
    with pytest.raises(UnknownIdError, match="no prime has the id 'x'; send it first"):
        primes.get("x", model="tabla")


def test_another_model_cannot_have_it(primes: Uploads[str]) -> None:
    id = add(primes, "one")
    with pytest.raises(ConfigError, match="sent for the model 'tabla', not for 'bach'"):
        primes.get(id, model="bach")


def test_one_address_makes_room_by_its_own_oldest(primes: Uploads[str]) -> None:
    other = add(primes, "other", 100, "b")
    first, second, third = (add(primes, name) for name in "123")
    with pytest.raises(ExpiredIdError):
        primes.get(first, model="tabla")
    assert [primes.get(id, model="tabla") for id in (other, second, third)] == ["other", "2", "3"]


def test_more_than_a_share_is_refused(primes: Uploads[str]) -> None:
    with pytest.raises(ConfigError, match="a prime of 101 bytes; at most 100 are kept"):
        add(primes, "one", 101)


def test_full_memory_says_when_to_come_again(primes: Uploads[str], clock: Clock) -> None:
    for number, address in enumerate("abcd"):
        clock.now = number
        add(primes, "full", 100, address)
    with pytest.raises(NoRoomError, match="400 of 400 are taken; try again in 57 s") as caught:
        add(primes, "more", 1, "e")
    assert caught.value.retry_seconds == 57
    clock.now = 60
    add(primes, "more", 100, "e")


def test_ids_are_long_and_never_alike(primes: Uploads[str]) -> None:
    ids = {add(primes, "one", 1) for _ in range(50)}
    assert len(ids) == 50
    assert min(map(len, ids)) >= 32


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 120), st.integers(0, 30))))
def test_memory_stays_under_its_cap(things: list[tuple[str, int, int]]) -> None:
    clock = Clock()
    uploads = Uploads[str]("prime", seconds=60, max_bytes=400, clock=clock)
    kept: dict[str, tuple[str, int, float]] = {}
    for address, n_bytes, later in things:
        clock.now += later
        try:
            id = add(uploads, address, n_bytes, address)
        except (ConfigError, NoRoomError):
            continue
        kept[id] = (address, n_bytes, clock.now)
        alive = []
        for known, (owner, size, at) in kept.items():
            try:
                assert uploads.get(known, model="tabla") == owner
            except ExpiredIdError:
                continue
            assert clock.now - at < 60
            alive.append((owner, size))
        assert uploads.n_bytes == sum(size for _, size in alive) <= 400
        assert len(uploads) == len(alive)
        assert sum(size for owner, size in alive if owner == address) <= 100
        assert uploads.get(id, model="tabla") == address
