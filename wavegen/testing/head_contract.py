"""The laws of a head, one short test each.

Dimensions: B batch, P head parameters, U uniforms of a draw, E event shape, N points.
"""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.quasirandom import SobolEngine

from ..controls import Controls
from ..errors import ConfigError
from ..heads import MISSING_CLASS, Head, draw_event
from ..noise import uniforms
from ..sampling import ControlBatch
from .contract import Contract
from .inputs import awaken
from .programs import Prompted, program_of, run_draws

TRUNCATIONS = (
    Controls(top_k=3),
    Controls(top_p=0.7),
    Controls(min_p=0.1),
    Controls(typical_p=0.6),
)


class HeadContract(Contract):
    """`nll` and `draw` speak of one distribution.

    Override the fixture `head`. `points` tells where a value of an event can lie; override it
    where that is neither the classes nor the real line. `params` gives parameters such as a model
    might; override it where standard normal numbers are not like them.
    """

    draws: int = 2**14
    distance: float = 0.01
    """Largest distance of the cumulative distributions of `draw` and `nll` (Kolmogorov-Smirnov)."""

    @pytest.fixture
    def head(self) -> Head:
        """The head under test."""
        raise NotImplementedError("override the fixture `head` and return a head")

    @pytest.fixture
    def subject(self, head: Head) -> Head:
        """The head made ready: eval mode, and no parameter left at zero."""
        awaken(head)
        return head.eval()

    def params(self, head: Head, n: int, seed: int = 0) -> Tensor:
        """Ordinary parameters `(n, P)`."""
        return torch.randn(n, head.n_params, generator=torch.Generator().manual_seed(seed))

    def points(self, head: Head, n: int) -> tuple[Tensor, Tensor]:
        """Points `(N)` and widths `(N)` whose sum of density times width is the integral.

        For real values about `n` points from -10^6 to 10^6, dense near zero.
        """
        if head.n_classes is not None:
            return torch.arange(head.n_classes), torch.ones(head.n_classes)
        t = torch.linspace(-14.5, 14.5, n, dtype=torch.float64)
        return t.sinh().float(), (t.cosh() * (t[1] - t[0])).float()

    def test_declares(self, subject: Head) -> None:
        """What a head declares is what `nll` and `draw` take and give."""
        params = self.params(subject, 6)
        x = _draw(subject, params, _noise(subject, 6))
        assert tuple(x.shape) == (6, *subject.event_shape)
        if subject.n_classes is None:
            assert x.dtype == torch.float32
            assert x.isfinite().all()
        else:
            assert x.dtype == torch.int64
            assert 0 <= int(x.min()) <= int(x.max()) < subject.n_classes
        assert subject.nll(params, x).shape == (6,)
        folded = subject.nll(params.unflatten(0, (2, 3)), x.unflatten(0, (2, 3)))
        assert folded.shape == (2, 3)

    def test_nll_sums_to_one(self, subject: Head) -> None:
        """The probabilities of all events, or the integral of the density, make one."""
        for params in self.params(subject, 5):
            _, mass = self._distribution(subject, params)
            assert abs(float(mass.double().sum()) - 1) < 2e-3

    def test_missing_costs_nothing(self, subject: Head) -> None:
        """A missing value costs nothing, and the others of its event have a distribution still.

        No gradient comes of it, and none becomes NaN.
        """
        params = self.params(subject, 3).requires_grad_()
        points, _ = self.points(subject, 10)
        x = points[len(points) // 2].expand(3, *subject.event_shape)
        absent = torch.full_like(x, _absent(subject))
        nats = subject.nll(params, absent)
        assert torch.equal(nats, torch.zeros(3)), f"events that are missing cost {nats.tolist()}"
        (gradient,) = torch.autograd.grad(nats.sum(), params)
        assert torch.equal(gradient, torch.zeros_like(gradient)), "a gradient of what is missing"
        for value in range(math.prod(subject.event_shape)):
            one = torch.arange(math.prod(subject.event_shape)) == value
            partly = torch.where(one.view(subject.event_shape), absent, x)
            (gradient,) = torch.autograd.grad(subject.nll(params, partly).sum(), params)
            assert gradient.isfinite().all(), f"value {value} is missing: a gradient is not finite"
            _, mass = self._distribution(subject, params[0].detach(), absent=value)
            total = float(mass.double().sum())
            assert abs(total - 1) < 2e-3, f"value {value} is missing: the others add up to {total}"

    def test_draw_matches_nll(self, subject: Head) -> None:
        """Draws from evenly spread uniforms are distributed as `nll` says."""
        noise = _even_noise(subject.n_uniforms, self.draws)
        for params in self.params(subject, 4):
            events, mass = self._distribution(subject, params)
            drawn = _draw(subject, params.expand(self.draws, -1), noise)
            found, known = drawn.reshape(self.draws, -1), events.reshape(len(events), -1)
            for view in [*torch.eye(known.shape[1]), torch.ones(known.shape[1])]:
                apart = _distance(found.float() @ view, known.float() @ view, mass)
                assert apart < self.distance, f"the distributions are {apart:.4f} apart"

    def test_rows_are_strangers(self, subject: Head) -> None:
        """A row's draw does not depend on its neighbours, their controls or its place."""
        params, noise = self.params(subject, 8), _noise(subject, 8)
        mixed = [Controls(temperature=0.5 + 0.1 * b) for b in range(8)]
        other = [Controls(temperature=0)] * 3
        if subject.draws_classes:
            mixed[::2] = [Controls(top_k=3), *TRUNCATIONS[1:]]
            other = list(TRUNCATIONS[1:])
        whole = _draw(subject, params, noise, mixed)
        turned = _draw(subject, params.flip(0), noise.flip(0), mixed[::-1]).flip(0)
        assert torch.equal(turned, whole), "the place of a row counts"
        for b in range(8):
            # Four rows, for matrix libraries take a path of their own for fewer.
            beside = torch.cat([self.params(subject, 3, seed=9), params[b : b + 1]])
            spread = torch.cat([_noise(subject, 3, seed=9), noise[b : b + 1]])
            alone = _draw(subject, beside, spread, [*other, mixed[b]])[-1]
            assert torch.equal(alone, whole[b]), f"row {b} depends on its neighbours"

    def test_draw_is_a_function(self, subject: Head) -> None:
        """A draw depends on the given uniforms alone and uses up nobody's random numbers."""
        params, noise = self.params(subject, 6), _noise(subject, 6)
        seed = torch.random.get_rng_state()
        kept = params.clone(), noise.clone()
        first, second = _draw(subject, params, noise), _draw(subject, params, noise)
        assert torch.equal(first, second)
        assert torch.equal(torch.random.get_rng_state(), seed), "a random generator was used"
        assert torch.equal(params, kept[0]), "draw writes into the parameters"
        assert torch.equal(noise, kept[1]), "draw writes into the noise"

    def test_greedy(self, subject: Head) -> None:
        """Temperature 0 ignores the noise and is the limit of small temperatures."""
        params = self.params(subject, 32)
        cold, nearly = [Controls(temperature=0)] * 32, [Controls(temperature=1e-6)] * 32
        first = _draw(subject, params, _noise(subject, 32), cold)
        second = _draw(subject, params, _noise(subject, 32, seed=1), cold)
        assert torch.equal(first, second), "the noise counts at temperature 0"
        limit = _draw(subject, params, _noise(subject, 32), nearly)
        torch.testing.assert_close(limit, first, rtol=0, atol=1e-3)

    def test_temperature(self, subject: Head) -> None:
        """Below 1 it draws likelier events, above 1 less likely ones."""
        n = 512
        params = self.params(subject, 1).expand(n, -1)
        noise = _even_noise(subject.n_uniforms, n)
        nats = [
            float(subject.nll(params, x).detach().mean())
            for x in (_draw(subject, params, noise, [Controls(t)] * n) for t in (0.5, 1.0, 2.0))
        ]
        assert nats == sorted(nats), f"mean nats at temperatures 0.5, 1 and 2: {nats}"

    def test_controls(self, subject: Head) -> None:
        """Each control is admitted, or refused with a `ConfigError`, as the draws allow."""
        subject.admit(Controls(temperature=0))
        for controls in TRUNCATIONS:
            if not subject.draws_classes:
                with pytest.raises(ConfigError):
                    subject.admit(controls)
            else:
                subject.admit(controls)
                n = 8
                _draw(subject, self.params(subject, n), _noise(subject, n), [controls] * n)

    def test_half_precision(self, subject: Head) -> None:
        """`nll` and `draw` compute in float32, whatever the dtype of the parameters."""
        rough = self.params(subject, 16).bfloat16()
        noise = _noise(subject, 16)
        x = _draw(subject, rough.float(), noise)
        nats = subject.nll(rough, x)
        assert nats.dtype == torch.float32
        torch.testing.assert_close(nats, subject.nll(rough.float(), x), rtol=1e-6, atol=1e-6)
        assert torch.equal(_draw(subject, rough, noise), x)

    def test_extremes(self, subject: Head) -> None:
        """Losses and gradients stay finite however far off the parameters are."""
        sizes = torch.tensor([1e-6, 1.0, 30.0, 1e3, 1e4])
        signs = torch.randn(64, subject.n_params, generator=torch.Generator().manual_seed(0)).sign()
        params = (sizes[:, None, None] * signs).flatten(0, 1).requires_grad_()
        x = _draw(subject, self.params(subject, len(params)), _noise(subject, len(params)))
        nats = subject.nll(params, x)
        assert nats.isfinite().all(), "a loss is not finite"
        (gradient,) = torch.autograd.grad(nats.sum(), params)
        assert gradient.isfinite().all(), "a gradient is not finite"
        drawn = _draw(subject, params.detach(), _noise(subject, len(params)))
        assert drawn.isfinite().all(), "a draw is not finite"

    def test_filtered(self, subject: Head) -> None:
        """A filter sees each value's parameters and the values before it, and what it gives counts.

        A change reaches its own value and none before it.
        """
        n = 64
        params, noise, controls = self.params(subject, n), _noise(subject, n), _plain(n)
        seen, widths = list[Tensor](), list[int]()

        def look(own: Tensor, drawn: Tensor) -> Tensor:
            assert len(own) == n
            seen.append(drawn.clone())
            widths.append(own.shape[1])
            return own

        x = _draw(subject, params, noise)
        with torch.no_grad():
            assert torch.equal(subject.draw_filtered(params, noise, controls, look), x)
        values = x.reshape(n, -1)
        places = [drawn.shape[1] for drawn in seen]
        at_once = places == [0] and widths == [subject.n_params]
        assert at_once or places == list(range(values.shape[1])), f"filtered after {places} values"
        for k, drawn in zip(places, seen, strict=True):
            assert drawn.dtype == x.dtype
            assert torch.equal(drawn, values[:, :k]), f"value {k} does not see those before it"

            def turn(own: Tensor, drawn: Tensor, at: int = k) -> Tensor:
                return own.flip(0) if drawn.shape[1] == at else own

            with torch.no_grad():
                turned = subject.draw_filtered(params, noise, controls, turn).reshape(n, -1)
            assert torch.equal(turned[:, :k], values[:, :k]), f"value {k} changes one before it"
            assert not torch.equal(turned[:, k], values[:, k]), f"value {k} is drawn unfiltered"

    def test_program_equals_draw(self, subject: Head) -> None:
        """A program draws what `draw` does, filters and controls included.

        Skipped, with the reason, where the head has no program.
        """
        n, filters = 48, (_swayed,)
        program = program_of(Prompted(subject), subject, filters)
        params, noise = (
            self.params(subject, n),
            torch.from_numpy(uniforms([3], [0], n, subject.n_uniforms)[0]),
        )
        chosen = [Controls(), Controls(temperature=0.6)]
        if subject.draws_classes:
            chosen += TRUNCATIONS
        for controls in chosen:
            drawn = run_draws(program, params, 3, controls).view(n, *subject.event_shape)
            before = torch.cat([torch.zeros_like(drawn[:1]), drawn[:-1]])
            with torch.no_grad():
                events = draw_event(
                    subject, params, noise, ControlBatch.of([controls] * n), filters, before
                )
            torch.testing.assert_close(
                drawn,
                events,
                rtol=1e-3,
                atol=1e-3,
                msg=lambda report, chosen=controls: f"{chosen}: {report}",
            )

    def _distribution(
        self, head: Head, params: Tensor, absent: int | None = None
    ) -> tuple[Tensor, Tensor]:
        """All events `(N, *E)` and their probability `(N)`, for one set of parameters `(P)`.

        Value `absent` is missing in all of them.
        """
        size = math.prod(head.event_shape)
        points, widths = self.points(head, 20_001 if size == 1 else 1_501)
        axes, sides = [points] * size, [widths] * size
        if absent is not None:
            axes[absent], sides[absent] = points.new_tensor([_absent(head)]), torch.ones(1)
        if (count := math.prod(len(axis) for axis in axes)) > 3_000_000:
            pytest.skip(f"too many events to sum over: {count:,}")
        events = torch.cartesian_prod(*axes).reshape(-1, *head.event_shape)
        width = torch.cartesian_prod(*sides).reshape(len(events), size).prod(1)
        with torch.no_grad():
            parts = [
                (-head.nll(params.expand(len(part), -1), part)).exp()
                for part in events.split(50_000)
            ]
        return events, torch.cat(parts) * width


def _absent(head: Head) -> float:
    """A missing value."""
    return math.nan if head.n_classes is None else MISSING_CLASS


def _plain(n: int) -> ControlBatch:
    return ControlBatch.of([Controls()] * n)


def _swayed(params: Tensor, previous: Tensor, drawn: Tensor) -> Tensor:
    """A filter whose change depends on all that it is given."""
    seen = previous.flatten(1) if previous.dim() > 1 else previous[:, None]
    total = torch.cat([seen, drawn], dim=1).float().sum(1, keepdim=True)
    return params * (1 + 0.3 * torch.tanh(0.3 * total))


def _draw(
    head: Head, params: Tensor, noise: Tensor, controls: list[Controls] | None = None
) -> Tensor:
    batch = ControlBatch.of(controls or [Controls()] * len(params))
    with torch.no_grad():
        return head.draw(params, noise, batch)


def _noise(head: Head, n: int, seed: int = 0) -> Tensor:
    """Uniforms `(B, U)` strictly inside (0, 1)."""
    rng = torch.Generator().manual_seed(100 + seed)
    return torch.rand(n, head.n_uniforms, generator=rng).clamp(2**-24, 1 - 2**-24)


def _even_noise(width: int, n: int) -> Tensor:
    """Points `(n, U)` that fill the unit cube evenly, without randomness."""
    return SobolEngine(width).draw(n) * (1 - 1 / n) + 0.5 / n


def _distance(found: Tensor, known: Tensor, mass: Tensor) -> float:
    """Largest distance between the draws' cumulative distribution and the known one."""
    order = known.argsort()
    below = mass[order].double().cumsum(0)
    places, last = torch.unique_consecutive(known[order], return_counts=True)
    below = below[last.cumsum(0) - 1][:-1]
    between = (places[1:] + places[:-1]) / 2
    share = torch.searchsorted(found.sort().values, between).double() / len(found)
    return float((below - share).abs().max())
