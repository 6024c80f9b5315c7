"""Text frames: what is written comes back; whatever else comes is refused in one line."""

from __future__ import annotations

import json
from typing import Any, get_args

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from wavegen.controls import Controls
from wavegen.errors import ConfigError, ProtocolError, WavegenError
from wavegen.serve import messages
from wavegen.serve.asked import ControlValues, Message
from wavegen.serve.listener_messages import Ack, FromListener, Start, Update
from wavegen.serve.server_messages import Created, Done, Error, FromServer, VoiceStats

START = {"type": "start", "version": 1, "model": "tabla"}
EXAMPLES: dict[str, dict[str, Any]] = {
    "start": {**START, "seed": 7, "controls": {"temperature": 0.5}, "seconds": 2, "voices": 3},
    "ack": {"steps": 5, "voice": 1},
    "update": {"controls": {"top_k": 3, "temperature": 1}},
    "mark": {"name": "here"},
    "rewind": {"name": "here"},
    "queued": {"position": 1},
    "created": {
        "id": "a-b_1", "model": "tabla", "kind": "samples", "rate_hz": 8000, "encoding": "s16le",
        "seeds": [7], "first": 0, "max_ahead_ms": 1000, "xrt": 3.5, "wait_seconds": 0,
    },
    "stats": {"voices": [], "xrt": 1, "listeners": 1, "queued": 0},
    "updated": {"step": 1}, "paused": {"step": 1}, "resumed": {"step": 1},
    "marked": {"name": "here", "steps": [1]}, "rewound": {"name": "here", "steps": [1]},
    "saved": {"voice": 0, "id": "x", "step": 3, "expires_s": 600},
    "done": {"voice": 0, "steps": 9, "reason": "finished"},
    "going_away": {"grace_s": 10},
    "error": {"code": "limit", "message": "no"},
}  # fmt: skip
"""What each type needs besides the type."""

LISTENER = {model.model_fields["type"].default: model for model in get_args(FromListener)}
SERVER = {model.model_fields["type"].default: model for model in get_args(FromServer)}


@pytest.mark.parametrize("kind", LISTENER)
def test_each_message_of_a_listener_comes_back(kind: str) -> None:
    given_ = {} if kind == "stats" else EXAMPLES.get(kind, {})
    message = messages.from_listener(json.dumps({"type": kind, **given_}))
    assert isinstance(message, LISTENER[kind])
    assert messages.from_listener(message.text()) == message


@pytest.mark.parametrize("kind", SERVER)
def test_each_message_of_a_server_comes_back(kind: str) -> None:
    message = messages.from_server(json.dumps({"type": kind, **EXAMPLES[kind]}))
    assert isinstance(message, SERVER[kind])
    assert messages.from_server(message.text().encode()) == message


def test_what_is_not_given_is_not_sent() -> None:
    assert json.loads(Ack(steps=3).text()) == {"type": "ack", "steps": 3}


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("nope", ProtocolError, "not JSON .* it begins"),
        (b"\xff\xfe", ProtocolError, "not JSON"),
        ("\ud800", ProtocolError, "no Unicode text"),
        ("[" * 100_000, ProtocolError, "recursion limit"),
        ("[]", ProtocolError, r"the message is \[\]; it must be an object"),
        ("{}", ProtocolError, "has no type"),
        ('{"type": "begin"}', ProtocolError, "type is 'begin'; it must be one of 'start', 'ack'"),
        ({**START, "version": 2}, ProtocolError, "start.version is 2; here version 1 is spoken"),
        ({**START, "version": True}, ProtocolError, "start.version is True"),
        ({"type": "start", "version": 1}, ProtocolError, "start.model is missing"),
        ({**START, "modell": 1}, ProtocolError, "start.modell is unknown"),
        ({**START, "a\nb": 1}, ProtocolError, r"start.a\\nb is unknown"),
        ({**START, "seed": "7"}, ProtocolError, "start.seed is '7'; it must be a valid integer"),
        ({**START, "seed": 2**53}, ConfigError, "start.seed is 9007199254740992; it must be less"),
        ({**START, "voices": 17}, ConfigError, "start.voices is 17; it must be less"),
        ({**START, "seconds": 0}, ConfigError, "start.seconds is 0; it must be greater than 0"),
        ({**START, "seconds": 1, "steps": 1}, ConfigError, "not both"),
        ({**START, "prime_seconds": 1}, ConfigError, "there is no prime"),
        ({**START, "resume": "a", "label": "b"}, ConfigError, "resume and label were given"),
        ({**START, "prime": "../../x"}, ConfigError, "start.prime is '../../x'; it must match"),
        ({**START, "model": "m" * 201}, ConfigError, "must have at most 200 characters"),
        ({"type": "ack", "steps": -1}, ConfigError, "ack.steps is -1"),
        ({"type": "ack", "steps": 2**63}, ConfigError, "ack.steps is 9223372036854775808"),
        ({"type": "ack", "steps": 1.0}, ProtocolError, "ack.steps is 1.0; it must be a valid int"),
        ('{"type": "update", "controls": {"temperature": NaN}}', ConfigError, "is nan; .* finite"),
        ({"type": "update", "controls": {"top_p": 0}}, ConfigError, "top_p is 0.*above 0"),
        (
            '{"type": "start", "version": 1, "model": "m", "plan": {"x": [NaN]}}',
            ConfigError,
            "plan",
        ),
        ({"type": "cancel", "voice": 16}, ConfigError, "cancel.voice is 16; it must be less"),
    ],
)
def test_each_fault_of_a_listener_has_its_line(
    text: Any, error: type[WavegenError], message: str
) -> None:
    with pytest.raises(error, match=message) as caught:
        messages.from_listener(json.dumps(text) if isinstance(text, dict) else text)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
FIELDS = sorted({name for model in LISTENER.values() for name in model.model_fields})
NEAR = st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=4)
TYPED = st.builds(
    lambda kind, more: {"type": kind, **EXAMPLES.get(kind, {}), **more},
    st.sampled_from(sorted(LISTENER | SERVER)),
    NEAR,
)


@given(st.text() | st.binary() | (JSON | NEAR | TYPED).map(json.dumps))
@example('{"type": "start", "version": 1, "model": "m", "plan": {"key": null, "x": [1.5]}}')
@example('{"type": {}}')
@example('{"type": "ack", "steps": 1e400}')
@example('{"type": "ack", "steps": ' + "9" * 5000 + "}")
def test_any_text_is_a_message_or_one_line(text: str | bytes) -> None:
    for read in (messages.from_listener, messages.from_server, messages.generate):
        fault, message = "", None
        try:
            message = read(text)
        except (ProtocolError, ConfigError) as error:
            fault = str(error)
        assert "\n" not in fault
        assert len(fault) < 400
        assert not isinstance(message, Message) or read(message.text()) == message


@given(
    st.dictionaries(st.sampled_from(["temperature", "min_p"]), st.floats(0, 1)),
    st.builds(Controls, temperature=st.floats(0, 2), top_k=st.integers(0, 9)),
)
def test_controls_that_are_left_out_stay(values: dict[str, float], before: Controls) -> None:
    after = ControlValues(**values).over(before)
    for name in ("temperature", "top_k", "top_p", "min_p", "typical_p"):
        assert getattr(after, name) == values.get(name, getattr(before, name))


def test_messages_are_made_in_python_too() -> None:
    assert Start(version=1, model="m").controls.over(Controls()) == Controls()
    assert Update(controls=ControlValues(top_k=3)).voice is None
    assert Error(code="x", message="y").fatal
    assert Done(voice=0, steps=1, reason="cancelled").type == "done"
    assert Created.model_fields["version"].default == 1
    assert VoiceStats(made=1, heard=0, ahead_ms=1.0, status="playing").made == 1
