"""Delay lines for many layers in one tensor: the memory of dilated convolutions.

Each lane is a ring of the last (K - 1) * dilation values of one layer's input (the queues of Le
Paine 2016). All rings lie end to end in one tensor `(B, R, C)`, so that all taps of a step are one
gather, all writes one scatter, and a step costs the same at any clock.

Dimensions: B batch, T steps, L lanes, K taps, C channels, R ring cells of all lanes.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..brick import brick


class DelayLines(nn.Module):
    """L delay lines of C channels; it holds no state, only where each ring lies."""

    def __init__(self, dilations: Sequence[int], kernel: int, channels: int) -> None:
        super().__init__()
        self.lengths = [(kernel - 1) * dilation for dilation in dilations]
        self.n_cells, self.channels = sum(self.lengths), channels
        self.starts = [sum(self.lengths[:lane]) for lane in range(len(self.lengths))]
        lags = [k * dilation for dilation in dilations for k in range(1, kernel)]
        rings = torch.tensor(self.lengths)
        starts = torch.tensor(self.starts)
        for name, value in {
            "_ring": rings,
            "_start": starts,
            "_tap_lag": torch.tensor(lags),
            "_tap_ring": rings.repeat_interleave(kernel - 1),
            "_tap_start": starts.repeat_interleave(kernel - 1),
        }.items():
            self.register_buffer(name, value, persistent=False)

    _ring: Tensor
    _start: Tensor
    _tap_lag: Tensor
    _tap_ring: Tensor
    _tap_start: Tensor

    def empty(self, batch: int, like: Tensor) -> Tensor:
        """Silent rings `(B, R, C)` of the dtype and device of `like`."""
        return like.new_zeros(batch, self.n_cells, self.channels)

    def read(self, rings: Tensor, clock: Tensor) -> Tensor:
        """The taps before the present, nearest first within a lane: `(B, L * (K - 1), C)`."""
        return _read(rings, clock, self._tap_lag, self._tap_ring, self._tap_start)

    def write(self, rings: Tensor, clock: Tensor, values: Tensor) -> Tensor:
        """The rings with the present values `(B, L, C)` in them; it writes in place."""
        if torch.compiler.is_exporting():
            return _written(rings, clock, values, self._ring, self._start)
        _write(rings, clock, values, self._ring, self._start)
        return rings

    def history(self, rings: Tensor, clock: Tensor, lane: int) -> Tensor:
        """What a lane holds, oldest first: `(B, length, C)`."""
        length = self.lengths[lane]
        age = torch.arange(length, device=clock.device)
        cells = self.starts[lane] + torch.remainder(clock[:, None] + age, length)
        return rings.gather(1, cells[..., None].expand(-1, -1, self.channels))

    def fill(self, rings: Tensor, clock: Tensor, lane: int, values: Tensor) -> None:
        """Put the last of T values `(B, T, C)` into one lane, in place, as T writes would."""
        length, n_steps = self.lengths[lane], values.shape[1]
        count = min(length, n_steps)
        step = torch.arange(n_steps - count, n_steps, device=clock.device)
        cells = self.starts[lane] + torch.remainder(clock[:, None] + step, length)
        index = cells[..., None].expand(-1, -1, self.channels)
        rings.scatter_(1, index, values[:, n_steps - count :])


@brick("delay_read")
def _read(rings: Tensor, clock: Tensor, lag: Tensor, ring: Tensor, start: Tensor) -> Tensor:
    """Cell `start + (clock - lag) mod ring` of each row, for n taps: `(B, n, C)`."""
    cells = start + torch.remainder(clock[:, None] - lag, ring)
    return _rows(rings).index_select(0, _flat(cells, rings)).view(*cells.shape, rings.shape[-1])


@brick("delay_write")
def _written(rings: Tensor, clock: Tensor, values: Tensor, ring: Tensor, start: Tensor) -> Tensor:
    """What `_write` makes of the rings, as a function: an exported graph writes into nothing."""
    written = rings.clone()
    _write(written, clock, values, ring, start)
    return written


def _write(rings: Tensor, clock: Tensor, values: Tensor, ring: Tensor, start: Tensor) -> None:
    """Put value l of each row `(B, L, C)` into cell `start[l] + clock mod ring[l]`."""
    cells = start + torch.remainder(clock[:, None], ring)
    _rows(rings).index_copy_(0, _flat(cells, rings), values.reshape(-1, rings.shape[-1]))


def _flat(cells: Tensor, rings: Tensor) -> Tensor:
    """Cells of each row `(B, n)` to row numbers of `(B * R, C)`."""
    row = torch.arange(cells.shape[0], device=cells.device)[:, None]
    return (cells + row * rings.shape[1]).flatten()


def _rows(rings: Tensor) -> Tensor:
    return rings.view(-1, rings.shape[-1])
