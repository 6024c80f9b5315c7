"""A step as one CUDA graph: a thousand small launches become one.

A graph replays the same kernels on the same addresses. So everything that enters a step lies in
buffers made once, and what a step returns elsewhere is copied back into them, inside the graph.

Dimensions: B slots, U uniforms, E event shape, C condition channels.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from .. import state as trees
from ..sampling import ControlBatch
from .stepping import PlainStep, Step

_WARM_UP = 3  # lets libraries choose kernels and allocate before the capture (PyTorch's own advice)


class GraphedStep(Step):
    """Captures `step` once, for its number of slots, and replays it."""

    def __init__(self, step: PlainStep, noise: Tensor, cond: Tensor | None) -> None:
        self.state = trees.fork(step.state)
        self.last = step.last.clone()
        self._controls = step.controls
        self._noise = noise.clone()
        self._cond = None if cond is None else cond.clone()
        self._plain = step

        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(_WARM_UP):
                self._run()
        torch.cuda.current_stream().wait_stream(side)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            self._run()

    def load(self, state: Any, last: Tensor, controls: ControlBatch) -> None:
        """Stand where other voices stand."""
        trees.tree_map(lambda mine, given: mine.copy_(given), self.state, state)
        self.last.copy_(last)
        for mine, given in zip(self._controls[:-1], controls[:-1], strict=True):
            mine.copy_(given)

    def __call__(self, noise: Tensor, cond: Tensor | None) -> Tensor:
        """Copy in, replay, copy out."""
        self._noise.copy_(noise)
        if self._cond is not None and cond is not None:
            self._cond.copy_(cond)
        self._graph.replay()
        return self.last.clone()

    def _run(self) -> None:
        """One step from the fixed buffers into the fixed buffers."""
        plain = self._plain
        plain.state, plain.last, plain.controls = self.state, self.last, self._controls
        drawn = plain(self._noise, self._cond)
        # Copied twice, because a returned leaf may lie in another leaf's buffer.
        returned = trees.tree_map(_apart, plain.state, self.state)
        trees.tree_map(_bring_back, self.state, returned)
        self.last.copy_(drawn)


def _apart(returned: Tensor, fixed: Tensor) -> Tensor:
    return returned if _is_same(returned, fixed) else returned.clone()


def _bring_back(fixed: Tensor, returned: Tensor) -> Tensor:
    return fixed if _is_same(returned, fixed) else fixed.copy_(returned)


def _is_same(a: Tensor, b: Tensor) -> bool:
    """Whether the model wrote this leaf in place, so that there is nothing to copy."""
    return a.data_ptr() == b.data_ptr() and a.stride() == b.stride()
