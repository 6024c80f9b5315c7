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
        cells = self._tap_start + torch.remainder(clock[:, None] - self._tap_lag, self._tap_ring)
        return _rows(rings).index_select(0, self._flat(cells)).view(*cells.shape, self.channels)

    def write(self, rings: Tensor, clock: Tensor, values: Tensor) -> None:
        """Put the present values `(B, L, C)` into the rings, in place."""
        cells = self._start + torch.remainder(clock[:, None], self._ring)
        _rows(rings).index_copy_(0, self._flat(cells), values.reshape(-1, self.channels))

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

    def _flat(self, cells: Tensor) -> Tensor:
        """Cells of each row `(B, n)` to row numbers of `(B * R, C)`."""
        row = torch.arange(cells.shape[0], device=cells.device)[:, None]
        return (cells + row * self.n_cells).flatten()


def _rows(rings: Tensor) -> Tensor:
    return rings.view(-1, rings.shape[-1])
