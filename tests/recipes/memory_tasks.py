"""How far back models of equal size remember: adding and copy memory (Bai et al. 2018).

    python memory_tasks.py adding [--models tcn,lstm,gru] [--length 200] [--steps 2000] [--seed 0]
    python memory_tasks.py copy   [--models tcn,lstm,gru] [--length 100] [--steps 2000] [--seed 0]

The TCN's sizes are given below; the recurrent nets, of one layer, are as wide as makes their
parameters equal. All are trained by Adam on the same examples, on one thread.
"""

from __future__ import annotations

import argparse
import math
import time
from typing import Any

import torch

from wavegen.config import parse
from wavegen.model import SequenceModel
from wavegen.plugins import plugins
from wavegen.training.memory_tasks import Adding, CopyMemory, MemoryTask

BATCH, N_TEST, EVERY = 32, 1000, 100
TASKS = {"adding": Adding, "copy": CopyMemory}
TCN = {
    "adding": {
        "blocks": 5,
        "channels": 24,
        "kernel": 6,
        "embedding_channels": 4,
        "weight_norm": True,
    },
    "copy": {"blocks": 4, "channels": 16, "kernel": 8, "weight_norm": True},
}
"""They reach 311 and 211 steps back: a longer task takes a block more. Weight norm as in the paper,
for Adam: without it adding scores 0.00096 in place of 0.00035, copying 100 % as well.
"""
LR = {
    "adding": {"tcn": 4e-3, "lstm": 5e-3, "gru": 2e-3},
    "copy": {"tcn": 4e-3, "lstm": 1e-2, "gru": 1e-2},
}
"""The best of two or three that were tried, by the score after 2,000 steps."""


def build(name: str, settings: dict[str, Any], task: MemoryTask) -> SequenceModel[Any]:
    spec = plugins().model(name).spec
    return spec.build(parse(spec.config, settings, "model"), task.spec)


def n_parameters(model: SequenceModel[Any]) -> int:
    return sum(p.numel() for p in model.parameters())


def model_of(name: str, kind: str, task: MemoryTask) -> SequenceModel[Any]:
    """The TCN, or the recurrent net whose number of parameters is nearest to the TCN's."""
    tcn = build("tcn", TCN[kind], task)
    if name == "tcn":
        return tcn
    wanted = n_parameters(tcn)
    low, high = 1, 4096
    while low < high:  # the narrowest with as many parameters
        width = (low + high) // 2
        if n_parameters(recurrent(name, width, task)) < wanted:
            low = width + 1
        else:
            high = width
    rivals = [recurrent(name, width, task) for width in (low - 1, low)]
    return min(rivals, key=lambda model: abs(n_parameters(model) - wanted))


def recurrent(cell: str, width: int, task: MemoryTask) -> SequenceModel[Any]:
    return build("recurrent", {"cell": cell, "layers": 1, "width": width, "embedding": 8}, task)


@torch.no_grad()
def test(model: SequenceModel[Any], task: MemoryTask, seed: int) -> float:
    x, target = task.examples(N_TEST, torch.Generator().manual_seed(10_000 + seed))
    return task.score(model.eval().tail(x, task.n_scored), target)


def run(name: str, kind: str, task: MemoryTask, n_steps: int, seed: int, lr: float) -> None:
    torch.manual_seed(seed)
    model, rng = model_of(name, kind, task), torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    reach = model.receptive_field or "unbounded"
    print(f"{kind} {task}: {name}, {n_parameters(model):,} parameters, reach {reach}, lr {lr:g}")
    begin = time.perf_counter()
    for step in range(1, n_steps + 1):
        share = min(1, step / 100) * (0.5 + 0.5 * math.cos(math.pi * step / n_steps))
        optimizer.param_groups[0]["lr"] = lr * share
        x, target = task.examples(BATCH, rng)
        loss = task.loss(model.train().tail(x, task.n_scored), target)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if step % EVERY == 0 or step == n_steps:
            seconds, score = time.perf_counter() - begin, test(model, task, seed)
            print(f"  step {step:>6}  {seconds:6.0f} s  score {score:.3g}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("task", choices=TASKS)
    parser.add_argument("--models", default="tcn,lstm,gru")
    parser.add_argument("--length", type=int)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--lr", type=float)
    given = parser.parse_args()
    torch.set_num_threads(1)
    task = TASKS[given.task](*([] if given.length is None else [given.length]))
    for name in given.models.split(","):
        lr = given.lr or LR[given.task][name]
        run(name, given.task, task, given.steps, given.seed, lr)


if __name__ == "__main__":
    main()
