"""The laws of a model, one short test each.

Dimensions: B batch, T time, P head parameters, R receptive field.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
import torch
from torch import Tensor

from .. import state as trees
from ..model import SequenceModel
from ..program.export import step_cond_channels
from ..program.precision import precision_of, with_precision
from ..program.program import Program
from .contract import Contract
from .inputs import Inputs, awaken, other_symbols, random_inputs
from .programs import program_of, run_program
from .reach import gradient_of

Model = SequenceModel[Any]
_PROGRAMMED = pytest.StashKey[dict[str, tuple[Model, Program]]]()


class ModelContract(Contract):
    """forward, prefill and step are one function of the past, and its memory obeys the law.

    Override the fixture `model` with a built model; it is used in eval mode, on the CPU.
    """

    batch: int = 3
    length: int = 40
    """Steps of an ordinary test; longer than the receptive field where that is cheap."""
    long_run: int = 3_000
    """Steps of the test for drift and growth."""
    tolerance: float = 1e-4
    """Largest error, relative to the root mean square of what is expected."""
    program_error: Mapping[str, float] = MappingProxyType({"bfloat16": 2**-5, "int8": 2**-3})
    """Largest root mean square error of a program of that precision, relative to the same."""

    @pytest.fixture
    def model(self) -> Model:
        """The model under test."""
        raise NotImplementedError("override the fixture `model` and return a built model")

    @pytest.fixture
    def subject(self, model: Model) -> Model:
        """The model made ready: eval mode, and no parameter left at zero."""
        awaken(model)
        return model.eval()

    @pytest.fixture
    def programmed(self, subject: Model, request: pytest.FixtureRequest) -> tuple[Model, Program]:
        """The model made ready, and its program: made once for all laws, since export is slow."""
        made = request.node.parent.stash.setdefault(_PROGRAMMED, {})
        parameters = request.node.name.partition("[")[2]
        if parameters not in made:
            made[parameters] = subject, program_of(subject)
        return made[parameters]

    def test_shapes(self, subject: Model) -> None:
        """forward gives `(B, T, P)`, step and prefill give `(B, P)`, all floating point."""
        given, n = self._inputs(subject, length=5), subject.spec.n_params
        out = _forward(subject, given)
        assert out.shape == (self.batch, 5, n)
        assert out.is_floating_point()
        steps, _ = _fold(subject, given)
        assert steps.shape == (self.batch, 5, n)
        last, _ = _prefill(subject, given)
        assert last.shape == (self.batch, n)
        assert steps.dtype == last.dtype == out.dtype

    def test_step_equals_forward(self, subject: Model) -> None:
        """T steps give what forward gives."""
        given = self._inputs(subject)
        steps, _ = _fold(subject, given)
        self._same(steps, _forward(subject, given), "step by step against forward")

    def test_causal(self, subject: Model) -> None:
        """No output changes when symbols that come after it change."""
        given = self._inputs(subject)
        before = _forward(subject, given)
        for t in (1, self.length // 2, self.length - 1):
            x = given.x.clone()
            x[:, t:] = other_symbols(subject.spec, x[:, t:])
            after = _forward(subject, given._replace(x=x))
            self._same(after[:, :t], before[:, :t], f"outputs before a change at step {t}")

    def test_causal_by_gradient(self, subject: Model) -> None:
        """The gradient of an output is zero at every symbol that comes after it."""
        given = self._inputs(subject)
        for t in (0, self.length // 2, self.length - 2):
            reach = gradient_of(subject, given, t)
            if reach is None:
                pytest.skip("no gradient can be measured at this model's symbols")
            future = float(reach[t + 1 :].max())
            assert future <= self.tolerance * float(reach.max()), f"step {t} looks ahead"

    def test_present_matters(self, subject: Model) -> None:
        """`params[:, t]` depends on `x[:, t]`, in forward and in step."""
        given = self._inputs(subject)
        before = _forward(subject, given)
        for t in (0, self.length // 2, self.length - 1):
            x = given.x.clone()
            x[:, t] = other_symbols(subject.spec, x[:, t])
            after = _forward(subject, given._replace(x=x))
            assert self._differs(after[:, t], before[:, t]), f"step {t} does not see its symbol"

    def test_prefill_is_a_fold(self, subject: Model) -> None:
        """`prefill(x ++ y, s) == prefill(y, prefill(x, s))`, and steps go on from either state."""
        given, n = self._inputs(subject), self.length - 6
        expected = _forward(subject, given)
        for cut in (1, 2, 17, n - 1):
            _, by_steps = _fold(subject, given.cut(0, cut))
            first, by_prefill = _prefill(subject, given.cut(0, cut))
            self._same(first, expected[:, cut - 1], f"prefill of {cut}")
            for memory, made in ((by_steps, "steps"), (by_prefill, "prefill")):
                second, memory = _prefill(subject, given.cut(cut, n), memory)
                what = f"prefill of {n - cut} after {cut} by {made}"
                self._same(second, expected[:, n - 1], what)
                rest, _ = _fold(subject, given.cut(n, self.length), memory)
                self._same(rest, expected[:, n:], f"steps after {what}")

    def test_law_of_state(self, subject: Model) -> None:
        """Every leaf is a Tensor, batch first, whose shape, dtype and device never change."""
        given = self._inputs(subject)
        memory = _init(subject, given)
        law = _law(memory)
        assert law, "a state needs at least one leaf"
        for name, (shape, _, _) in law.items():
            assert shape[:1] == (self.batch,), f"{name}: batch must be dimension 0, got {shape}"
        for t in range(3):
            _, memory = _fold(subject, given.cut(t, t + 1), memory)
            assert _law(memory) == law, f"step {t} changed the state's law"
        for stop in (4, 21, self.length):
            _, memory = _prefill(subject, given.cut(3, stop), memory)
            assert _law(memory) == law, f"prefill of {stop - 3} changed the state's law"

    def test_fresh_init(self, subject: Model) -> None:
        """`init_state` never hands out memory that was used before."""
        given, other = self._inputs(subject), self._inputs(subject, seed=1)
        expected = _forward(subject, given)
        _fold(subject, other._replace(static=given.static))
        _prefill(subject, other._replace(static=given.static))
        steps, _ = _fold(subject, given)
        self._same(steps, expected, "a voice begun after another has ended")
        first, second = _init(subject, given), _init(subject, given)
        _fold(subject, other, first)
        steps, _ = _fold(subject, given, second)
        self._same(steps, expected, "a voice begun before another has played")

    def test_fork_is_independent(self, subject: Model) -> None:
        """What is done to a state is not seen by its twin."""
        given, other = self._inputs(subject), self._inputs(subject, seed=1)
        _, memory = _fold(subject, given.cut(0, 11))
        twin = trees.fork(memory)
        _fold(subject, other.cut(0, 7), memory)
        rest, _ = _fold(subject, given.cut(11, self.length), twin)
        self._same(rest, _forward(subject, given)[:, 11:], "the twin of a state that was used")

    def test_nothing_hidden(self, subject: Model) -> None:
        """Whatever else the module is used for between two steps, a voice does not notice."""
        given, other = self._inputs(subject), self._inputs(subject, seed=1)
        outs, memory = list[Tensor](), _init(subject, given)
        for t in range(self.length):
            out, memory = _fold(subject, given.cut(t, t + 1), memory)
            outs.append(out)
            if t % 3 == 0:
                _fold(subject, other.cut(0, 2))
            if t % 5 == 0:
                _forward(subject, other)
            if t % 7 == 0:
                _prefill(subject, other.row(0).cut(0, 9))
        self._same(torch.cat(outs, 1), _forward(subject, given), "a voice that was interrupted")

    def test_weights_are_read_anew(self, subject: Model) -> None:
        """After `load_state_dict` steps follow the new weights; nothing is kept of the old."""
        given = self._inputs(subject, length=12)
        before, _ = _fold(subject, given)
        old = {name: value.clone() for name, value in subject.state_dict().items()}
        rng = torch.Generator().manual_seed(2)
        new = dict(old)
        for name, value in subject.named_parameters():
            noise = torch.randn(value.shape, generator=rng).to(value)
            new[name] = value.detach() + 0.1 * noise
        subject.load_state_dict(new)
        after = _forward(subject, given)
        steps, _ = _fold(subject, given)
        primed, _ = _prefill(subject, given)
        subject.load_state_dict(old)
        assert self._differs(after, before), "forward does not follow new weights"
        self._same(steps, after, "steps with new weights")
        self._same(primed, after[:, -1], "prefill with new weights")

    def test_rows_are_strangers(self, subject: Model) -> None:
        """Voices of ages 3, 11 and 20 in one batch sound as each does alone, in any order."""
        ages = (3, 11, 20)
        given = self._inputs(subject, batch=len(ages), length=max(ages) + 15, seed=3)
        rows = [given.row(b) for b in range(len(ages))]
        alone = [
            _fold(subject, row)[0][:, age : age + 15] for row, age in zip(rows, ages, strict=True)
        ]
        states = [_fold(subject, row.cut(0, age))[1] for row, age in zip(rows, ages, strict=True)]
        order = (2, 0, 1)
        memory = trees.select(trees.merge(states), order)
        parts = [rows[b].cut(ages[b], ages[b] + 15) for b in order]
        together, _ = _fold(subject, _stack(parts), memory)
        for row, b in enumerate(order):
            what = f"voice of age {ages[b]} among others"
            self._same(together[row : row + 1], alone[b], what)

    def test_garbage_rows(self, subject: Model) -> None:
        """A row that holds garbage (NaN, where symbols are real) changes no other row."""
        given, garbage = self._inputs(subject), self._inputs(subject, seed=4)
        if subject.spec.n_classes is None:
            garbage = garbage._replace(x=torch.full_like(garbage.x, float("nan")))
        x = given.x.clone()
        x[1:] = garbage.x[1:]
        mixed = given._replace(x=x)
        expected = _forward(subject, given)[:1]
        self._same(_forward(subject, mixed)[:1], expected, "forward beside garbage")
        self._same(_fold(subject, mixed)[0][:1], expected, "steps beside garbage")
        last, _ = _prefill(subject, mixed)
        self._same(last[:1], expected[:, -1], "prefill beside garbage")

    def test_survives_the_disk(self, subject: Model, tmp_path: Path) -> None:
        """A state read from disk goes on bit for bit, in a module that has never seen it."""
        given, stranger = self._inputs(subject), copy.deepcopy(subject)
        _, memory = _fold(subject, given.cut(0, 13))
        trees.save(memory, tmp_path / "state.safetensors")
        loaded = trees.load(tmp_path / "state.safetensors", like=_init(stranger, given))
        rest = given.cut(13, self.length)
        expected, resumed = _fold(subject, rest, memory)[0], _fold(stranger, rest, loaded)[0]
        assert torch.equal(resumed, expected), "the resumed voice differs"

    def test_receptive_field(self, subject: Model) -> None:
        """The oldest symbol that an output depends on is the declared one; None is unbounded."""
        declared = subject.receptive_field
        if declared is None:
            pytest.skip("declared unbounded")
        given = self._inputs(subject, length=declared + 9)
        t = declared + 7
        reach = gradient_of(subject, given, t)
        measured = self._reach_by_change(subject, given, t) if reach is None else reach > 0
        oldest = int(measured.nonzero()[0]) if measured.any() else t + 1
        assert t - oldest + 1 == declared, f"measured {t - oldest + 1}, declared {declared}"

    def test_tail(self, subject: Model) -> None:
        """`tail(x, keep)` is the end of forward, for every `keep`."""
        given = self._inputs(subject)
        expected = _forward(subject, given)
        for keep in (1, 2, 9, self.length - 1, self.length):
            with torch.no_grad():
                out = subject.tail(given.x, keep, given.cond, given.static)
            self._same(out, expected[:, -keep:], f"tail of {keep}")

    def test_outputs_are_the_callers(self, subject: Model) -> None:
        """An output that the caller keeps is not written again by later steps."""
        given = self._inputs(subject, length=6)
        memory, kept, copies = _init(subject, given), list[Tensor](), list[Tensor]()
        with torch.no_grad():
            for t in range(6):
                x, cond = given.at(t)
                out, memory = subject.step(x, memory, cond)
                kept.append(out)
                copies.append(out.clone())
            out, _ = subject.prefill(given.x, memory, given.cond)
            kept.append(out)
            copies.append(out.clone())
            subject.prefill(other_symbols(subject.spec, given.x), _init(subject, given), given.cond)
        for step, (now, then) in enumerate(zip(kept, copies, strict=True)):
            assert torch.equal(now, then), f"output {step} was overwritten later"

    def test_long_run(self, subject: Model) -> None:
        """After thousands of steps nothing has drifted and the state takes the same memory."""
        given = self._inputs(subject, batch=1, length=self.long_run)
        memory = _init(subject, given)
        size = trees.n_bytes(memory)
        steps, memory = _fold(subject, given, memory)
        assert trees.n_bytes(memory) == size, "the state has grown"
        expected = _forward(subject, given)
        self._same(steps[:, -20:], expected[:, -20:], f"after {self.long_run} steps")

    def test_program_equals_step(self, programmed: tuple[Model, Program]) -> None:
        """The program computes what the steps compute, and takes over at any step, and hands back.

        Skipped, with the reason, where the model has no program.
        """
        subject, program = programmed
        given = self._inputs(subject)
        expected, middle = _forward(subject, given), self.length // 2
        params, memory = run_program(program, given.cut(0, middle), _init(subject, given))
        self._same(params, expected[:, :middle], "the program")
        rest, _ = _fold(subject, given.cut(middle, self.length), memory)
        self._same(rest, expected[:, middle:], "steps after the program")
        _, memory = _prefill(subject, given.cut(0, middle))
        params, _ = run_program(program, given.cut(middle, self.length), memory)
        self._same(params, expected[:, middle:], "the program after prefill")

    def test_program_of_low_precision(self, programmed: tuple[Model, Program]) -> None:
        """With weights in fewer bits the program stays near: see `program_error`."""
        subject, program = programmed
        given = self._inputs(subject)
        expected = _forward(subject, given)
        size = float(expected.square().mean().sqrt())
        for precision, allowed in self.program_error.items():
            small = with_precision(program, precision_of(precision))
            params, _ = run_program(small, given, _init(subject, given))
            error = float((params - expected).square().mean().sqrt())
            assert error <= allowed * size, f"{precision}: {error / size:.3g} of {size:.3g}"

    def test_deterministic(self, subject: Model) -> None:
        """The same inputs give the same bits, and nobody's random numbers are used up."""
        given, seed = self._inputs(subject), torch.random.get_rng_state()
        assert torch.equal(_forward(subject, given), _forward(subject, given)), "forward varies"
        assert torch.equal(_fold(subject, given)[0], _fold(subject, given)[0]), "steps vary"
        assert torch.equal(torch.random.get_rng_state(), seed), "a random generator was used"

    def test_condition(self, subject: Model) -> None:
        """`cond[:, t]` changes `params[:, t]` and nothing before it."""
        given = self._inputs(subject)
        if given.cond is None:
            pytest.skip("built without per-step conditions")
        before = _forward(subject, given)
        for t in (1, self.length // 2, self.length - 1):
            cond = given.cond.clone()
            cond[:, t] += 2
            after = _forward(subject, given._replace(cond=cond))
            self._same(after[:, :t], before[:, :t], f"outputs before a new condition at {t}")
            assert self._differs(after[:, t], before[:, t]), f"condition {t} does not count at {t}"

    def test_look_ahead(self, subject: Model) -> None:
        """`look_ahead` gives a row of C' channels for each step, and rows of a batch are strangers.

        A row may depend on all that come after it.
        """
        spec = subject.spec
        if not spec.cond_channels:
            pytest.skip("built without per-step conditions")
        cond = random_inputs(spec, self.batch, self.length).cond
        assert cond is not None
        kept, rows = cond.clone(), _ahead(subject, cond)
        assert torch.equal(cond, kept), "look_ahead writes into the conditions"
        assert rows.shape == (self.batch, self.length, step_cond_channels(subject))
        for b in range(self.batch):
            alone = _ahead(subject, cond[b : b + 1])
            self._same(alone, rows[b : b + 1], f"conditions of row {b} alone")

    def test_static(self, subject: Model) -> None:
        """The static condition changes every step, and lies in the state of a voice."""
        given, spec = self._inputs(subject), subject.spec
        if given.static is None:
            pytest.skip("built without static conditions")
        changed = (given.static + 1) % spec.static_classes if spec.static_classes else -given.static
        other = given._replace(static=changed)
        after, before = _forward(subject, other), _forward(subject, given)
        assert self._differs(after[:, 0], before[:, 0]), "the first step does not see it"
        assert self._differs(after[:, -1], before[:, -1]), "the last step does not see it"
        self._same(_fold(subject, other)[0], after, "steps with another static condition")

    def test_gradients(self, subject: Model) -> None:
        """forward's gradient by the parameters is the derivative of what the steps compute."""
        given, rng = self._inputs(subject, length=8), torch.Generator().manual_seed(5)
        weight = torch.randn(self.batch, 8, subject.spec.n_params, generator=rng).double()
        parameters = [p for p in subject.parameters() if p.requires_grad]
        loss = (subject.forward(*given) * weight).sum()
        slopes = torch.autograd.grad(loss, parameters, allow_unused=True)
        claimed, measured = list[float](), list[float]()
        for _ in range(9):
            way = [_small_change(parameter, rng) for parameter in parameters]
            terms = [(s * w).sum() for s, w in zip(slopes, way, strict=True) if s is not None]
            claimed.append(float(sum(terms)))
            losses = list[float]()
            for side in (1, -1):
                _move(parameters, way, side)
                losses.append(float((_fold(subject, given)[0] * weight).sum()))
                _move(parameters, way, -side)
            measured.append((losses[0] - losses[1]) / 2)
        claim, truth = torch.tensor(claimed), torch.tensor(measured)
        # The median, because a step across the kink of a ReLU spoils a difference.
        assert float((claim - truth).abs().median()) <= 0.03 * float(truth.abs().max()), (
            f"slopes by gradient {claimed}, by difference {measured}"
        )

    def _inputs(self, model: Model, *, batch: int = 0, length: int = 0, seed: int = 0) -> Inputs:
        """Inputs as steps take them: what is known ahead has been looked at."""
        given = random_inputs(model.spec, batch or self.batch, length or self.length, seed)
        return given if given.cond is None else given._replace(cond=_ahead(model, given.cond))

    def _reach_by_change(self, model: Model, given: Inputs, t: int) -> Tensor:
        """`(T)`: whether `params[:, t]` changes at all with each symbol."""
        before, changed = _forward(model, given)[:, t], list[bool]()
        for i in range(given.x.shape[1]):
            x = given.x.clone()
            x[:, i] = other_symbols(model.spec, x[:, i])
            changed.append(not torch.equal(_forward(model, given._replace(x=x))[:, t], before))
        return torch.tensor(changed)

    def _same(self, actual: Tensor, expected: Tensor, what: str) -> None:
        scale = float(expected.float().square().mean().sqrt())
        torch.testing.assert_close(
            actual,
            expected,
            rtol=0,
            atol=self.tolerance * scale,
            msg=lambda report: f"{what}: {report}",
        )

    def _differs(self, actual: Tensor, expected: Tensor) -> bool:
        """Whether any row has changed by more than rounding explains.

        Not all must: a row whose small hidden layer happens to be shut by its ReLUs is no fault.
        """
        change = (actual - expected).abs().flatten(1).amax(1)
        return bool((change > 1e-6 * expected.abs().flatten(1).amax(1)).any())


def _forward(model: Model, given: Inputs) -> Tensor:
    with torch.no_grad():
        return model.forward(*given)


def _ahead(model: Model, cond: Tensor) -> Tensor:
    with torch.no_grad():
        return model.look_ahead(cond)


def _init(model: Model, given: Inputs) -> Any:
    with torch.no_grad():
        return model.init_state(given.x.shape[0], given.static)


def _fold(model: Model, given: Inputs, memory: Any = None) -> tuple[Tensor, Any]:
    """Step through all inputs: `(B, T, P)` and the state after them."""
    memory = _init(model, given) if memory is None else memory
    outs = list[Tensor]()
    with torch.no_grad():
        for t in range(given.x.shape[1]):
            x, cond = given.at(t)
            out, memory = model.step(x, memory, cond)
            outs.append(out.clone())
    return torch.stack(outs, 1), memory


def _prefill(model: Model, given: Inputs, memory: Any = None) -> tuple[Tensor, Any]:
    memory = _init(model, given) if memory is None else memory
    with torch.no_grad():
        out, memory = model.prefill(given.x, memory, given.cond)
        return out.clone(), memory


def _law(memory: Any) -> dict[str, tuple[tuple[int, ...], torch.dtype, torch.device]]:
    """What must never change: shape, dtype and device of every leaf."""
    law: dict[str, tuple[tuple[int, ...], torch.dtype, torch.device]] = {}
    for name, leaf in trees.leaves(memory).items():
        assert isinstance(leaf, Tensor), f"{name} is {type(leaf).__name__}, not a Tensor"
        law[name] = (tuple(leaf.shape), leaf.dtype, leaf.device)
    return law


def _stack(parts: Sequence[Inputs]) -> Inputs:
    columns = zip(*parts, strict=True)
    x, cond, static = (None if c[0] is None else torch.cat(c) for c in columns)
    assert x is not None
    return Inputs(x, cond, static)


def _small_change(parameter: Tensor, rng: torch.Generator) -> Tensor:
    """A random direction, in proportion to the parameter's own size."""
    size = float(parameter.detach().abs().mean())
    return 5e-4 * size * torch.randn(parameter.shape, generator=rng).to(parameter)


@torch.no_grad()
def _move(parameters: Sequence[Tensor], way: Sequence[Tensor], side: int) -> None:
    for parameter, change in zip(parameters, way, strict=True):
        parameter.add_(change, alpha=side)
