"""Bricks: operations that the core has as they are."""

from __future__ import annotations

from torch import Tensor

from ..capture import Builder, Operand, translates
from ..graph import View


@translates("wavegen.delay_read.default")
def delay_read(
    b: Builder, rings: View, clock: View, lag: Tensor, ring: Tensor, start: Tensor
) -> View:
    """Taps `(1, n, C)` of rings `(1, R, C)`."""
    return b.emit(
        "delay_read",
        b.result(),
        rings=b.dense(rings),
        clock=clock,
        lags=lag.tolist(),
        lengths=ring.tolist(),
        starts=start.tolist(),
    )


@translates("wavegen.delay_write.default")
def delay_write(
    b: Builder, rings: View, clock: View, values: View, ring: Tensor, start: Tensor
) -> View:
    """The rings after the write; the copy goes away where nobody needs them as they were."""
    written = b.copy(rings)
    return b.emit(
        "delay_write",
        written,
        clock=clock,
        source=values,
        lengths=ring.tolist(),
        starts=start.tolist(),
    )


@translates("wavegen.tempered.default")
def tempered(b: Builder, logits: Operand, temperature: Operand) -> View:
    """Weights `(1, N)`."""
    return b.emit(
        "temper", b.result(), logits=b.dense(b.view(logits)), temperature=b.view(temperature)
    )


@translates("wavegen.draw_class.default")
def draw_class(b: Builder, weights: Operand, uniform: Operand) -> View:
    """A class `(1,)`."""
    return b.emit("draw_class", b.result(), weights=b.dense(b.view(weights)), u=b.view(uniform))


@translates("wavegen.sample.default")
def sample(
    b: Builder,
    logits: Operand,
    uniform: Operand,
    temperature: Operand,
    top_k: Operand,
    top_p: Operand,
    min_p: Operand,
    typical_p: Operand,
    truncates: bool,
) -> View:
    """A class `(1,)`; which controls are on is looked up voice by voice."""
    return b.emit(
        "sample",
        b.result(),
        logits=b.dense(b.view(logits)),
        temperature=b.view(temperature),
        top_k=b.view(top_k),
        top_p=b.view(top_p),
        min_p=b.view(min_p),
        typical_p=b.view(typical_p),
        u=b.view(uniform),
    )
