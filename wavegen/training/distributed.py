"""Several processes that train one model, started by torchrun; one process is the plain case."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor

_PATIENCE = timedelta(hours=6)


@dataclass(frozen=True)
class Ranks:
    """Which of how many processes this is."""

    rank: int = 0
    count: int = 1
    local: int = 0

    @property
    def is_first(self) -> bool:
        """The one process that writes and speaks."""
        return self.rank == 0

    def sum(self, values: Sequence[float]) -> list[float]:
        """Each value summed over all processes."""
        if self.count == 1:
            return list(values)
        shared = self._shared(values)
        dist.all_reduce(shared)
        return shared.tolist()

    def wait(self) -> None:
        """Until all processes are here."""
        if self.count > 1:
            dist.barrier()

    def agree(self, value: float) -> float:
        """The first process's value, for all."""
        if self.count == 1:
            return value
        shared = self._shared([value])
        dist.broadcast(shared, 0)
        return shared.item()

    def _shared(self, values: Sequence[float]) -> Tensor:
        """The values where the backend can reach them."""
        where = f"cuda:{self.local}" if dist.get_backend() == "nccl" else "cpu"
        return torch.tensor(values, dtype=torch.float64, device=where)


@contextmanager
def ranks(kind: str) -> Iterator[Ranks]:
    """Join the process group that torchrun's environment describes, if there is one."""
    if "RANK" not in os.environ or int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield Ranks()
        return
    local = int(os.environ.get("LOCAL_RANK", "0"))
    # The others wait while the first one prepares the data or saves.
    if kind == "cuda":
        torch.cuda.set_device(local)
        dist.init_process_group("nccl", timeout=_PATIENCE, device_id=torch.device("cuda", local))
    else:
        dist.init_process_group("gloo", timeout=_PATIENCE)
    try:
        yield Ranks(dist.get_rank(), dist.get_world_size(), local)
    finally:
        dist.destroy_process_group()


def leave(exit_code: int) -> None:
    """End a process of torchrun without running destructors; others go on.

    With gloo on torch 2.13, a thread of the backend aborts one exit in seven, after all work is
    done, while the interpreter is torn down.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(exit_code)
