"""Program files with one fault each: fields dropped, retyped, overdone; bytes cut and bent."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

from wavegen.program.program import Program

Place = tuple[Any, Any]
"""A list or an object, and an index or a key in it."""

DROPPED = object()
EVIL = (
    DROPPED,
    None,
    True,
    "",
    "x",
    "scratch",
    "i64",
    [],
    {},
    [[]],
    0.5,
    1e308,
    *(-1, 0, 1, 2, 3, 7, 64, 4096, 2**31 - 1, 2**31, 2**32, 2**32 + 1, 2**40),
    *(2**61, 2**62, 2**63 - 1, 2**63, 2**64, -(2**31), -(2**63), -(2**64)),
)
TEXTS = (
    b"",
    b"{",
    b"[" * 100_000,
    b'{"a":' * 100_000,
    b'{"ops": NaN}',
    b'{"ops": 1e999, "ops": 1}',
    b'{"\\ud800": 1}',
    b'{"\xff\xfe": 1}',
    b'"' + b"a" * 1_000_000 + b'"',
    b"-",
    b"1e",
    b"0x10",
    b"{} {}",
    b"\x00",
    b"9" * 5000,
)


class Content:
    """A program file in its parts, put together again with one of them changed."""

    def __init__(self, program: Program) -> None:
        content = program.to_bytes()
        begin = 8 + int.from_bytes(content[:8], "little")
        self.table: dict[str, Any] = json.loads(content[8:begin])
        self.program: dict[str, Any] = json.loads(self.table["__metadata__"]["program"])
        self.data = content[begin:]

    def join(self, program: str | None = None) -> bytes:
        """The file; `program` stands for its text of that name."""
        if program is None:
            program = json.dumps(self.program, separators=(",", ":"))
        metadata = self.table.get("__metadata__")
        if isinstance(metadata, dict) and "program" in metadata:
            metadata["program"] = program
        return framed(json.dumps(self.table, separators=(",", ":")).encode()) + self.data


def framed(header: bytes) -> bytes:
    return len(header).to_bytes(8, "little") + header


def places(tree: Any) -> Iterator[Place]:
    """Every place in a tree of lists and objects."""
    pairs = tree.items() if isinstance(tree, dict) else enumerate(tree)
    for key, value in list(pairs):
        yield tree, key
        if isinstance(value, dict | list):
            yield from places(value)


def mutations(program: Program, n: int, seed: int) -> Iterator[bytes]:
    """`n` faults in the program's text, then a few hundred in everything around it."""
    dice = random.Random(seed)
    content = Content(program)
    yield content.join()
    inner = list(places(content.program))
    for where in dice.sample(inner, min(n // 2, len(inner))):
        yield from _with(content, where, dice.choice(EVIL))
    for _ in range(n - n // 2):
        # A value from elsewhere, of the same kind: such files often open, and mean something else.
        tree, key = dice.choice(inner)
        alike = [v for v in (t[k] for t, k in dice.sample(inner, 50)) if type(v) is type(tree[key])]
        if alike:
            yield from _with(content, (tree, key), deepcopy(dice.choice(alike)))
    for where in places(content.table):
        for value in dice.sample(EVIL, 4):
            yield from _with(content, where, value)
    yield from _values(content, dice)
    yield from _bytes(content, dice)


def _with(content: Content, where: Place, value: Any) -> Iterator[bytes]:
    """The file with another value at that place, which is put right again."""
    tree, key = where
    before = list(tree.items()) if isinstance(tree, dict) else list(tree)
    if value is DROPPED:
        del tree[key]
    else:
        tree[key] = value
    yield content.join()
    tree.clear()
    tree.update(before) if isinstance(tree, dict) else tree.extend(before)


def _values(content: Content, dice: random.Random) -> Iterator[bytes]:
    """Odd whole numbers and odd floats in the data: indices, clocks, weights, biases."""
    data = content.data
    tensors = {
        name: entry["data_offsets"] for name, entry in content.table.items() if name[0] != "_"
    }
    integers = [tensors["const"][0] + view[2] for view in _integer_constants(content.program)]
    for leaf in content.program["state"]:
        if leaf["type"] == "i64":
            integers.append(tensors["voice/0"][0] + leaf["offset"])
    for place in integers:
        for number in (-1, 17, 2**31, 2**63 - 1, -(2**63), 2**62 + 1):
            content.data = (
                data[:place] + number.to_bytes(8, "little", signed=True) + data[place + 8 :]
            )
            yield content.join()
    for begin, end in tensors.values():
        for word in (0x7FC00000, 0x7F800000, 0xFF800000, 0x00000001, 0x7F7FFFFF):
            place = begin + dice.randrange((end - begin) // 4) * 4
            content.data = data[:place] + word.to_bytes(4, "little") + data[place + 4 :]
            yield content.join()
    content.data = data


def _integer_constants(tree: Any) -> Iterator[list[Any]]:
    """Every view of whole numbers in the space `const`."""
    for parent, key in places(tree):
        if isinstance(parent[key], list) and parent[key][:2] == ["const", "i64"]:
            yield parent[key]


def _bytes(content: Content, dice: random.Random) -> Iterator[bytes]:
    """Faults that no JSON writer would make."""
    whole = content.join()
    begin = len(whole) - len(content.data)
    ends = [*range(40), begin - 1, begin, begin + 1, len(whole) - 1]
    for end in [*ends, *dice.sample(range(len(whole)), 60)]:
        yield whole[:end]
    for length in (
        0,
        1,
        begin - 9,
        begin - 7,
        len(whole),
        2**31,
        2**32,
        2**63,
        2**64 - 1,
        2**64 - 8,
    ):
        yield length.to_bytes(8, "little") + whole[8:]
    yield whole + b"x"
    yield whole * 2
    for text in TEXTS:
        yield framed(text) + content.data
        yield content.join(text.decode(errors="surrogateescape"))
    for _ in range(300):
        bent = bytearray(whole)
        for _ in range(dice.choice((1, 1, 1, 8))):
            bent[dice.randrange(begin)] = dice.choice((dice.randrange(256), *b'",:[]{}-0189e\\'))
        yield bytes(bent)
