"""A program written by hand: one tanh layer over four classes, and what it must draw.

Dimensions: H hidden, C classes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from wavegen.noise import uniforms
from wavegen.program.program import Program

CLASSES, HIDDEN, START = 4, 3, 2
LABELS = ("ann", "bob")


def view(space: str, kind: str, offset: int, *shape: int) -> list[Any]:
    strides = [int(np.prod(shape[i + 1 :])) for i in range(len(shape))]
    return [space, kind, offset, list(shape), strides]


def matrices() -> dict[str, npt.NDArray[np.float32]]:
    rng = np.random.default_rng(7)
    shapes = {"table": (CLASSES, HIDDEN), "again": (HIDDEN, HIDDEN), "leave": (CLASSES, HIDDEN)}
    made = {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    made["again"] *= np.float32(0.4)  # so that it forgets: else it is chaotic, and bits matter
    return made


def tiny(*labels: str | None, plugin: str = "audio") -> Program:
    """h = tanh(again h + table[event]); logits = leave h. Voices begin with h = 0.1, 0.2, ..."""
    made = matrices()
    hidden, entered = view("scratch", "f32", 64, HIDDEN), view("scratch", "f32", 128, 1, HIDDEN)
    logits, drawn = view("scratch", "f32", 192, CLASSES), view("scratch", "i64", 256)
    inputs = {
        "event": view("scratch", "i64", 0, 1),
        "cond": None,
        "noise": view("scratch", "f32", 320, 1),
        "temperature": view("scratch", "f32", 384),
        "top_k": view("scratch", "i64", 392),
        "top_p": view("scratch", "f32", 400),
        "min_p": view("scratch", "f32", 404),
        "typical_p": view("scratch", "f32", 408),
    }
    controls = {name: inputs[name] for name in list(inputs)[3:]}
    header = {
        "state_bytes": 64,
        "scratch_bytes": 448,
        "event": {"type": "i64", "size": 1, "classes": CLASSES},
        "n_params": CLASSES,
        "n_uniforms": 1,
        "cond_channels": 0,
        "state": [{"name": "hidden", "type": "f32", "shape": [HIDDEN], "offset": 0}],
        "inputs": inputs,
        "outputs": {"params": logits, "event": view("scratch", "i64", 256, 1)},
        "ops": [
            {
                "op": "gather_rows",
                "table": view("const", "f32", 0, CLASSES, HIDDEN),
                "index": inputs["event"],
                "out": entered,
            },
            {
                "op": "product",
                "weight": "again",
                "x": view("state", "f32", 0, HIDDEN),
                "out": hidden,
                "add": [view("scratch", "f32", 128, HIDDEN)],
                "act": "tanh",
                "after": None,
            },
            {"op": "copy", "x": hidden, "out": view("state", "f32", 0, HIDDEN)},
            {
                "op": "product",
                "weight": "leave",
                "x": hidden,
                "out": logits,
                "add": [],
                "act": "none",
                "after": None,
            },
            {
                "op": "sample",
                "logits": logits,
                **controls,
                "u": view("scratch", "f32", 320),
                "out": drawn,
            },
        ],
        "voices": [],
        "about": {
            "rate_hz": 8000.0,
            "labels": [label for label in labels if label],
            "domain": {
                "name": "audio",
                "plugin": plugin,
                "config": {"rate_hz": 8000, "classes": CLASSES},
            },
        },
    }
    program = Program(
        header,
        {
            "const": made["table"].view(np.uint8).reshape(-1),
            "weight/again": made["again"],
            "weight/leave": made["leave"],
        },
    )
    for number, label in enumerate(labels or (None,)):
        program = program.with_voice(label, np.array([START]), first_state(number))
    return program


def first_state(number: int) -> npt.NDArray[np.uint8]:
    """What the voice of that number remembers at first."""
    state = np.zeros(64, np.uint8)
    state[: 4 * HIDDEN].view(np.float32)[:] = 0.1 * (number + 1)
    return state


def expected(
    steps: int, seed: int, *, number: int = 0, temperature: float = 1.0, given: Any = ()
) -> npt.NDArray[np.int64]:
    """What it draws, by numpy in float64: `(T,)`, which begins with `given`."""
    made = {name: matrix.astype(np.float64) for name, matrix in matrices().items()}
    hidden, event, drawn = np.full(HIDDEN, 0.1 * (number + 1)), START, list[int]()
    noise = uniforms([seed], [0], steps, 1)[0, :, 0]
    for position in range(steps):
        hidden = np.tanh(made["again"] @ hidden + made["table"][event])
        logits = made["leave"] @ hidden
        weights = np.exp((logits - logits.max()) / temperature)
        running = np.cumsum(weights) / weights.sum()
        event = int((running <= noise[position]).sum())
        if position < len(given):
            event = int(given[position])
        drawn.append(event)
    return np.array(drawn)
