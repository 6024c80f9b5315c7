"""Binary frames: what is packed comes back; whatever else comes is refused in one line."""

from __future__ import annotations

import struct

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from wavegen.errors import ProtocolError
from wavegen.serve.frames import MAX_STEP, Frame, Kind


@st.composite
def frames(draw: st.DrawFn) -> Frame:
    kind = draw(st.sampled_from(Kind))
    voice = draw(st.integers(0, 15))
    first = draw(st.integers(0, MAX_STEP - 100))
    if kind == Kind.SAMPLES:
        size, steps = draw(st.sampled_from([2, 4])), draw(st.integers(0, 100))
        payload = draw(st.binary(min_size=size * steps, max_size=size * steps))
    elif kind == Kind.STATE:
        steps, payload = 0, draw(st.binary(min_size=1))
    else:
        steps, payload = draw(st.integers(0, 100)), draw(st.binary()) + b"\n"
    return Frame(kind, voice, steps, first, payload)


@given(frames())
def test_what_is_packed_comes_back(frame: Frame) -> None:
    packed = frame.pack()
    assert len(packed) == 16 + len(frame.payload)
    assert Frame.unpack(packed) == frame


def test_the_bytes_are_those_of_the_protocol() -> None:
    frame = Frame(Kind.SAMPLES, 3, 2, 2**32 + 1, b"abcd")
    assert frame.pack() == bytes.fromhex("01 03 0000 02000000 0100000001000000") + b"abcd"


@given(st.binary(max_size=80))
@example(b"")
@example(bytes(16))
@example(b"\1" + bytes(3) + b"\xff" * 12)
@example(b"\1" + bytes(3) + b"\1\0\0\0" + (MAX_STEP).to_bytes(8, "little") + b"ab")
def test_any_bytes_are_a_frame_or_one_line(content: bytes) -> None:
    fault, packed = "", content
    try:
        packed = Frame.unpack(content).pack()
    except ProtocolError as error:
        fault = str(error)
    assert packed == content
    assert "\n" not in fault


@pytest.mark.parametrize(
    ("header", "payload", "message"),
    [
        ((0, 0, 0, 0, 0), b"", "kind is 0"),
        ((5, 0, 0, 0, 0), b"", "kind is 5"),
        ((1, 16, 0, 0, 0), b"", "voice is 16"),
        ((1, 0, 1, 0, 0), b"", "bytes 2 and 3 of the frame are 1"),
        ((1, 0, 0, 2, 0), b"abc", "2 steps of samples has 3 bytes"),
        ((2, 0, 0, 1, 0), b"{}", "last line does not end"),
        ((3, 0, 0, 1, 0), b"x", "a state has no steps"),
        ((3, 0, 0, 0, 0), b"", "it is empty"),
        ((4, 0, 0, 1, 2**63 - 1), b"", "counted from 0"),
    ],
)
def test_each_fault_has_its_line(header: tuple[int, ...], payload: bytes, message: str) -> None:
    with pytest.raises(ProtocolError, match=message):
        Frame.unpack(struct.pack("<BBHIQ", *header) + payload)
    with pytest.raises(ProtocolError, match="its header alone has 16"):
        Frame.unpack(struct.pack("<BBHIQ", *header)[:15])
