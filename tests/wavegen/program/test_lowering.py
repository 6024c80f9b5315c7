"""Any model's step becomes a program that computes the same, or one line says why not."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from stepping_models import MODELS, SPEC, Expression, GatedNormGRU, Stepped
from torch import Tensor

from wavegen.controls import Controls
from wavegen.heads import Categorical
from wavegen.native import library
from wavegen.program.export import LoweringError, export_step
from wavegen.program.lowering import lower
from wavegen.sampling import ControlBatch
from wavegen.testing.inputs import random_inputs
from wavegen.testing.programs import run_program

RNG = torch.Generator().manual_seed(7)
W = torch.randn(4, 3, generator=RNG)
TABLE = torch.randn(9, 4, generator=RNG)


def image(x: Tensor) -> Tensor:
    """12 values as `(1, 3, 4)`."""
    return x.unflatten(1, (3, 4))


def holes(x: Tensor) -> Tensor:
    """x, where some values are missing."""
    return torch.where(x > 0.2, math.nan, x)


BINS = torch.tensor([-1.0, -0.3, 0.0, 0.25, 0.5])

EXPRESSIONS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    # elementwise
    "arithmetic": lambda x, t: (2 - x) * 3 / (x.abs() + 1) - x / 7 + 1 / (2 + x.square()),
    "powers": lambda x, t: x**2 + x**3 + (x.abs() + 1) ** 0.5 + (x.abs() + 1) ** -0.5,
    "power of two tensors": lambda x, t: (x.abs() + 0.1) ** x,
    "exponentials": lambda x, t: x.exp() + x.expm1() + (x.abs() + 1).log() + x.abs().log1p(),
    "powers of two": lambda x, t: torch.exp2(x) + torch.log2(x.abs() + 1),
    "waves": lambda x, t: torch.sin(3 * x) + torch.cos(5 * x),
    "rounding": lambda x, t: x.floor() + x.ceil() * 3 + x.round() * 5 + x.trunc() * 7,
    "signs": lambda x, t: x.sign() + x.neg().relu() + x.reciprocal().clamp(-9, 9),
    "remainders": lambda x, t: x % 0.7 + torch.remainder(x, -0.4) + x // 0.3,
    "clamps": lambda x, t: x.clamp(-0.5, 0.4) + x.clamp_min(0.1) + x.clamp_max(0.2),
    "two tensors": lambda x, t: torch.maximum(x, x.flip(1)) + torch.minimum(x, 0.1 * x),
    "comparisons": lambda x, t: (x > 0).float() + (x <= 0.3) * 2 + (x == x) * 4 + (x != 0),
    "masks": lambda x, t: torch.where((x > 0) & ~(x > 1) | (x < -1), x, -2.0),
    "logic": lambda x, t: torch.logical_xor(x > 0, x > 1).float() + torch.logical_not(x > 2),
    "masked fill": lambda x, t: x.masked_fill(x > 0.2, 5.0),
    "lerp": lambda x, t: torch.lerp(x, x.square(), 0.3) + torch.addcmul(x, x, x, value=0.5),
    "nan": lambda x, t: torch.isnan(x / x).float() + torch.nan_to_num(x),
    "infinities": lambda x, t: torch.isinf((x > 0) / t[:, None]) * 1.0 + torch.isfinite(1 / t),
    "logarithms": lambda x, t: torch.log10(x.abs() + 1),
    # where values are missing
    "questions about holes": lambda x, t: torch.cat(
        [holes(x).isnan(), holes(x) != holes(x), holes(x) < 0, holes(x) >= 0, ~(holes(x) > 0)], 1
    ),
    "filled holes": lambda x, t: holes(x).nan_to_num(0.5) + (holes(x) / 0).nan_to_num(1, 2, -3),
    "holes kept": lambda x, t: torch.where(x < 0, holes(x).flip(1), holes(x)),
    "limits of holes": lambda x, t: holes(x).clamp(-0.5, 0.1) + holes(x).clamp_min(0).relu(),
    "the larger of holes": lambda x, t: torch.cat(
        [torch.maximum(holes(x), x), torch.minimum(x, holes(x))], 1
    ),
    "the larger of what is known": lambda x, t: torch.cat(
        [torch.fmax(holes(x), x.flip(1)), torch.fmin(x, holes(x).flip(1)), holes(x).fmax(holes(x))],
        1,
    ),
    "sums of holes": lambda x, t: torch.cat(
        [f(image(holes(x)), 2) for f in (torch.sum, torch.amax, torch.nansum, torch.nanmean)], 1
    ),
    "bins": lambda x, t: _bins(holes(x)) + _bins(BINS[t % 5, None]),
    "products of holes": lambda x, t: torch.cat(
        [F.linear(holes(x).nan_to_num(), SQUARE), F.linear(holes(x), SQUARE).relu()], 1
    ),
    "functions of holes": lambda x, t: holes(x).tanh() + holes(x).exp() + F.softplus(holes(x)),
    # activations
    "sigmoids": lambda x, t: x.sigmoid() + x.tanh() + F.silu(x) + F.logsigmoid(x),
    "gelus": lambda x, t: F.gelu(x) + F.gelu(x, approximate="tanh"),
    "elus": lambda x, t: F.elu(x) + F.selu(x) + F.celu(x, 0.7) + F.leaky_relu(x, 0.1),
    "hard": lambda x, t: F.hardtanh(x) + F.hardsigmoid(x) + F.hardswish(x) + F.relu6(3 * x),
    "softplus": lambda x, t: F.softplus(x) + F.softplus(x, beta=3) + F.softplus(40 * x),
    "mish": lambda x, t: F.mish(x) + F.softsign(x) + F.tanhshrink(x),
    "glu": lambda x, t: F.glu(x, 1),
    "squared relu": lambda x, t: F.relu(x).square(),
    "erf": lambda x, t: torch.erf(x) + torch.special.ndtri(x.sigmoid()),
    # shapes
    "permute": lambda x, t: image(x).permute(0, 2, 1).flatten(1) * 2,
    "slices": lambda x, t: image(x)[:, 1:, ::2].flatten(1) + 1,
    "concatenation": lambda x, t: torch.cat([x[:, 3:] + 1, x[:, :2], x[:, :3] * 2], 1),
    "nothing in it": lambda x, t: torch.cat([x[:, :0], x, torch.zeros(1, 0)], 1) * 2,
    "stack": lambda x, t: torch.stack([x[:, :4], x[:, 4:8] * 2], -1).flatten(1),
    "chunks": lambda x, t: sum(part * i for i, part in enumerate(x.chunk(4, 1))),
    "expand": lambda x, t: (x[:, :3, None] * torch.ones(3, 4)).flatten(1),
    "repeat": lambda x, t: x[:, :3].repeat(1, 4) + x[:, :4].repeat_interleave(3, 1),
    "tile": lambda x, t: torch.tile(image(x), (1, 2, 3)).flatten(1),
    "flip and roll": lambda x, t: x.flip(1) + x.roll(5, 1),
    "pad": lambda x, t: F.pad(image(x), (1, 2, 0, 1), value=0.5).flatten(1),
    "pad of what was made": lambda x, t: F.pad(image(x * 2), (1, 0, 1, 1)).flatten(1),
    "written twice": lambda x, t: _written_twice(x),
    "diagonal": lambda x, t: torch.diagonal(image(x)[:, :, :3], dim1=1, dim2=2) * 2,
    "unfold": lambda x, t: x.unfold(1, 5, 2).flatten(1) * 2,
    "masked triangle": lambda x, t: torch.tril(image(x)[:, :, :3]).flatten(1),
    "assigned slices": lambda x, t: _assigned(x),
    "swapped halves": lambda x, t: torch.cat(x.split([5, 7], 1)[::-1], 1) + 0,
    # reductions
    "sums": lambda x, t: image(x).sum(1) + image(x).mean(1, keepdim=True).flatten(1),
    "sums of two": lambda x, t: image(x).sum((1, 2))[:, None] + x,
    "extremes": lambda x, t: image(x).amax(2) + image(x).amin(2) + image(x).max(2).values,
    "places": lambda x, t: image(x).argmax(2) + 10.0 * image(x).argmin(1).sum(1, keepdim=True),
    "variance": lambda x, t: image(x).var(2) + image(x).std(2, unbiased=False),
    "products": lambda x, t: image(x).prod(1),
    "any and all": lambda x, t: (image(x) > 0).any(2).float() + (image(x) > -1).all(2),
    "norms": lambda x, t: F.normalize(image(x), dim=-1).flatten(1) + x.norm(dim=1, keepdim=True),
    "softmax": lambda x, t: image(x).softmax(1).flatten(1) + image(x).log_softmax(2).flatten(1),
    "logsumexp": lambda x, t: torch.logsumexp(image(x), 1),
    "cumsum": lambda x, t: image(x).cumsum(1).flatten(1) + x.cumsum(1),
    "layer norm": lambda x, t: F.layer_norm(image(x), (4,), TABLE[0], TABLE[1]).flatten(1),
    "rms norm": lambda x, t: F.rms_norm(image(x), (4,), TABLE[0]).flatten(1),
    "group norm": lambda x, t: F.group_norm(x, 3, x.new_ones(12), x.new_zeros(12)),
    # products
    "linear": lambda x, t: F.linear(image(x), TABLE, TABLE[:, 0]).flatten(1),
    "weight first": lambda x, t: (W.t() @ image(x)[0].t() + W[0][:, None]).flatten()[None],
    "two unknowns": lambda x, t: (image(x) @ image(x).transpose(1, 2)).flatten(1),
    "einsum": lambda x, t: torch.einsum("bij,jk,bkl->bil", image(x), W, image(x)).flatten(1),
    "outer": lambda x, t: torch.outer(x[0, :3], x[0, 3:6]).flatten()[None],
    "batched weights": lambda x, t: torch.einsum("bij,ijk->bik", image(x), BATCHED).flatten(1),
    "bilinear": lambda x, t: (x[:, :3] @ W.t() * x[:, 3:7]).sum(-1, keepdim=True),
    "attention": lambda x, t: F.scaled_dot_product_attention(
        image(x)[:, None], image(x)[:, None] * 2, image(x)[:, None] + 1
    ).flatten(1),
    "convolution": lambda x, t: F.conv1d(image(x), CONV, CONV[:, 0, 0], dilation=2).flatten(1),
    "depthwise": lambda x, t: F.conv1d(image(x), DEPTH, groups=3).flatten(1),
    # products that look as if what follows could become a part of them
    "gate": lambda x, t: _halves(x)[0].tanh() * _halves(x)[1].sigmoid(),
    "gate of one product": lambda x, t: _gate(torch.tanh, torch.sigmoid, F.linear(x, SQUARE)),
    "gate the other way": lambda x, t: _gate(torch.sigmoid, torch.tanh, F.linear(x, SQUARE)),
    "gate with relu": lambda x, t: _gate(torch.relu, torch.sigmoid, F.linear(x, SQUARE)),
    "gate of quarters": lambda x, t: _gate(torch.tanh, torch.sigmoid, F.linear(x, SQUARE)[:, 3:9]),
    "sum after the activation": lambda x, t: x + F.linear(x, SQUARE).relu(),
    "sum before and after": lambda x, t: x + (F.linear(x, SQUARE, x[0]) + x).relu() + 2 * x,
    "two activations": lambda x, t: F.linear(x, SQUARE).relu().tanh(),
    "read twice": lambda x, t: _twice(F.linear(x, SQUARE), x),
    "activated and not": lambda x, t: _both(F.linear(x, SQUARE)),
    "a number for all rows": lambda x, t: F.linear(x, SQUARE) + x[:, 3:4],
    "a turned term": lambda x, t: F.linear(x, SQUARE) + x.flip(1) + x[:, ::1],
    "three terms": lambda x, t: F.linear(x, SQUARE) + x + x.square() + x.exp(),
    "a sum of sums": lambda x, t: F.linear(x, SQUARE) + (x.square() + x.exp()),
    "a shared sum": lambda x, t: _shared(x.square() + x.exp(), x),
    "side by side": lambda x, t: _side_by_side(x),
    "one in the other": lambda x, t: F.linear(x, SQUARE) + F.linear(F.linear(x, SQUARE), SQUARE),
    "rows of one weight": lambda x, t: (F.linear(image(x), TABLE[:4]) + image(x)).relu().flatten(1),
    "rows with a column": lambda x, t: (F.linear(image(x), TABLE[:4]) + x[:, :3, None]).flatten(1),
    # look-ups and integers
    "look-up": lambda x, t: F.embedding(t % 9, TABLE) + TABLE[(t * 2) % 9],
    "gather": lambda x, t: x.gather(1, ((t[:, None] + torch.arange(5)) % 12)),
    "indexed": lambda x, t: image(x)[:, (t % 3), :].flatten(1),
    "two indices": lambda x, t: image(x)[torch.zeros_like(t), t % 3, -(t % 4) - 1][:, None] * x,
    "scatter": lambda x, t: x.scatter(1, (t % 12)[:, None], 9.0),
    "one hot": lambda x, t: F.one_hot(t % 12, 12) * x,
    "index copy": lambda x, t: image(x)[0].index_copy(0, t % 3, x[:, :4]).flatten()[None],
    "integers": lambda x, t: ((t * 7 + 3) // 2 % 5 - 2)[:, None] * x,
    "bits": lambda x, t: ((t & 3) | 4)[:, None] ^ torch.arange(3) + 0 * x[:, :3].long(),
    "phase": lambda x, t: torch.sin(t[:, None].float() / torch.arange(1, 6)),
    "clock to float": lambda x, t: x * (1 + t[:, None]).rsqrt(),
    "truncation": lambda x, t: (3 * x).long() + (x * 2).int(),
}  # fmt: skip
SQUARE = torch.randn(12, 12, generator=RNG) / 3
BATCHED = torch.randn(3, 4, 2, generator=RNG)
CONV = torch.randn(2, 3, 2, generator=RNG)
DEPTH = torch.randn(3, 1, 3, generator=RNG)


def _bins(x: Tensor) -> Tensor:
    return torch.bucketize(x, BINS) + 9 * torch.bucketize(x, BINS, right=True)


def _assigned(x: Tensor) -> Tensor:
    y = image(x).clone()
    y[:, 1] = x[:, :4] * 2
    y[:, :, 0] += 1
    y[:, 2, 1:3] = 0
    return y.flatten(1)


def _halves(x: Tensor) -> tuple[Tensor, Tensor]:
    return F.linear(x, SQUARE[:6]), F.linear(x, SQUARE[6:])


def _gate(
    first: Callable[[Tensor], Tensor], second: Callable[[Tensor], Tensor], y: Tensor
) -> Tensor:
    a, b = y.chunk(2, 1)
    return first(a) * second(b)


def _twice(y: Tensor, x: Tensor) -> Tensor:
    return (y + x) * y


def _shared(total: Tensor, x: Tensor) -> Tensor:
    return F.linear(x, SQUARE) + total + F.linear(total, SQUARE)


def _side_by_side(x: Tensor) -> Tensor:
    product = F.linear(x, SQUARE, SQUARE[0]) * F.linear(x, SQUARE.t())
    return product + F.linear(x, SQUARE[::2]).sum()


def _both(y: Tensor) -> Tensor:
    return torch.cat([y.relu(), y], 1)


def _written_twice(x: Tensor) -> Tensor:
    first, second = x[:, :4] * 2, x[:, 4:8].exp()
    y = torch.zeros(1, 12)
    y[:, 2:6] = first
    y[:, 4:8] = second
    return torch.cat([y, first, second], 1)


def compare(model: Stepped, batch: int = 2, length: int = 25) -> None:
    given, program = random_inputs(model.spec, batch, length), lower(model.eval())
    try:
        library.builds()
    except library.NativeUnavailable as reason:
        pytest.skip(str(reason))
    with torch.no_grad():
        expected, state = model.forward(given.x), model.init_state(batch)
    params, _ = run_program(program, given, state)
    scale = float(expected.nan_to_num().abs().max()) + 1e-6
    torch.testing.assert_close(params, expected, rtol=0, atol=1e-5 * scale, equal_nan=True)


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_expressions(name: str) -> None:
    compare(Expression(EXPRESSIONS[name]), batch=1)


@pytest.mark.parametrize("build", MODELS, ids=lambda build: build.__name__)
def test_models_of_users(build: type[Stepped]) -> None:
    torch.manual_seed(0)
    compare(build(), length=60)


def test_what_follows_a_product_becomes_part_of_it() -> None:
    """Bias, residual and activation cost no operation of their own."""

    class Residual(Stepped):
        def __init__(self) -> None:
            super().__init__()
            self.embedding = torch.nn.Embedding(SPEC.n_params, 16)
            self.inner = torch.nn.Linear(16, 32)
            self.outer = torch.nn.Linear(16, 16)
            self.out = torch.nn.Linear(16, SPEC.n_params)

        def init_state(self, batch: int, static: Tensor | None = None) -> Tensor:
            return torch.zeros(batch, 1)

        def step(
            self, x: Tensor, state: Tensor, cond: Tensor | None = None
        ) -> tuple[Tensor, Tensor]:
            h = self.embedding(x)
            a, b = self.inner(h).chunk(2, -1)
            h = h + self.outer(a.tanh() * b.sigmoid())
            return self.out(h.relu()), state

    ops = lower(Residual()).header["ops"]
    assert [op["op"] for op in ops] == ["gather_rows", "product", "product", "product"]
    assert [op["act"] for op in ops if op["op"] == "product"] == ["gate", "relu", "none"]
    assert len(ops[2]["add"]) == 2, "bias and residual"
    compare(Residual())


def test_a_concatenation_costs_nothing() -> None:
    ops = lower(GatedNormGRU()).header["ops"]
    # One copy is left: the embedding is needed by itself and inside the concatenation.
    assert [op["op"] for op in ops].count("copy") <= 1


def test_a_state_is_not_made_while_the_old_one_is_read() -> None:
    """Not even a part of it that reaches the state through a concatenation."""

    class Halves(Stepped):
        def init_state(self, batch: int, static: Tensor | None = None) -> Tensor:
            return torch.full((batch, 2 * SPEC.n_params), 0.3)

        def step(
            self, x: Tensor, state: Tensor, cond: Tensor | None = None
        ) -> tuple[Tensor, Tensor]:
            old = state[:, : SPEC.n_params]
            new = (old + x[:, None]).tanh()
            read = old.exp()
            return read, torch.cat([new, 2 * new], 1)

    compare(Halves())


def test_a_refused_operation_is_named_with_its_model() -> None:
    class Sorting(Stepped):
        def init_state(self, batch: int, static: Tensor | None = None) -> Tensor:
            return torch.zeros(batch, SPEC.n_params)

        def step(
            self, x: Tensor, state: Tensor, cond: Tensor | None = None
        ) -> tuple[Tensor, Tensor]:
            return state.sort(-1).values, state + x[:, None]

    with pytest.raises(
        LoweringError, match=r"^Sorting\.step uses aten\.sort\.default, which is not kn"
    ):
        lower(Sorting())


def test_a_branch_on_values_is_refused() -> None:
    class Branching(Stepped):
        def init_state(self, batch: int, static: Tensor | None = None) -> Tensor:
            return torch.zeros(batch, SPEC.n_params)

        def step(
            self, x: Tensor, state: Tensor, cond: Tensor | None = None
        ) -> tuple[Tensor, Tensor]:
            return (state if x.sum() > 3 else -state), state

    with pytest.raises(LoweringError, match=r"Branching\.step cannot be exported"):
        lower(Branching())


def test_double_precision_is_refused() -> None:
    class Double(Stepped):
        def init_state(self, batch: int, static: Tensor | None = None) -> Tensor:
            return torch.zeros(batch, SPEC.n_params, dtype=torch.float64)

        def step(
            self, x: Tensor, state: Tensor, cond: Tensor | None = None
        ) -> tuple[Tensor, Tensor]:
            return state.float(), state + math.pi

    with pytest.raises(LoweringError, match=r"float64; use float32 or int64"):
        lower(Double())


def test_random_numbers_are_refused() -> None:
    class Noisy(Stepped):
        def init_state(self, batch: int, static: Tensor | None = None) -> Tensor:
            return torch.zeros(batch, SPEC.n_params)

        def step(
            self, x: Tensor, state: Tensor, cond: Tensor | None = None
        ) -> tuple[Tensor, Tensor]:
            return state + torch.rand_like(state), state

    with pytest.raises(LoweringError, match=r"rand"):
        lower(Noisy())


def test_the_draw_is_a_part_of_the_program() -> None:
    header = lower(GatedNormGRU(), Categorical(SPEC.n_params)).header
    (draw,) = [op for op in header["ops"] if op["op"] == "sample"]
    assert header["outputs"]["event"][:3] == draw["out"][:3]
    assert header["outputs"]["params"] == draw["logits"]


@pytest.mark.parametrize("build", MODELS, ids=lambda build: build.__name__)
def test_a_batch_is_exported_too(build: type[Stepped]) -> None:
    model, head, batch = build().eval(), Categorical(SPEC.n_params), 3
    exported = export_step(model, head, batch=batch).module()
    rng = torch.Generator().manual_seed(0)
    controls = ControlBatch.of([Controls(temperature=0.5 + i) for i in range(batch)])
    ours, theirs = model.init_state(batch), model.init_state(batch)
    for _ in range(3):
        x = torch.randint(SPEC.n_params, (batch,), generator=rng)
        noise = torch.rand(batch, 1, generator=rng).clamp(0.01, 0.99)
        with torch.no_grad():
            params, ours = model.step(x, ours)
            exported_params, drawn, theirs = exported(x, theirs, None, noise, controls[:-1])
        torch.testing.assert_close(exported_params, params)
        assert torch.equal(drawn, head.draw(params, noise, controls))
