"""Counting voices and messages, and how long to wait for a slow model."""

from __future__ import annotations

from contextlib import ExitStack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wavegen.errors import ConfigError
from wavegen.serve.admission import Admission, TokenBucket
from wavegen.serve.limits import Limits
from wavegen.serve.pacing import Pace
from wavegen.serve.refusals import RefusedError


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 5), st.booleans()), max_size=20))
def test_no_address_has_more_than_its_share(visits: list[tuple[str, int, bool]]) -> None:
    """And once all have gone nothing is counted any more."""
    limits = Limits(voices=4, voices_per_address=6, queue=9)
    admission = Admission(limits)
    taken = dict.fromkeys("abc", 0)
    waiting = 0
    with ExitStack() as stack:
        for address, n, begins in visits:
            fits = n <= 4 and taken[address] + n <= 6 and waiting + n <= 9
            if not fits:
                with pytest.raises(RefusedError):
                    stack.enter_context(admission.voices(address, n))
                continue
            place = stack.enter_context(admission.voices(address, n))
            taken[address] += n
            waiting += n
            if begins:
                place.leave(n + 1)
                waiting -= n
            assert admission.n_waiting == waiting
    assert admission.n_waiting == 0
    assert all(admission.voices(address, 4).__enter__() for address in "ab")


@given(
    st.floats(0.5, 50),
    st.lists(st.floats(0, 3), min_size=1, max_size=60),
)
def test_a_bucket_keeps_the_rate(rate: float, gaps: list[float]) -> None:
    now = 0.0
    bucket = TokenBucket(rate, clock=lambda: now)
    taken = 0
    for gap in gaps:
        now += gap
        taken += bucket.take()
    assert taken <= max(1.0, 2 * rate) + rate * now + 1e-6


def test_a_bucket_lets_the_rate_through() -> None:
    now = 0.0
    bucket = TokenBucket(10, clock=lambda: now)
    for _ in range(100):
        now += 0.1001
        assert bucket.take()


@given(st.floats(1, 100), st.floats(0.01, 3))
def test_who_waits_hears_it_in_one_go(seconds: float, xrt: float) -> None:
    """At any time after the wait, more was made than is heard."""
    wait = Pace(1, 1.0, seconds).wait_seconds(xrt)
    assert wait == 0 or xrt < 1
    for share in (0.0, 0.3, 1.0):
        heard = share * seconds
        assert min(seconds, xrt * (wait + heard)) >= heard - 1e-6
    if xrt < 1:
        assert xrt * (0.99 * wait + seconds) < seconds  # and no longer than needed


@pytest.mark.parametrize("field", ["idle_seconds", "queue", "grace_seconds"])
def test_limits_are_above_zero(field: str) -> None:
    with pytest.raises(ConfigError, match=f"limit.{field} is 0; it must be above 0"):
        Limits(**{field: 0})


def test_a_frame_tells_sixteen_voices_apart() -> None:
    with pytest.raises(ConfigError, match="17; a connection has 16 at most"):
        Limits(voices=17)
