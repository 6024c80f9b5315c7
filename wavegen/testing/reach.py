"""Which symbols each output depends on, measured by gradient.

Dimensions: B batch, T time, P head parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from ..model import SequenceModel
from .inputs import Inputs


class _ValuesOfSymbols(TorchFunctionMode):
    """Catches the first float tensors `(B, T, ...)` or `(T, B, ...)` made of integer symbols.

    There a gradient can begin: an embedding, a one-hot code, a scaled code, whatever the model
    does with its symbols.
    """

    def __init__(self, steps: torch.Size) -> None:
        super().__init__()
        self.layouts, self.values = (steps, steps[::-1]), list[Tensor]()

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        given = [a for a in (*args, *(kwargs or {}).values()) if isinstance(a, Tensor)]
        steps = [a for a in given if a.shape[:2] in self.layouts]
        is_born = bool(steps) and not any(a.is_floating_point() for a in steps)
        is_value = isinstance(out, Tensor) and out.is_floating_point()
        if not is_born or not is_value or out.shape[:2] not in self.layouts:
            return out
        self.values.append(out.detach().requires_grad_())
        return self.values[-1]


def gradient_of(model: SequenceModel[Any], given: Inputs, t: int) -> Tensor | None:
    """`(T)`: how much `params[:, t]` depends on each symbol; None where it cannot be measured.

    B and T must differ.
    """
    x, cond, static = given
    if model.spec.n_classes is None:
        x = x.detach().clone().requires_grad_()
        out, sources = model.forward(x, cond, static), [x]
    else:
        with _ValuesOfSymbols(x.shape[:2]) as caught:
            out = model.forward(x, cond, static)
        sources = caught.values
    if not sources or not out.requires_grad:
        return None
    mixed = out[:, t] * torch.linspace(0.5, 1.5, out.shape[-1])
    gradients = torch.autograd.grad(mixed.sum(), sources, allow_unused=True)
    by_step = [
        g if g.shape[:2] == x.shape[:2] else g.transpose(0, 1) for g in gradients if g is not None
    ]
    sizes = [g.abs().reshape(*x.shape[:2], -1).sum((0, 2)) for g in by_step]
    return torch.stack(sizes).sum(0) if sizes else torch.zeros(x.shape[1])
