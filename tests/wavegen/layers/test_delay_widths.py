"""Delay lines of several widths against one set of delay lines for each lane alone."""

from __future__ import annotations

import torch

from wavegen.layers.delay import DelayLines
from wavegen.layers.delay_widths import DelaysOfWidths

DILATIONS, WIDTHS, KERNEL = (1, 4, 2, 2, 3), (3, 2, 3, 5, 2), 3


def test_every_lane_is_a_delay_line_of_its_own() -> None:
    together = DelaysOfWidths(DILATIONS, KERNEL, WIDTHS)
    alone = [DelayLines([d], KERNEL, w) for d, w in zip(DILATIONS, WIDTHS, strict=True)]
    clock, like = torch.tensor([0, 7]), torch.zeros(())
    rings, single = together.empty(2, like), [lines.empty(2, like) for lines in alone]
    assert [ring.shape[2] for ring in rings] == [3, 2, 5]
    for t in range(11):
        values = [torch.randn(2, width) for width in WIDTHS]
        rings = together.write(rings, clock + t, values)
        for lines, ring, value in zip(alone, single, values, strict=True):
            lines.write(ring, clock + t, value[:, None])
    clock = clock + 11
    taps = together.read(rings, clock)
    for lane, (lines, ring) in enumerate(zip(alone, single, strict=True)):
        assert torch.equal(taps[lane], lines.read(ring, clock))
        assert torch.equal(together.history(rings, clock, lane), lines.history(ring, clock, 0))


def test_filling_is_many_writes() -> None:
    lines = DelaysOfWidths(DILATIONS, KERNEL, WIDTHS)
    clock, n_steps = torch.tensor([5, 100]), 6
    values = [torch.randn(2, n_steps, width) for width in WIDTHS]
    written, filled = (lines.empty(2, torch.zeros(())) for _ in range(2))
    for t in range(n_steps):
        written = lines.write(written, clock + t, [value[:, t] for value in values])
    for lane, value in enumerate(values):
        lines.fill(filled, clock, lane, value)
    assert all(map(torch.equal, filled, written))
