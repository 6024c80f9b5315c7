"""Any number of voices, drawn in blocks of as many as an engine advances at once.

Dimensions: B voices of a block, T steps, E event shape, C condition channels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice

import torch
from torch import Tensor

from ..lengths import PIECE_STEPS
from .engine import Engine, Voice


def draw(
    engine: Engine,
    voices: Iterable[tuple[Voice, Tensor | None]],
    n_steps: int,
    told: Callable[[int], None] | None = None,
) -> Iterator[tuple[Tensor, list[Voice]]]:
    """The next steps of each voice: blocks `(B, T, *E)`, and the voices as they stand after that.

    Each voice comes with its conditions `(T, C)`, which all have or none has. Voices are taken
    from the iterable as their turn comes, so that they need not be in memory together. `told`
    is called now and then with the steps drawn so far, of all voices together.
    """
    rest, done = iter(voices), 0
    while block := list(islice(rest, engine.slots)):
        company = [voice for voice, _ in block]
        given = [rows for _, rows in block if rows is not None]
        pieces = [torch.cat([voice.last for voice in company]).cpu()[:, None][:, :0]]
        for start in range(0, n_steps, PIECE_STEPS):
            n = min(PIECE_STEPS, n_steps - start)
            cond = torch.stack([rows[start : start + n] for rows in given]) if given else None
            symbols, company = engine.advance(company, n, cond)
            pieces.append(symbols)
            done += len(company) * n
            if told is not None:
                told(done)
        yield torch.cat(pieces, dim=1), company
