"""Which turns come at which step of a program, counted by the program itself.

Nothing in the core counts: every turn gets one more operation here, which adds 1 to a number of
its own behind the state.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ..native import library
from .program import Program

_BYTES = 8
_ALIGNMENT = 64


def turns_of(ops: Sequence[Mapping[str, Any]]) -> list[tuple[int, ...]]:
    """For each operation the numbers of the `unless` around it, outermost first."""
    around, ends = list[tuple[int, ...]](), list[tuple[int, int]]()
    for number, op in enumerate(ops):
        while ends and ends[-1][1] <= number:
            ends.pop()
        around.append(tuple(turn for turn, _ in ends))
        if op["op"] == "unless":
            ends.append((number, number + 1 + op["skip"]))
    return around


def tally(
    program: Program, state: npt.NDArray[np.uint8], n_steps: int
) -> dict[int, npt.NDArray[np.bool_]]:
    """By the number of each `unless`, whether its operations were done `(n_steps)`.

    One voice from `state` `(state_bytes)` on, with no conditions; its draws have the seed 0.
    """
    counting = _counting(program)
    opened = library.Program(counting.to_bytes())
    event = program.header["event"]
    slot = library.Slot(
        library.aligned(opened.state_bytes), np.zeros(event["size"], opened.event_type)
    )
    slot.state[: len(state)] = state
    turns = [i for i, op in enumerate(program.header["ops"]) if op["op"] == "unless"]
    counts = np.zeros((n_steps + 1, len(turns)), np.int64)
    runner, first = opened.runner(), opened.state_bytes - _BYTES * len(turns)
    for step in range(n_steps):
        runner.advance([slot], 1)
        counts[step + 1] = slot.state[first:].view(np.int64)
    done = np.diff(counts, axis=0) > 0
    return {turn: done[:, i] for i, turn in enumerate(turns)}


def products_by_turn(program: Program) -> dict[int | None, Program]:
    """The products of each `unless`, without those inside of others, as programs of their own.

    Those of every step stand under None.
    """
    ops = program.header["ops"]
    found: defaultdict[int | None, list[Mapping[str, Any]]] = defaultdict(list)
    for op, around in zip(ops, turns_of(ops), strict=True):
        if op["op"] == "product":
            found[around[-1] if around else None].append(op)
    parts = dict[int | None, Program]()
    for turn, products in found.items():
        names = {f"{kind}/{op['weight']}" for op in products for kind in ("weight", "scale")}
        tensors = {n: t for n, t in program.tensors.items() if n in names or n == "const"}
        header = {**program.header, "ops": products, "voices": []}
        parts[turn] = Program(header, tensors)
    return parts


def _counting(program: Program) -> Program:
    """The program with a counter in every turn."""
    header, const = program.header, program.tensors["const"]
    ops = header["ops"]
    turns = [i for i, op in enumerate(ops) if op["op"] == "unless"]
    first = -(-header["state_bytes"] // _ALIGNMENT) * _ALIGNMENT
    one_at = -(-const.nbytes // _ALIGNMENT) * _ALIGNMENT
    padded = np.zeros(one_at + _BYTES, np.uint8)
    padded[: const.nbytes], padded[one_at] = const, 1
    counting = list(_with_counters(ops, first, ["const", "i64", one_at, [], []]))
    return replace(
        program,
        header={
            **header,
            "ops": counting,
            "state_bytes": first + _BYTES * len(turns),
            "voices": [],
        },
        tensors={
            **{name: t for name, t in program.tensors.items() if not name.startswith("voice/")},
            "const": padded,
        },
    )


def _with_counters(
    ops: Sequence[Mapping[str, Any]], first: int, one: list[Any]
) -> Iterator[Mapping[str, Any]]:
    inside = [0] * len(ops)
    for number, turns in enumerate(turns_of(ops)):
        if ops[number]["op"] == "unless":
            for turn in (*turns, number):
                inside[turn] += 1
    counter = 0
    for number, op in enumerate(ops):
        if op["op"] != "unless":
            yield op
            continue
        yield {**op, "skip": op["skip"] + inside[number]}
        place = ["state", "i64", first + _BYTES * counter, [], []]
        yield {"op": "binary", "fn": "add", "a": place, "b": one, "out": place}
        counter += 1
