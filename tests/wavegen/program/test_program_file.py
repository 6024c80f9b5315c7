"""The program as an object and as a file: nothing is lost, and fewer bits lose little."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load
from tiny_program import CLASSES, HIDDEN, LABELS, tiny

from wavegen.errors import ConfigError, ProgramError
from wavegen.program.dump import dump, totals
from wavegen.program.precision import precision_of, to_bfloat16, to_int8, with_precision
from wavegen.program.program import FORMAT, Program

floats = st.floats(width=32, allow_nan=False, allow_subnormal=True)


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "int8"])
def test_a_file_gives_back_what_was_written(precision: str, tmp_path: Path) -> None:
    program = with_precision(tiny(*LABELS), precision_of(precision))
    assert program.precision == precision
    program.write(tmp_path / "a.program")
    again = Program.read(tmp_path / "a.program")
    assert again.header == program.header
    assert again.tensors.keys() == program.tensors.keys()
    for name, tensor in program.tensors.items():
        assert again.tensors[name].dtype == tensor.dtype
        np.testing.assert_array_equal(again.tensors[name], tensor)


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "int8"])
def test_any_safetensors_reader_opens_it(precision: str) -> None:
    program = with_precision(tiny(), precision_of(precision))
    content = program.to_bytes()
    tensors = load(content)
    assert tensors.keys() == program.tensors.keys()
    types = {"float32": torch.float32, "bfloat16": torch.bfloat16, "int8": torch.int8}
    assert tensors["weight/again"].dtype == types[precision]
    n_header = int.from_bytes(content[:8], "little")
    table = json.loads(content[8 : 8 + n_header])
    assert table["__metadata__"]["format"] == FORMAT
    assert (8 + n_header) % 64 == 0
    for name, entry in table.items():
        if name != "__metadata__":
            assert entry["data_offsets"][0] % program.tensors[name].itemsize == 0


@given(st.lists(floats, min_size=1))
def test_bfloat16_rounds_to_nearest_even(values: list[float]) -> None:
    x = np.array(values, np.float32)
    expected = torch.from_numpy(x).to(torch.bfloat16).view(torch.int16).numpy().view(np.uint16)
    np.testing.assert_array_equal(to_bfloat16(x), expected)


def test_bfloat16_keeps_what_is_no_number() -> None:
    x = np.array([np.nan, -np.nan, np.inf, -np.inf], np.float32)
    back = (to_bfloat16(x).astype(np.uint32) << 16).view(np.float32)
    np.testing.assert_array_equal(back, x)


@given(
    st.lists(
        st.lists(st.floats(-(2.0**100), 2.0**100, width=32), min_size=3, max_size=3), min_size=1
    )
)
def test_int8_is_within_half_a_step(values: list[list[float]]) -> None:
    x = np.array(values, np.float32)
    numbers, scale = to_int8(x)
    assert np.abs(numbers.astype(int)).max() <= 127
    normal = np.abs(x).max(axis=1) > 1e-30  # below that a step has no bits left to be exact with
    error = np.abs(numbers * scale[:, None].astype(np.float64) - x)[normal]
    assert (error <= 0.5001 * scale[normal, None]).all()
    zero, step = to_int8(np.zeros((2, 3), np.float32))
    assert not zero.any()
    assert not step.any()


def test_a_precision_is_chosen_once() -> None:
    half = with_precision(tiny(), "bfloat16")
    assert with_precision(half, "bfloat16") is half
    with pytest.raises(ConfigError, match="in bfloat16 already; make it anew for int8"):
        with_precision(half, "int8")
    with pytest.raises(ConfigError, match="precision is 'half'; it must be float32, bfloat16, int"):
        precision_of("half")


def test_what_is_no_program_is_told_in_one_line(tmp_path: Path) -> None:
    content = tiny().to_bytes()
    good = tmp_path / "x.program"
    for n in (0, 7, 8, 100, len(content) - 1):
        good.write_bytes(content[:n])
        with pytest.raises(ProgramError, match=r"x\.program: is no program file"):
            Program.read(good)
    good.write_bytes(content.replace(b"wavegen program 1", b"wavegen program 2"))
    with pytest.raises(ProgramError, match="is a 'wavegen program 2', not a 'wavegen program 1'"):
        Program.read(good)
    with pytest.raises(ProgramError, match=r"none\.program: cannot be read \(No such file"):
        Program.read(tmp_path / "none.program")
    with pytest.raises(ProgramError, match="cannot be written"):
        tiny().write(tmp_path / "nowhere" / "x.program")


def test_the_dump_shows_every_operation() -> None:
    program = tiny(*LABELS)
    lines = dump(program).splitlines()
    n_macs = HIDDEN * HIDDEN + CLASSES * HIDDEN
    assert totals(program)["macs"] == program.n_macs == n_macs
    assert f"work         {n_macs} MACs in 5 operations a step" in lines
    assert "event        1 x i64, of 4 classes" in lines
    assert "voices       ann, bob" in lines
    assert "hidden f32(3) 0" in [" ".join(line.split()) for line in lines]
    rows = [line.split() for line in lines[-5:]]
    assert [row[1] for row in rows] == ["gather_rows", "product", "copy", "product", "sample"]
    assert rows[1][2] == str(HIDDEN * HIDDEN)
    assert "act=tanh" in rows[1]
    assert "again(3,3)" in rows[1]
    assert rows[2][2:4] == ["state+0", "f32(3)"]
    assert all(line == line.rstrip() for line in lines)
