"""The binding: programs open, voices play, and what is wrong is said in one line."""

from __future__ import annotations

import ctypes
import gc
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from cpp_tests import BUILDS
from numpy.typing import NDArray
from toy_program import N_CLASSES, N_COND, toy_program

from wavegen.controls import Controls
from wavegen.errors import ProgramError
from wavegen.native import binding
from wavegen.native.library import NativeUnavailable, Program, Slot, aligned, builds
from wavegen.noise import uniforms

TOY = toy_program().to_bytes()
N_STEPS = 40


@pytest.fixture
def program() -> Program:
    return Program(TOY)


def slot_of(program: Program, seed: int, n_steps: int = N_STEPS) -> Slot:
    """A voice at its beginning, with room for all there is to write."""
    state = program.voice_state(0)
    assert state is not None
    dice = np.random.default_rng(seed)
    return Slot(
        state=state,
        event=np.array([3], np.int64),
        seed=seed,
        controls=Controls(temperature=0.9, top_p=0.95),
        cond=dice.normal(size=(n_steps, N_COND)).astype(np.float32),
        events=np.full((n_steps, 1), -1, np.int64),
        params=np.zeros((n_steps, N_CLASSES), np.float32),
    )


def outcome(slot: Slot) -> tuple[NDArray[np.int64], NDArray[np.float32], bytes, int]:
    assert slot.events is not None
    assert slot.params is not None
    return slot.events, slot.params, slot.state.tobytes(), slot.position


def same(a: Slot, b: Slot) -> bool:
    """Bit for bit."""
    return all(np.array_equal(x, y) for x, y in zip(outcome(a), outcome(b), strict=True))


def test_a_program_tells_what_it_is(program: Program) -> None:
    toy = toy_program()
    assert program.header == toy.header
    assert program.build == builds()[0]
    assert program.state_bytes == toy.header["state_bytes"]
    assert program.macs == toy.n_macs
    assert program.packed_bytes >= 4 * toy.n_macs
    assert program.voice_state(1) is None
    program.read_weights()


@pytest.mark.parametrize("build", BUILDS)
def test_voices_play_and_are_the_same_in_any_company(build: str) -> None:
    program = Program(TOY, build)
    alone = [slot_of(program, seed) for seed in range(11)]
    for slot in alone:
        program.runner().advance([slot], N_STEPS)
        events, params, _, position = outcome(slot)
        assert position == N_STEPS
        assert ((events >= 0) & (events < N_CLASSES)).all()
        assert np.isfinite(params).all()
        assert slot.event[0] == events[-1, 0]
    assert not same(alone[0], alone[1])
    together = [slot_of(program, seed) for seed in range(11)]
    for slot in together[::3]:
        slot.active = False
    runner = program.runner(threads=2)
    runner.advance(together, N_STEPS)
    assert all(slot.position == 0 for slot in together[::3])
    for slot in together:
        slot.active = not slot.active
    runner.advance(together, N_STEPS)
    assert all(map(same, alone, together))


def test_steps_may_be_cut_anywhere_and_events_given(program: Program) -> None:
    whole, cut, forced = (slot_of(program, 5) for _ in range(3))
    program.runner().advance([whole], N_STEPS)
    assert whole.events is not None
    assert cut.events is not None
    assert cut.cond is not None
    assert cut.params is not None
    runner = program.runner()
    events, params, cond = cut.events, cut.params, cut.cond
    for begin, end in ((0, 1), (1, 1), (1, 18), (18, N_STEPS)):
        cut.events, cut.params, cut.cond = events[begin:end], params[begin:end], cond[begin:end]
        runner.advance([cut], end - begin)
    cut.events, cut.params = events, params
    assert same(whole, cut)
    forced.given, forced.seed = whole.events, 99
    runner.advance([forced], N_STEPS)
    assert same(whole, forced)


def test_a_call_costs_little(program: Program) -> None:
    runner, slot = program.runner(), slot_of(program, 1, 0)
    best = float("inf")
    for _ in range(50):
        begin = time.perf_counter()
        for _ in range(20):
            runner.advance([slot], 0)
        best = min(best, (time.perf_counter() - begin) / 20)
    assert best < 30e-6


def test_memory_is_aligned_and_zero() -> None:
    for size in (0, 1, 63, 64, 1000):
        memory = aligned(size)
        assert memory.shape == (size,)
        assert not memory.any()
        assert memory.ctypes.data % 64 == 0


def test_a_runner_outlives_the_name_of_its_program() -> None:
    program = Program(TOY)
    runner, slot = program.runner(), slot_of(program, 1)
    del program
    gc.collect()
    runner.advance([slot], N_STEPS)
    assert slot.position == N_STEPS


def test_noise_is_the_same_as_in_python() -> None:
    out = np.zeros(7, np.float32)
    for seed, step in ((0, 0), (2**64 - 1, 2**40 + 3), (12345, 16000)):
        binding.core().wg_uniforms(seed, step, 7, out.ctypes.data)
        assert np.array_equal(out, uniforms([seed], [step], 1, 7)[0, 0])


@pytest.mark.parametrize(
    ("name", "value", "line"),
    [
        ("state", aligned(8), "state is uint8 (8,); it must be uint8, dense, of"),
        ("state", aligned(10_000)[1:], "dense, of"),
        ("event", np.zeros(1, np.float32), "event is float32 (1,); it must be int64"),
        ("event", np.zeros(2, np.int64), "event is int64 (2,); it must be int64, dense, of 1"),
        ("events", np.zeros((4, 1), np.int64), "of 3 values"),
        ("given", np.zeros((3, 1), np.int32), "given is int32 (3, 1)"),
        ("given", np.full((3, 1), N_CLASSES), str(N_CLASSES)),
        ("params", np.zeros((N_CLASSES, 3), np.float32).T, "params is float32 (3, 17)"),
        ("cond", None, "cond"),
    ],
)
def test_what_does_not_fit_is_refused(
    program: Program, name: str, value: object, line: str
) -> None:
    slot = slot_of(program, 1, 3)
    setattr(slot, name, value)
    with pytest.raises(ProgramError) as caught:
        program.runner().advance([slot], 3)
    assert line in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_odd_addresses_and_constants_are_refused(program: Program) -> None:
    slot = slot_of(program, 1, 3)
    memory = aligned(program.state_bytes + 1)
    slot.state = memory[1:]
    with pytest.raises(ProgramError, match="take memory from `aligned`"):
        program.runner().advance([slot], 3)
    slot = slot_of(program, 1, 3)
    slot.event.flags.writeable = False
    with pytest.raises(ProgramError, match="event is read-only"):
        program.runner().advance([slot], 3)
    with pytest.raises(ProgramError, match="n_steps is -1"):
        program.runner().advance([slot], -1)
    with pytest.raises(ProgramError, match="0"):
        program.runner(threads=0)


def test_a_damaged_file_is_refused_in_one_line() -> None:
    for content in (b"", b"no program", TOY[:-1]):
        with pytest.raises(ProgramError) as caught:
            Program(content)
        assert len(str(caught.value).splitlines()) == 1


def test_the_build_can_be_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    last = builds()[-1]
    monkeypatch.setenv("WAVEGEN_BUILD", last)
    assert Program(TOY).build == last
    monkeypatch.setenv("WAVEGEN_BUILD", "z80")
    with pytest.raises(ProgramError, match="z80"):
        Program(TOY)
    assert Program(TOY, last).build == last


def test_without_the_core_the_cure_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    load = binding.core.__wrapped__
    monkeypatch.setattr(binding, "PLACE", tmp_path / "none.so")
    with pytest.raises(
        NativeUnavailable, match=r"is not built: install a C\+\+ compiler and reinstall"
    ):
        load()
    (tmp_path / "bad.so").write_text("no library")
    monkeypatch.setattr(binding, "PLACE", tmp_path / "bad.so")
    with pytest.raises(NativeUnavailable, match=r"cannot be loaded .*: reinstall wavegen"):
        load()
    monkeypatch.undo()
    monkeypatch.setattr(binding, "API_VERSION", 0)
    with pytest.raises(NativeUnavailable, match="has interface 1, this wavegen needs 0"):
        load()


def test_the_structs_are_laid_out_as_in_c() -> None:
    assert ctypes.sizeof(binding.CControls) == 32
    assert ctypes.sizeof(binding.CVoice) == 8 * 4 + 32 + 8 * 4 + 8


def test_the_core_is_as_new_as_its_sources() -> None:
    """A checkout whose last build failed would be tested with the library of the one before."""
    sources = [*binding.PLACE.parent.glob("*.[ch]pp"), binding.PLACE.with_name("wavegen.h")]
    newest = max(sources, key=lambda path: path.stat().st_mtime)
    built = binding.PLACE.stat().st_mtime
    assert newest.stat().st_mtime <= built, f"{newest.name} changed: run make .venv/.ready"


def test_the_core_needs_no_torch() -> None:
    code = "import sys, wavegen.native.library as l; l.builds(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
