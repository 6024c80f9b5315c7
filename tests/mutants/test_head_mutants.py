"""Heads with one bug each: every law of the head kit catches one."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from running import broken_laws
from torch import Tensor

from wavegen.controls import Controls
from wavegen.heads import Categorical, Gaussian, Head
from wavegen.sampling import ControlBatch
from wavegen.testing import HeadContract


class DrawsFloats(Categorical):
    def draw(self, params: Tensor, noise: Tensor, controls: ControlBatch) -> Tensor:
        return super().draw(params, noise, controls).float()


class SumsToHalf(Gaussian):
    def nll(self, params: Tensor, x: Tensor) -> Tensor:
        return super().nll(params, x) + 0.69


class DrawsTooWide(Gaussian):
    """Another scale when drawing than when scoring."""

    def draw(self, params: Tensor, noise: Tensor, controls: ControlBatch) -> Tensor:
        return super().draw(params * torch.tensor([1, 1, 1.3]), noise, controls)


class DrawsByRank(Categorical):
    """The uniforms of a batch are dealt out by rank."""

    def draw(self, params: Tensor, noise: Tensor, controls: ControlBatch) -> Tensor:
        return super().draw(params, noise.sort(0).values, controls)


class OwnsAGenerator(Categorical):
    def draw(self, params: Tensor, noise: Tensor, controls: ControlBatch) -> Tensor:
        return super().draw(params, torch.rand_like(noise), controls)


class NeverCold(Gaussian):
    """Temperature 0 is taken to be a small one, without a limit that matches."""

    def draw(self, params: Tensor, noise: Tensor, controls: ControlBatch) -> Tensor:
        warm = controls.temperature.clamp_min(0.01)
        return super().draw(params, noise, controls._replace(temperature=warm))


class TemperatureUpsideDown(Gaussian):
    def draw(self, params: Tensor, noise: Tensor, controls: ControlBatch) -> Tensor:
        cold = controls.temperature == 0
        turned = torch.where(cold, controls.temperature, 1 / controls.temperature)
        return super().draw(params, noise, controls._replace(temperature=turned))


class AdmitsAnything(Gaussian):
    def admit(self, controls: Controls) -> None:
        pass


class ComputesInHalf(Categorical):
    def nll(self, params: Tensor, x: Tensor) -> Tensor:
        return -params.log_softmax(-1).gather(-1, x[..., None])[..., 0].float()


class Overflows(Categorical):
    def nll(self, params: Tensor, x: Tensor) -> Tensor:
        shares = params.float().exp()
        own = shares.gather(-1, x[..., None])[..., 0]
        return -(own / shares.sum(-1)).log()


CAUGHT_BY: dict[type[Head], str] = {
    DrawsFloats: "declares",
    SumsToHalf: "nll_sums_to_one",
    DrawsTooWide: "draw_matches_nll",
    DrawsByRank: "rows_are_strangers",
    OwnsAGenerator: "draw_is_a_function",
    NeverCold: "greedy",
    TemperatureUpsideDown: "temperature",
    AdmitsAnything: "controls",
    ComputesInHalf: "half_precision",
    Overflows: "extremes",
}


def build(mutant: type[Head]) -> Head:
    return mutant(5) if issubclass(mutant, Categorical) else mutant()


@pytest.mark.parametrize("mutant", CAUGHT_BY, ids=lambda mutant: mutant.__name__)
def test_every_mutant_is_caught(mutant: type[Head]) -> None:
    broken = broken_laws(HeadContract(), {"subject": partial(build, mutant)})
    assert CAUGHT_BY[mutant] in broken
    assert len(broken) <= 4


def test_every_law_can_fail() -> None:
    assert set(CAUGHT_BY.values()) == set(HeadContract.laws())
