"""No model walks into what made its peers slow.

An index in a loop over time or over chunks costs, on the way back, zeros as large as what is
indexed: time grows with the square of the length (16 to 23 times for four times the length).
An einsum of three operands plans its order anew at each step (116 us in place of 14).
"""

from __future__ import annotations

from collections import Counter
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


def build(name: str) -> SequenceModel[Any]:
    spec = MODELS[name]
    return spec.build(spec.config(**spec.presets["tiny"]), SequenceSpec(16, 16))


def n_indexed(out: Tensor) -> int:
    """How many indices the way back from `out` goes through."""
    seen, queue, kinds = set[Any](), [out.grad_fn], Counter[str]()
    while queue:
        node = queue.pop()
        if node is not None and node not in seen:
            seen.add(node)
            kinds[node.name()] += 1
            queue += [before for before, _ in node.next_functions]
    return sum(kinds[kind] for kind in INDEXING)


@pytest.mark.parametrize("name", MODELS)
def test_no_index_in_a_loop_over_time(name: str) -> None:
    model = build(name).train()
    short, long = (n_indexed(model(torch.randint(16, (1, n)))) for n in (128, 512))
    assert short == long


@pytest.mark.parametrize("delta", [True, False])
def test_no_index_in_the_loop_over_chunks(delta: bool) -> None:
    def indices(n_steps: int) -> int:
        q, k, v = (torch.rand(1, 1, n_steps, 4, requires_grad=True) for _ in range(3))
        strength = torch.rand(1, 1, n_steps) if delta else None
        out, _ = delta_rule(q, k, v, strength, -torch.rand(1, 1, n_steps), torch.zeros(1, 1, 4, 4))
        return n_indexed(out)

    assert indices(64) == indices(512)


def test_an_index_in_a_loop_is_noticed() -> None:
    def running(x: Tensor) -> Tensor:
        total = x[:, 0]
        for t in range(1, x.shape[1]):
            total = total + x[:, t]
        return total

    counts = [n_indexed(running(torch.rand(1, n, requires_grad=True))) for n in (3, 9)]
    assert counts[0] < counts[1]


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
