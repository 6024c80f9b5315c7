"""Heads with one bug each: every law of the head kit catches one."""

from __future__ import annotations

import math
from functools import partial

import pytest
import torch
from running import broken_laws
from torch import Tensor

from wavegen.controls import Controls
from wavegen.heads import Categorical, Chain, Gaussian, Head, missing
from wavegen.heads.head import Change
from wavegen.sampling import ControlBatch
from wavegen.testing import HeadContract
from wavegen.testing.inputs import awaken


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


class ShortCut(Categorical):
    """Where no control is on, it takes a faster way, which draws the classes in another order."""

    def draw(self, params: Tensor, noise: Tensor, controls: ControlBatch) -> Tensor:
        if controls.truncates or controls.temperature.ne(1).any():
            return super().draw(params, noise, controls)
        return self.n_params - 1 - super().draw(params.flip(-1), noise, controls)


class PaysForNothing(Gaussian):
    """What is missing is taken to be 0."""

    def nll(self, params: Tensor, x: Tensor) -> Tensor:
        return super().nll(params, x.nan_to_num())


class LosesTheRest(Chain):
    """Where one value is missing, the others of its event cost nothing either."""

    def nll(self, params: Tensor, x: Tensor) -> Tensor:
        return super().nll(params, x).masked_fill(missing(x).any(-1), 0)


class LearnsFromNothing(Gaussian):
    """The loss is set to 0 where a value is missing, but its NaN comes back as a gradient."""

    def nll(self, params: Tensor, x: Tensor) -> Tensor:
        _, mean, raw = params.unbind(-1)
        z = (x - mean) * torch.exp(-raw)
        nats = 0.5 * z.square() + raw + 0.5 * math.log(2 * math.pi)
        return nats.masked_fill(missing(x), 0)


class ScoresBlindly(Chain):
    """Draws see the values before, scores do not."""

    def nll(self, params: Tensor, x: Tensor) -> Tensor:
        seen, votes = self._split(params)
        own = [votes[..., k, :] + net(seen) for k, net in enumerate(self.nets)]
        return self.part.nll(torch.stack(own, -2), x).sum(-1)


class DrawsBackwards(Chain):
    """Scores in one order, draws in another."""

    def draw_filtered(
        self, params: Tensor, noise: Tensor, controls: ControlBatch, change: Change
    ) -> Tensor:
        return super().draw_filtered(params, noise, controls, change).flip(1)


class SeesOnlyTheLast(Chain):
    """A value sees the one before it; when it is drawn, all of them."""

    def nll(self, params: Tensor, x: Tensor) -> Tensor:
        seen, votes = self._split(params)
        nats = self.part.nll(votes[..., 0, :] + self.nets[0](seen), x[..., 0])
        for k in range(1, self.n_values):
            own = votes[..., k, :] + self.nets[k](self._after(k - 1, seen, x[..., k - 1]))
            nats = nats + self.part.nll(own, x[..., k])
        return nats


class FiltersOnce(Chain):
    """Only the first value is filtered."""

    def draw_filtered(
        self, params: Tensor, noise: Tensor, controls: ControlBatch, change: Change
    ) -> Tensor:
        def once(own: Tensor, drawn: Tensor) -> Tensor:
            return own if drawn.shape[1] else change(own, drawn)

        return super().draw_filtered(params, noise, controls, once)


class FiltersInVain(Chain):
    """The filter is asked, what it says is dropped."""

    def draw_filtered(
        self, params: Tensor, noise: Tensor, controls: ControlBatch, change: Change
    ) -> Tensor:
        def ask(own: Tensor, drawn: Tensor) -> Tensor:
            change(own, drawn)
            return own

        return super().draw_filtered(params, noise, controls, ask)


class FiltersBackwards(Chain):
    """The values already drawn are shown the last one first."""

    def draw_filtered(
        self, params: Tensor, noise: Tensor, controls: ControlBatch, change: Change
    ) -> Tensor:
        return super().draw_filtered(
            params, noise, controls, lambda own, drawn: change(own, drawn.flip(1))
        )


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
    ShortCut: "program_equals_draw",
    PaysForNothing: "missing_costs_nothing",
    LosesTheRest: "missing_costs_nothing",
    LearnsFromNothing: "missing_costs_nothing",
    ScoresBlindly: "draw_matches_nll",
    DrawsBackwards: "draw_matches_nll",
    SeesOnlyTheLast: "draw_matches_nll",
    FiltersOnce: "filtered",
    FiltersInVain: "filtered",
    FiltersBackwards: "filtered",
}


def build(mutant: type[Head]) -> Head:
    if issubclass(mutant, Chain):
        torch.manual_seed(0)
        head = mutant(Categorical(4), 3, context=3, hidden=6)
        awaken(head)
        return head.eval()
    return mutant(5) if issubclass(mutant, Categorical) else mutant()


@pytest.mark.parametrize("mutant", CAUGHT_BY, ids=lambda mutant: mutant.__name__)
def test_every_mutant_is_caught(mutant: type[Head]) -> None:
    broken = broken_laws(HeadContract(), {"subject": partial(build, mutant)})
    assert CAUGHT_BY[mutant] in broken
    assert len(broken) <= 6


def test_every_law_can_fail() -> None:
    assert set(CAUGHT_BY.values()) == set(HeadContract.laws())
