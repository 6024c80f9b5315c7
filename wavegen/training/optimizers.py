"""Which optimizer trains which parameter.

Muon takes the weights between hidden channels that a model names, AdamW all others: embeddings,
biases, output.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from .config import TrainerConfig
from .muon import Muon


def optimizers(
    module: nn.Module, hidden: Sequence[nn.Parameter], config: TrainerConfig
) -> list[torch.optim.Optimizer]:
    """Optimizers that together hold every parameter of `module` once.

    Each group's `highest_lr` is what the schedule scales.
    """
    by_muon = {id(p) for p in hidden} if config.muon_lr else set[int]()
    rest = [p for p in module.parameters() if id(p) not in by_muon]
    adam = torch.optim.AdamW(
        [
            {"params": [p for p in rest if p.dim() > 1]},
            {"params": [p for p in rest if p.dim() <= 1], "weight_decay": 0.0},
        ],
        lr=config.lr,
        betas=(0.9, config.beta2),
        weight_decay=config.weight_decay,
        fused=next(iter(rest)).device.type in ("cpu", "cuda"),
    )
    found: list[torch.optim.Optimizer] = [adam]
    if by_muon:
        found.append(Muon(hidden, config.muon_lr, decay=config.muon_decay))
    for optimizer in found:
        for group in optimizer.param_groups:
            group["highest_lr"] = group["lr"]
    return found


def set_share(optimizers: Sequence[torch.optim.Optimizer], share: float) -> None:
    """Scale every learning rate to a share of its highest."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = group["highest_lr"] * share


def state_tensors(
    module: nn.Module, optimizers: Sequence[torch.optim.Optimizer]
) -> dict[str, Tensor]:
    """What the optimizers remember, as `OPTIMIZER/PARAMETER/KEY`."""
    names = {id(p): name for name, p in module.named_parameters()}
    return {
        f"{type(optimizer).__name__}/{names[id(parameter)]}/{key}": value
        for optimizer in optimizers
        for parameter, values in optimizer.state.items()
        for key, value in values.items()
    }


def load_state(
    module: nn.Module, optimizers: Sequence[torch.optim.Optimizer], tensors: Mapping[str, Tensor]
) -> None:
    """Put back what `state_tensors` gave; a parameter that changed its optimizer starts anew."""
    names = {id(p): name for name, p in module.named_parameters()}
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                prefix = f"{type(optimizer).__name__}/{names[id(parameter)]}/"
                found = {
                    key.removeprefix(prefix): value
                    for key, value in tensors.items()
                    if key.startswith(prefix)
                }
                # AdamW counts its steps on the CPU, unless it is fused; all else lies beside the
                # parameter.
                if found:
                    optimizer.state[parameter] = {
                        key: value
                        if key == "step" and not group.get("fused")
                        else value.to(parameter.device)
                        for key, value in found.items()
                    }
