"""What a listener hears is what the model draws, whatever is said in between."""

from __future__ import annotations

import io

import httpx
import numpy as np
import pytest
import soundfile
from serving import N_SLOTS, RATE_HZ, Running, Talk

from wavegen.controls import Controls
from wavegen.playing import TrainedModel
from wavegen.serve.frames import Frame, Kind
from wavegen.serve.server_messages import (
    Created,
    Done,
    Error,
    Marked,
    Paused,
    Queued,
    Resumed,
    Rewound,
    Saved,
    Stats,
    Updated,
)

Models = dict[str, TrainedModel]


def drawn(models: Models, name: str = "toy", **asked: object) -> np.ndarray:
    """What the model itself draws, as 16-bit samples."""
    (samples,) = models[name].generate(**asked)  # pyright: ignore[reportArgumentType]
    return np.frombuffer(models[name].domain.stream_format().pack(samples), "<i2")


def heard(talk: Talk, voice: int = 0) -> np.ndarray:
    return np.frombuffer(talk.bytes(voice), "<i2")


def test_frames_are_the_sequence(server: Running, models: Models) -> None:
    with server.started(seconds=0.4) as talk:
        created = talk.until(Created)
        assert (created.model, created.kind, created.rate_hz) == ("toy", "samples", RATE_HZ)
        assert (created.encoding, created.seeds, created.first) == ("s16le", [7], 0)
        assert (created.max_ahead_ms, created.wait_seconds) == (1000, 0.0)
        assert created.xrt > 0
        done = talk.until(Done)
        assert (done.voice, done.steps, done.reason) == (0, 400, "finished")
        assert talk.close_code() == 1000
    np.testing.assert_array_equal(heard(talk), drawn(models, steps=400, seed=7))
    assert server.idle()


def test_floats_and_controls(server: Running, models: Models) -> None:
    with server.started(steps=150, encoding="f32le", controls={"temperature": 0.5}) as talk:
        assert talk.close_code() == 1000
    (expected,) = models["toy"].generate(steps=150, seed=7, controls=Controls(temperature=0.5))
    np.testing.assert_array_equal(np.frombuffer(talk.bytes(), "<f4"), expected)


def test_voices_have_seeds_in_a_row(server: Running, models: Models) -> None:
    with server.started(voices=6, steps=200, seed=40) as talk:  # more than there are slots
        assert talk.until(Created).seeds == [40, 41, 42, 43, 44, 45]
        assert talk.close_code() == 1000
    for voice in range(6):
        expected = drawn(models, steps=200, seed=40 + voice)
        np.testing.assert_array_equal(heard(talk, voice), expected)


def test_a_random_seed_is_told(server: Running, models: Models) -> None:
    with server.started(steps=50, seed=None) as talk:
        (seed,) = talk.until(Created).seeds
        talk.close_code()
    np.testing.assert_array_equal(heard(talk), drawn(models, steps=50, seed=seed))


def test_acks_are_credit(server: Running, models: Models) -> None:
    """It is made as far ahead as was asked for, less an eighth at most."""
    with server.started(max_ahead_ms=100) as talk:
        talk.steps(87)
        talk.say("stats")
        assert 87 <= talk.until(Stats).voices[0].made <= 100  # and no more comes
        talk.say("ack", steps=60)
        talk.steps(147)
        talk.say("stats")
        (voice,) = talk.until(Stats).voices
        assert (voice.heard, voice.status) == (60, "playing")
        assert 147 <= voice.made <= 160
        assert voice.ahead_ms == voice.made - 60
    np.testing.assert_array_equal(heard(talk), drawn(models, steps=200, seed=7)[: len(heard(talk))])


def test_a_saved_voice_goes_on(server: Running, models: Models) -> None:
    with server.started(max_ahead_ms=200) as talk:
        talk.until(Frame)
        talk.say("ack", steps=13)
        talk.say("save")
        saved = talk.until(Saved)
        assert (saved.voice, saved.step) == (0, 13)
    whole = drawn(models, steps=113, seed=7)
    with server.started(resume=saved.id, seed=None, steps=100, voices=2) as talk:
        created = talk.until(Created)
        assert (created.first, created.seeds) == (13, [7, 8])
        assert talk.close_code() == 1000
    np.testing.assert_array_equal(heard(talk), whole[13:])
    assert not np.array_equal(heard(talk, 1), whole[13:])


def test_a_state_stays_here_where_it_is_not_wanted(server: Running) -> None:
    with server.started(max_ahead_ms=100) as talk:
        talk.until(Frame)
        talk.say("save", send=False)
        kinds = list[Kind]()
        while not isinstance(said := talk.hear(), Saved):
            kinds += [said.kind] if isinstance(said, Frame) else []
        assert Kind.STATE not in kinds
    with server.started(resume=said.id, steps=5, seed=None) as talk:
        assert talk.close_code() == 1000


def test_the_state_itself_can_be_sent_again(server: Running, models: Models) -> None:
    with server.started(max_ahead_ms=100) as talk:
        talk.until(Frame)
        talk.say("save")
        state = talk.until(Frame)
        while state.kind is not Kind.STATE:
            state = talk.until(Frame)
    query = {"kind": "state", "model": "toy"}
    uploaded = httpx.post(f"{server.url}/v1/uploads", params=query, content=state.payload)
    with server.started(resume=uploaded.json()["id"], steps=50, seed=None) as talk:
        talk.close_code()
    np.testing.assert_array_equal(heard(talk), drawn(models, steps=50, seed=7)[state.first :])


def test_back_to_a_mark(server: Running, models: Models) -> None:
    whole = drawn(models, steps=300, seed=7)
    with server.started(max_ahead_ms=80) as talk:
        talk.steps(70)
        talk.say("ack", steps=30)
        talk.say("mark", name="here")
        assert talk.until(Marked).steps == [30]
        talk.say("ack", steps=60)
        talk.say("rewind", name="here")
        assert talk.until(Rewound).steps == [30]
        talk.frames.clear()
        talk.steps(70)
        assert talk.frames[0][0].first == 30
        talk.say("ack", steps=80)  # of what was sent again
        talk.steps(110)
    np.testing.assert_array_equal(heard(talk), whole[30 : 30 + len(heard(talk))])


def test_new_controls_hold_from_the_step_that_is_told(server: Running, models: Models) -> None:
    with server.started(max_ahead_ms=50, encoding="s16le") as talk:
        talk.until(Frame)
        talk.say("update", controls={"temperature": 0.0})
        updated = talk.until(Updated)
        n_before = sum(frame.steps for frame in talk.frames[0])
        assert updated.step == n_before
        talk.say("ack", steps=n_before)
        talk.steps(n_before + 40)
    session = models["toy"].session(seed=7)
    x = [session.step(n_before)]
    session.update(temperature=0.0)
    x.append(session.step(40))
    form = models["toy"].domain.stream_format()
    pieces = [form.pack(models["toy"].domain.decode(part)) for part in x]
    expected = np.frombuffer(b"".join(pieces), "<i2")
    np.testing.assert_array_equal(heard(talk)[: n_before + 40], expected)


def test_a_pause_stops_one_voice(server: Running, models: Models) -> None:
    with server.started(voices=2, max_ahead_ms=200) as talk:
        talk.until(Frame)
        talk.say("pause", voice=1)
        paused = talk.until(Paused)
        assert paused.voice == 1
        talk.steps(175)
        talk.say("stats")
        first, second = talk.until(Stats).voices
        assert (first.status, second.status, second.made) == ("playing", "paused", paused.step)
        talk.say("resume", voice=1)
        assert talk.until(Resumed).step == paused.step
        talk.say("ack", steps=paused.step)
        talk.steps(175, voice=1)
    n = len(heard(talk, 1))
    np.testing.assert_array_equal(heard(talk, 1), drawn(models, steps=500, seed=8)[:n])


def test_cancelled_voices_leave_their_slots(server: Running) -> None:
    with server.started(voices=2) as talk:
        talk.until(Created)
        talk.say("cancel", voice=0)
        done = talk.until(Done)
        assert (done.voice, done.reason) == (0, "cancelled")
        talk.say("save", voice=1)
        talk.until(Saved)
        talk.say("cancel")
        assert talk.until(Done).voice == 1
        assert talk.close_code() == 1000
    assert server.idle()


def test_who_comes_late_waits(server: Running) -> None:
    with server.started(voices=N_SLOTS) as first:
        first.until(Created)
        with server.started() as second, server.started() as third:
            assert second.until(Queued).position == 1
            assert third.until(Queued).position in (1, 2)
            first.say("cancel", voice=0)
            second.until(Created)
            first.socket.close()
            third.until(Created)
    assert server.idle()


def test_a_prime_comes_first(server: Running, models: Models) -> None:
    (prime,) = models["toy"].generate(steps=80, seed=3)
    file = io.BytesIO()
    soundfile.write(file, prime, RATE_HZ, format="WAV", subtype="FLOAT")
    query = {"kind": "prime", "model": "toy", "suffix": ".wav"}
    answer = httpx.post(f"{server.url}/v1/uploads", params=query, content=file.getvalue())
    uploaded = answer.json()
    assert (answer.status_code, uploaded["seconds"]) == (200, 0.08)
    with server.started(prime=uploaded["id"], prime_seconds=0.05, steps=120) as talk:
        assert talk.until(Created).first == 0
        assert talk.close_code() == 1000
    expected = drawn(models, steps=120, seed=7, prime=prime, prime_seconds=0.05)
    np.testing.assert_array_equal(heard(talk), expected)


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ({"type": "rewind", "name": "x"}, "no mark 'x'; there are none yet"),
        ({"type": "ack", "steps": 0, "voice": 3}, "voice is 3; this connection has 1"),
        ({"type": "save", "voice": 3}, "voice is 3; this connection has 1"),
        ({"type": "update", "controls": {"temperature": -1}}, "temperature is -1"),
        ({"type": "update", "controls": {"temperature": 1}, "voice": 2}, "this connection has 1"),
    ],
)
def test_what_cannot_be_done_is_told(server: Running, message: dict[str, str], told: str) -> None:
    """One line, and all goes on."""
    with server.started() as talk:
        talk.until(Created)
        talk.say(**message)
        error = talk.until(Error)
        assert told in error.message
        assert (error.code, error.fatal) == ("value", False)
        talk.say("stats")
        talk.until(Stats)


def test_there_are_eight_marks(server: Running) -> None:
    with server.started() as talk:
        talk.until(Frame)
        for i in (*range(8), 0):
            talk.say("mark", name=f"mark {i}")
            assert talk.until(Marked).name == f"mark {i}"
        talk.say("mark", name="one more")
        assert "there are 8 marks" in talk.until(Error).message
