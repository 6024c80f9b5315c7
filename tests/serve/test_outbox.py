"""What is sent, in order, and cut to frames that anyone can take."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from serving import Running

from wavegen.serve.frames import Frame, Kind
from wavegen.serve.outbox import Began, Cancelled, Outbox, Piece
from wavegen.serve.sender import cut
from wavegen.serve.server_messages import Marked, Rewound, Stats


def taken(*put: tuple[Any, tuple[int, ...]]) -> list[Any]:
    """All that comes out after these went in."""

    async def go() -> list[Any]:
        outbox = Outbox()
        for item, instead_of in put:
            outbox.put(item, instead_of)
        items: list[Any] = []
        try:
            while True:
                items.append(await asyncio.wait_for(outbox.take(), 0.001))
        except TimeoutError:
            return items

    return asyncio.run(go())


def test_what_is_over_is_not_sent() -> None:
    began, first, second = Began(0, 1), Piece(0, 0, 1, None), Piece(1, 0, 1, None)
    over = Cancelled(0)
    assert taken((began, ()), (first, ()), (second, ()), (over, (0,))) == [began, second, over]


@given(
    st.sampled_from([Kind.SAMPLES, Kind.LINES]),
    st.integers(0, 2**40),
    st.integers(0, 50_000),
    st.sampled_from([2, 4]),
)
def test_frames_end_to_end_are_the_piece(kind: Kind, first: int, steps: int, width: int) -> None:
    payload = b"\n" * (steps * width)
    frames = [Frame(kind, 0, n, step, part) for step, n, part in cut(kind, first, steps, payload)]
    assert b"".join(frame.payload for frame in frames) == payload
    assert sum(frame.steps for frame in frames) == steps
    for frame in frames:
        assert frame.first == first
        first += frame.steps
    if kind is Kind.SAMPLES:
        assert all(len(frame.payload) <= 65_536 for frame in frames)


@pytest.mark.parametrize("late", [30, 10_000])
def test_an_ack_from_before_a_rewind_does_no_harm(server: Running, late: int) -> None:
    """It was on its way when the frames that it means were taken back."""
    with server.started(max_ahead_ms=400) as talk:
        talk.steps(60)
        talk.say("mark", name="begin")
        talk.until(Marked)
        talk.say("ack", steps=50)
        talk.say("rewind", name="begin")
        assert talk.until(Rewound).steps == [0]
        talk.say("ack", steps=late)
        talk.frames.clear()
        talk.steps(350)
        talk.say("stats")
        (voice,) = talk.until(Stats).voices
        assert 0 <= voice.heard <= voice.made
        assert voice.made <= 400 + voice.heard
