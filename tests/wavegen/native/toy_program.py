"""A small program written by hand that uses every operation, as tests of the core need one."""

from __future__ import annotations

from typing import Any

import numpy as np

from wavegen.program.precision import with_precision
from wavegen.program.program import Precision, Program

View = list[Any]
N_CLASSES, CHANNELS, SKIPS, N_COND, N_UNIFORMS = 17, 24, 33, 3, 6
UNARY = (
    "neg abs exp expm1 log log1p sqrt rsqrt reciprocal tanh sigmoid relu silu gelu gelu_tanh "
    "softplus log_sigmoid sin cos erf ndtri floor ceil round trunc sign square"
)
BINARY = "add sub mul min max div pow mod"
INTEGER = "add sub mul min max mod floordiv and or xor lt le gt ge eq ne"
BYTES = {"f32": 4, "i64": 8}


class Sketch:
    """Lays views out in the three spaces and collects operations."""

    def __init__(self) -> None:
        self.ops: list[dict[str, Any]] = []
        self.sizes = {"const": 0, "state": 0, "scratch": 0}
        self.content: list[tuple[int, np.ndarray]] = []
        self.leaves: list[dict[str, Any]] = []
        self.tensors: dict[str, np.ndarray] = {}

    def view(self, space: str, kind: str, *shape: int) -> View:
        """New memory, dense."""
        begin = -(-self.sizes[space] // 64) * 64
        strides = [int(np.prod(shape[i + 1 :], dtype=int)) for i in range(len(shape))]
        self.sizes[space] = begin + int(np.prod(shape, dtype=int)) * BYTES[kind]
        return [space, kind, begin, list(shape), strides]

    def floats(self, *shape: int) -> View:
        return self.view("scratch", "f32", *shape)

    def integers(self, *shape: int) -> View:
        return self.view("scratch", "i64", *shape)

    def constant(self, values: Any) -> View:
        array = np.asarray(values)
        array = array.astype(np.int64 if array.dtype.kind == "i" else np.float32)
        view = self.view("const", "i64" if array.dtype.kind == "i" else "f32", *array.shape)
        self.content.append((view[2], array))
        return view

    def leaf(self, name: str, kind: str, *shape: int) -> View:
        view = self.view("state", kind, *shape)
        leaf = {"name": name, "type": kind, "shape": list(shape), "offset": view[2]}
        self.leaves.append(leaf)
        return view

    def op(self, name: str, **fields: Any) -> Any:
        """Add one; gives its `out`, or None."""
        self.ops.append({"op": name, **fields})
        return fields.get("out")

    def product(self, name: str, matrix: np.ndarray, x: View, **fields: Any) -> View:
        self.tensors[f"weight/{name}"] = matrix.astype(np.float32)
        settings = {"add": [], "act": "none", "after": None, **fields}
        half = 2 if settings["act"] == "gate" else 1
        return self.op(
            "product", weight=name, x=x, out=self.floats(len(matrix) // half), **settings
        )

    def data(self) -> np.ndarray:
        """The space `const`."""
        space = np.zeros(self.sizes["const"], dtype=np.uint8)
        for begin, array in self.content:
            space[begin : begin + array.nbytes] = np.frombuffer(array.tobytes(), dtype=np.uint8)
        return space


def part(view: View, begin: int, length: int) -> View:
    """Elements of a dense view of one dimension."""
    space, kind, offset, _, _ = view
    return [space, kind, offset + begin * BYTES[kind], [length], [1]]


def shaped(view: View, *shape: int) -> View:
    """A dense view with another shape."""
    strides = [int(np.prod(shape[i + 1 :], dtype=int)) for i in range(len(shape))]
    return [*view[:3], list(shape), strides]


def spread(view: View, length: int) -> View:
    """A single element, repeated."""
    return [*view[:3], [length], [0]]


def toy_program(precision: Precision = "float32") -> Program:
    """A causal model of 17 classes that uses every operation and every function."""
    random = np.random.default_rng(5)

    def matrix(n: int, k: int) -> np.ndarray:
        return random.normal(0, k**-0.5, (n, k))

    s = Sketch()
    event, cond = s.integers(1), s.floats(N_COND)
    noise = s.floats(N_UNIFORMS)
    temperature, top_k = s.floats(), s.integers()
    top_p, min_p, typical_p = s.floats(), s.floats(), s.floats()
    clock, rings = s.leaf("clock", "i64"), s.leaf("rings", "f32", 5, CHANNELS)
    sums = s.leaf("sums", "f32", 2, 3, 4)

    # The way of a symbol: its row, the rows of one and two steps ago, gates, logits.
    row = s.op(
        "gather_rows",
        table=s.constant(matrix(N_CLASSES, CHANNELS)),
        index=event,
        out=s.floats(1, CHANNELS),
    )
    lines = {"lengths": [2, 3], "starts": [0, 2]}
    past = s.op(
        "delay_read", rings=rings, clock=clock, lags=[1, 2], out=s.floats(2, CHANNELS), **lines
    )
    x = s.floats(2 * CHANNELS + N_COND)
    s.op("copy", x=shaped(row, CHANNELS), out=part(x, 0, CHANNELS))
    s.op("copy", x=[*past[:3], [CHANNELS], [2]], out=part(x, CHANNELS, 24))
    s.op("copy", x=cond, out=part(x, 2 * CHANNELS, N_COND))
    bias = s.constant(random.normal(0, 0.1, 2 * CHANNELS))
    y = s.product("gated", matrix(2 * CHANNELS, 51), x, add=[bias, bias], act="gate")
    residual = shaped(row, CHANNELS)
    for act in ("relu", "tanh", "sigmoid", "silu", "gelu", "gelu_tanh", "none"):
        y = s.product(act, matrix(CHANNELS, CHANNELS), y, act=act, after=residual)
    two = s.op("copy", x=[*y[:3], [2, CHANNELS], [0, 1]], out=s.floats(2, CHANNELS))
    s.op("delay_write", rings=rings, clock=clock, source=two, **lines)
    s.op("binary", fn="add", a=clock, b=s.constant(1), out=clock)

    # A part with a turn at every other step, and inside of it one at every sixth.
    turn, rare = s.integers(), s.integers()
    for period, out in ((2, turn), (6, rare)):
        phase = s.op("binary", fn="mod", a=clock, b=s.constant(period), out=s.integers())
        s.op("binary", fn="eq", a=phase, b=s.constant(0), out=out)
    slow = s.leaf("slow", "f32", CHANNELS)
    s.op("unless", cond=turn, skip=4)
    once = s.product("slow", matrix(CHANNELS, CHANNELS), slow, add=[residual], act="tanh")
    s.op("copy", x=once, out=slow)
    s.op("unless", cond=rare, skip=1)
    s.op("binary", fn="mul", a=slow, b=once, out=slow)
    y = s.op("binary", fn="add", a=y, b=slow, out=s.floats(CHANNELS))

    # Every function, on values at which it is finite.
    safe = s.op("unary", fn="sigmoid", x=y, out=s.floats(CHANNELS))
    total = s.op("copy", x=safe, out=s.floats(CHANNELS))
    for fn in UNARY.split():
        s.op(
            "binary", fn="add", a=total, b=s.op("unary", fn=fn, x=safe, out=s.floats(24)), out=total
        )
    for fn in BINARY.split():
        b = s.op("binary", fn=fn, a=safe, b=spread(part(safe, 3, 1), 24), out=s.floats(24))
        s.op("binary", fn="add", a=total, b=b, out=total)
    many = s.op("binary", fn="mul", a=safe, b=spread(s.constant(40.0), 24), out=s.floats(24))
    whole = c = s.op("convert", x=many, out=s.integers(CHANNELS))
    for fn in INTEGER.split():
        other = spread(part(whole, 5, 1), CHANNELS)
        c = s.op("binary", fn=fn, a=whole, b=other, out=s.integers(CHANNELS))
    for fn in ("neg", "abs", "not"):
        c = s.op("unary", fn=fn, x=c, out=s.integers(CHANNELS))
    s.op("where", cond=c, a=total, b=safe, out=total)
    square = shaped(total, 2, 3, 4)
    for fn in ("sum", "mean", "max", "min", "prod"):
        r = s.op("reduce", fn=fn, x=square, out=s.floats(2, 3))
        s.op("binary", fn="add", a=part(total, 0, 6), b=shaped(r, 6), out=part(total, 0, 6))
    for fn in ("argmax", "argmin"):
        best = s.op("reduce", fn=fn, x=square, out=s.integers(2, 3))
    for fn in ("any", "all", "sum"):
        s.op("reduce", fn=fn, x=shaped(whole, 2, 12), out=s.integers(2))
    for log in (True, False):
        soft = s.op("softmax", x=square, out=s.floats(2, 3, 4), log=log)
    scale = s.constant(random.normal(1, 0.1, 4))
    for weight in (scale, None):
        norm = s.op(
            "layer_norm", x=square, out=s.floats(2, 3, 4), weight=weight, bias=weight, eps=1e-5
        )
    s.op("cumsum", x=norm, out=s.floats(2, 3, 4))
    turned = [*norm[:3], [2, 4, 3], [12, 1, 4]]
    s.op("matmul", a=soft, b=turned, out=s.floats(2, 3, 3))
    picked = s.op("gather", table=soft, dim=2, index=shaped(best, 2, 3, 1), out=s.floats(2, 3, 1))
    s.op("scatter", table=sums, dim=2, index=shaped(best, 2, 3, 1), source=picked)
    s.op(
        "scatter_rows",
        table=shaped(sums, 6, 4),
        index=s.constant([4, 1]),
        source=shaped(part(total, 0, 8), 2, 4),
    )

    s.op("copy", x=shaped(sums, CHANNELS), out=part(x, 0, CHANNELS))
    hidden = s.product("hidden", matrix(SKIPS, 51), x, act="silu")
    logits = s.product("logits", matrix(N_CLASSES, SKIPS), hidden)
    weights = s.op("temper", logits=logits, temperature=temperature, out=s.floats(N_CLASSES))
    s.op("draw_class", weights=weights, u=shaped(part(noise, 0, 1)), out=s.integers())
    drawn = s.integers(1)
    s.op(
        "sample",
        logits=logits,
        temperature=temperature,
        top_k=top_k,
        top_p=top_p,
        min_p=min_p,
        typical_p=typical_p,
        u=shaped(part(noise, 5, 1)),
        out=shaped(drawn),
    )
    state = np.zeros(s.sizes["state"], dtype=np.uint8)
    header = {
        "state_bytes": s.sizes["state"],
        "scratch_bytes": s.sizes["scratch"],
        "event": {"type": "i64", "size": 1, "classes": N_CLASSES},
        "n_params": N_CLASSES,
        "n_uniforms": N_UNIFORMS,
        "cond_channels": N_COND,
        "state": s.leaves,
        "inputs": {
            "event": event,
            "cond": cond,
            "noise": noise,
            "temperature": temperature,
            "top_k": top_k,
            "top_p": top_p,
            "min_p": min_p,
            "typical_p": typical_p,
        },
        "outputs": {"params": logits, "event": drawn},
        "ops": s.ops,
        "voices": [],
        "about": {"model": "toy"},
    }
    program = Program(header, {"const": s.data(), **s.tensors})
    return with_precision(program.with_voice(None, np.array([3]), state), precision)
