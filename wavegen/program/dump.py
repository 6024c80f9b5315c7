"""A program as text for people: what it works on, then one line for each operation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any

from .program import Program


def dump(program: Program) -> str:
    """The whole text."""
    sections = [_facts(program), _state(program.header["state"]), _operations(program)]
    return "\n\n".join("\n".join(lines) for lines in sections)


def totals(program: Program) -> dict[str, Any]:
    """The sizes that matter."""
    header = program.header
    return {
        "precision": program.precision,
        "operations": len(header["ops"]),
        "macs": program.n_macs,
        "weight_bytes": sum(matrix.nbytes for matrix in program.weights.values()),
        "const_bytes": program.tensors["const"].nbytes,
        "state_bytes": header["state_bytes"],
        "scratch_bytes": header["scratch_bytes"],
        "voices": [voice["label"] for voice in header["voices"]],
    }


def _facts(program: Program) -> list[str]:
    header, sizes = program.header, totals(program)
    event = header["event"]
    kind = "real values" if event["classes"] is None else f"of {event['classes']} classes"
    names = [voice["label"] or "one, without a label" for voice in header["voices"]]
    weights = f"{sizes['weight_bytes']:,} bytes in {len(program.weights)} matrices"
    rows = {
        "event": f"{event['size']} x {event['type']}, {kind}",
        "parameters": f"{header['n_params']:,}",
        "uniforms": f"{header['n_uniforms']:,} a step",
        "conditions": f"{header['cond_channels']:,} channels",
        "voices": ", ".join(names) or "none",
        "weights": f"{weights}, {sizes['precision']}",
        "constants": f"{sizes['const_bytes']:,} bytes",
        "state": f"{sizes['state_bytes']:,} bytes a voice",
        "scratch": f"{sizes['scratch_bytes']:,} bytes a voice",
        "work": f"{sizes['macs']:,} MACs in {sizes['operations']:,} operations a step",
    }
    return [f"{name:12} {text}" for name, text in rows.items()]


def _state(entries: Sequence[Mapping[str, Any]]) -> list[str]:
    rows = [("state", "type", "offset")] + [
        (entry["name"], _shaped(entry["type"], entry["shape"]), f"{entry['offset']:,}")
        for entry in entries
    ]
    return list(_aligned(rows, right=(2,)))


def _operations(program: Program) -> list[str]:
    rows = [("#", "operation", "MACs", "out", "from")]
    weights = program.weights
    for number, op in enumerate(program.header["ops"]):
        macs = weights[op["weight"]].size if op["op"] == "product" else 0
        written = [_view(op[key]) for key in _written(op)]
        read = [_read(key, value, program) for key, value in op.items() if key not in _written(op)]
        rows.append(
            (
                str(number),
                op["op"],
                f"{macs:,}" if macs else "",
                ", ".join(written),
                " ".join(text for text in read if text),
            )
        )
    return list(_aligned(rows, right=(0, 2)))


def _written(op: Mapping[str, Any]) -> tuple[str, ...]:
    """The operands that an operation writes."""
    if op["op"].startswith("scatter"):
        return ("table",)
    if op["op"] == "unless":
        return ()
    return ("rings",) if op["op"] == "delay_write" else ("out",)


def _read(key: str, value: Any, program: Program) -> str:
    """One field of an operation; nothing where there is nothing to tell."""
    if key == "op" or value is None or value == [] or (key == "act" and value == "none"):
        return ""
    if key == "weight" and isinstance(value, str):
        matrix = program.weights[value]
        return f"{value}({_sizes(matrix.shape)})"
    if _is_view(value):
        return f"{key}={_view(value)}"
    if isinstance(value, list):
        parts = [_view(part) if _is_view(part) else str(part) for part in value]
        shown = parts if len(parts) <= 4 else [*parts[:2], "..", parts[-1]]
        return f"{key}=[{', '.join(shown)}]"
    return f"{key}={value}"


def _is_view(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 5 and isinstance(value[0], str)


def _view(view: Sequence[Any]) -> str:
    """`scratch+1024 f32(4,16)`; strides only where they are not dense."""
    space, kind, offset, shape, strides = view
    dense = list(accumulate(reversed(shape[1:]), lambda a, b: a * b, initial=1))[::-1]
    is_dense = all(n == 1 or a == b for n, a, b in zip(shape, strides, dense, strict=False))
    return f"{space}+{offset} {_shaped(kind, shape)}" + ("" if is_dense else f"/{_sizes(strides)}")


def _shaped(kind: str, shape: Sequence[int]) -> str:
    return f"{kind}({_sizes(shape)})"


def _sizes(values: Sequence[int]) -> str:
    return ",".join(map(str, values))


def _aligned(rows: Sequence[tuple[str, ...]], right: tuple[int, ...]) -> Iterator[str]:
    """Columns as wide as their widest text; those named stand on the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [
            text.rjust(width) if place in right else text.ljust(width)
            for place, (text, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()
