"""Positions: exact after any time, relative where they turn, limited where they are learned."""

from __future__ import annotations

import torch

from wavegen.layers.positions import Angles, LearnedPositions, Sinusoids, rotated

LATE = 10**12


def test_angles_are_exact_after_any_time() -> None:
    angles = Angles(4)
    period = int(torch.tensor(angles._period.tolist()).prod())
    early = torch.arange(50)
    assert torch.equal(angles(early + period * (LATE // period)), angles(early))


def test_every_position_of_a_long_time_is_its_own() -> None:
    table = Sinusoids(16)(torch.arange(3_000))
    assert table.shape == (3_000, 16)
    assert float(torch.cdist(table, table).fill_diagonal_(9).min()) > 0.01


def test_rotation_tells_only_the_distance() -> None:
    angles = Angles(3)
    q, k = torch.randn(2, 1, 6)

    def score(t: int, s: int) -> torch.Tensor:
        turned = (rotated(x, angles(torch.tensor(p))) for x, p in ((q, t), (k, s)))
        return torch.stack(list(turned)).prod(0).sum()

    torch.testing.assert_close(score(9, 4), score(LATE + 9, LATE + 4))
    assert abs(score(9, 4) - score(9, 5)) > 1e-4


def test_learned_positions_stay_at_the_last_one() -> None:
    positions = LearnedPositions(5, 3)
    assert torch.equal(positions(torch.tensor([4, 5, LATE])), positions.table[[4, 4, 4]])
