"""Weight normalisation (Salimans and Kingma 2016): lengths and directions are trained apart."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.utils import parametrize


class WeightNorm(nn.Module):
    """w = g v / |v| over the inputs of each output of a weight `(..., inputs, outputs)`; eq. 2.

    It is registered with `torch.nn.utils.parametrize`, and at first changes nothing.
    """

    def forward(self, length: Tensor, direction: Tensor) -> Tensor:
        """The weight that its two parts make."""
        return length * direction / direction.norm(dim=-2, keepdim=True)

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """Length `(..., 1, outputs)` and direction of a weight."""
        return weight.norm(dim=-2, keepdim=True), weight.clone()


def trained_matrix(module: nn.Module, name: str) -> nn.Parameter:
    """The parameter behind `module.name` that is as large as it: under weight norm its direction.

    Any length of a direction makes the same weight, so Muon may train it as if it were the weight;
    it only grows, which slows later updates a little.
    """
    if parametrize.is_parametrized(module, name):
        parts = module.get_submodule(f"parametrizations.{name}")
        return parts.get_parameter("original1")
    return module.get_parameter(name)
