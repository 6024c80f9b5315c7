"""No model walks into what made its peers slow.

An index in a loop over time or over chunks costs, on the way back, zeros as large as what is
indexed: time grows with the square of the length (16 to 23 times for four times the length).
An einsum of three operands plans its order anew at each step (116 us in place of 14).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from wavegen.layers.delta_rule import delta_rule
from wavegen.model import SequenceModel, SequenceSpec
from wavegen.plugins import Plugins

MODELS = {o.name: o.spec for o in Plugins().models() if o.plugin == "models"}
INDEXING = {"SelectBackward0", "SliceBackward0", "IndexBackward0"}


OWN_LOOPS = [("recurrent", {"zoneout": 0.1}), ("recurrent", {"cell": "lstm", "peepholes": True})]
"""Where a recurrent net does not go through torch's own layers."""


def build(name: str, **settings: Any) -> SequenceModel[Any]:
    spec = MODELS[name]
    return spec.build(spec.config(**{**spec.presets["tiny"], **settings}), SequenceSpec(16, 16))


def n_zeros(out: Tensor) -> int:
    """How many elements of zeros the indices write on the way back from `out`."""
    seen, queue, count = set[Any](), [out.grad_fn], 0
    while queue:
        node: Any = queue.pop()
        if node is not None and node not in seen:
            seen.add(node)
            if node.name() in INDEXING:
                count += math.prod(node._saved_self_sym_sizes)
            queue += [before for before, _ in node.next_functions]
    return count


@pytest.mark.parametrize(("name", "settings"), [*((name, {}) for name in MODELS), *OWN_LOOPS])
def test_no_index_in_a_loop_over_time(name: str, settings: dict[str, Any]) -> None:
    model = build(name, **settings).train()
    short, long = (n_zeros(model(torch.randint(16, (1, n)))) for n in (128, 512))
    assert long <= 5 * short


@pytest.mark.parametrize("delta", [True, False])
def test_no_index_in_the_loop_over_chunks(delta: bool) -> None:
    def zeros(n_steps: int) -> int:
        q, k, v = (torch.rand(1, 1, n_steps, 4, requires_grad=True) for _ in range(3))
        strength = torch.rand(1, 1, n_steps) if delta else None
        out, _ = delta_rule(q, k, v, strength, -torch.rand(1, 1, n_steps), torch.zeros(1, 1, 4, 4))
        return n_zeros(out)

    assert zeros(512) <= 9 * zeros(64)


def test_an_index_in_a_loop_is_noticed() -> None:
    def running(x: Tensor) -> Tensor:
        total = x[:, 0]
        for t in range(1, x.shape[1]):
            total = total + x[:, t]
        return total

    short, long = (n_zeros(running(torch.rand(1, n, requires_grad=True))) for n in (128, 512))
    assert long == 16 * short


class Einsums(TorchFunctionMode):
    """Notes how many operands each einsum has."""

    def __init__(self) -> None:
        super().__init__()
        self.operands = list[int]()

    def __torch_function__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Called in place of every function of torch."""
        if func is torch.einsum:
            self.operands.append(len(args) - 1)
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("name", MODELS)
def test_no_einsum_of_three_operands(name: str) -> None:
    model, x = build(name).eval(), torch.randint(16, (2, 40))
    with torch.no_grad(), Einsums() as seen:
        model(x)
        _, state = model.prefill(x, model.init_state(2))
        model.step(x[:, 0], state)
    assert max(seen.operands, default=0) <= 2


def test_an_einsum_of_three_operands_is_noticed() -> None:
    q, k, v = torch.rand(3, 2, 4)
    with Einsums() as seen:
        torch.einsum("bd,bd,bm->bm", q, k, v)
    assert seen.operands == [3]
