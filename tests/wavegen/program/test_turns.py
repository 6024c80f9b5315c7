"""What only serves a select is left out where its turn has not come, and nothing else is."""

from __future__ import annotations

import random
from typing import Any

import pytest
import torch
from stepping_models import Stepped
from torch import Tensor, nn
from torch.export import ExportedProgram

from wavegen import state as trees
from wavegen.engines.arena import StateLayout
from wavegen.heads import Categorical
from wavegen.model import SequenceModel, SequenceSpec
from wavegen.models.clockwork import Clockwork
from wavegen.models.clockwork_config import ClockworkConfig
from wavegen.models.conv_gru import ConvGRU
from wavegen.models.conv_gru_config import ConvGRUConfig
from wavegen.models.multiscale import Multiscale
from wavegen.models.multiscale_config import MultiscaleConfig
from wavegen.native import library
from wavegen.program import lowering, order, placement, predicates, turns
from wavegen.program.export import export_step
from wavegen.program.lowering import lower
from wavegen.program.program import Program
from wavegen.program.tally import tally, turns_of
from wavegen.testing.inputs import Inputs, random_inputs
from wavegen.testing.programs import run_program

WIDTH, LEAVES, STEPS = 6, 4, 14
CLASSES = SequenceSpec(8, 8)
MODELS: dict[str, Any] = {
    "multiscale": lambda: Multiscale(
        MultiscaleConfig(width=8, layers=(1, 1, 1), pools=(3, 2), expand=1.5), CLASSES
    ),
    "clockwork": lambda: Clockwork(ClockworkConfig(groups=4, units=5, embedding=3), CLASSES),
    "conv-gru": lambda: ConvGRU(
        ConvGRUConfig(embedding=4, channels=6, width=8, output_channels=6, kernel=5, stride=3),
        CLASSES,
    ),
}


@pytest.fixture(autouse=True)
def core() -> None:
    try:
        library.builds()
    except library.NativeUnavailable as reason:
        pytest.skip(str(reason))


class Turning(Stepped):
    """Slow parts put together at random: some of what they make is read elsewhere, too.

    A part reads inputs, old states and other parts, may hold selects of its own, and ends in a
    select whose old side is a state, or what another part left there.
    """

    def __init__(self, seed: int) -> None:
        super().__init__(SequenceSpec(n_params=WIDTH, n_classes=None, event_shape=(WIDTH,)))
        self.seed, self.n_parts = seed, random.Random(seed).randint(3, 5)
        generator = torch.Generator().manual_seed(seed)
        self.matrices = nn.Parameter(torch.randn(9, WIDTH, WIDTH, generator=generator) / 3)

    def init_state(self, batch: int, static: Tensor | None = None) -> dict[str, Tensor]:
        leaves = {f"leaf{i}": torch.full((batch, WIDTH), 0.1 * i) for i in range(LEAVES)}
        rows = torch.full((batch, 3, WIDTH), 0.2)
        return {"clock": torch.zeros(batch, dtype=torch.int64), "rows": rows, **leaves}

    def step(
        self, x: Tensor, state: dict[str, Tensor], cond: Tensor | None = None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        rng, clock = random.Random(self.seed), state["clock"]
        leaves = [state[f"leaf{i}"] for i in range(LEAVES)]
        pool = [x, *leaves]

        def turn() -> Tensor:
            if rng.random() < 0.1:
                return x[:, :1] > 0.3
            period = rng.choice([2, 4, 8, 3, 6])
            return ((clock + 1) % period == rng.choice([0, 0, 1]))[:, None]

        def made(depth: int) -> Tensor:
            value = rng.choice(pool)
            for _ in range(rng.randint(1, 3)):
                value = (value @ rng.choice(list(self.matrices)) + rng.choice(pool)).tanh()
            if depth and rng.random() < 0.5:
                value = torch.where(turn(), made(depth - 1), value)
            if rng.random() < 0.25:
                pool.append(value)
            return value

        for _ in range(self.n_parts):
            i = rng.randrange(LEAVES)
            leaves[i] = torch.where(turn(), made(2), leaves[i])
            if rng.random() < 0.5:
                pool.append(leaves[i])
        rows = state["rows"]
        if rng.random() < 0.5:
            is_turn = clock[:, None] % torch.tensor([1, 2, 4]) == 0
            stacked = torch.stack([made(0), made(1), made(0)], 1)
            rows = torch.where(is_turn[..., None], stacked, rows)
            pool.append(rows[:, 1])
        after = {f"leaf{i}": leaf for i, leaf in enumerate(leaves)}
        return pool[-1] + x, {"clock": clock + 1, "rows": rows, **after}


def differs(model: Stepped, program: Program) -> bool:
    """Whether the program's steps are others than the model's, for voices of several ages."""
    given, state = random_inputs(model.spec, 3, STEPS), model.init_state(3)
    state["clock"] = torch.tensor([0, 5, 11])
    params, after = run_program(program, given, state)
    outs = list[Tensor]()
    with torch.no_grad():
        for t in range(STEPS):
            out, state = model.step(given.x[:, t], state)
            outs.append(out)
    pairs = [(params, torch.stack(outs, 1)), *((after[name], state[name]) for name in state)]
    return not all(torch.allclose(a, b, rtol=0, atol=1e-4) for a, b in pairs)


SEEDS = range(6)
_EXPORTED = dict[int, tuple[Turning, ExportedProgram]]()


def lowered(monkeypatch: pytest.MonkeyPatch, seed: int) -> tuple[Turning, Program]:
    """Export takes most of the time, and is the same for all mutants."""
    if seed not in _EXPORTED:
        model = Turning(seed).eval()
        _EXPORTED[seed] = model, export_step(model)
    model, exported = _EXPORTED[seed]
    monkeypatch.setattr(lowering, "export_step", lambda *_: exported)
    return model, lower(model)


def test_random_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    n_turns, n_nested = 0, 0
    for seed in SEEDS:
        model, program = lowered(monkeypatch, seed)
        assert not differs(model, program), seed
        around = turns_of(program.header["ops"])
        n_turns += len({turns[-1] for turns in around if turns})
        n_nested += any(len(turns) > 1 for turns in around)
    assert n_turns > 2 * len(SEEDS)
    assert n_nested > len(SEEDS) // 4


def _whenever_one_needs_it(uses: Any, op: Any) -> Any:
    first, last = op.writes.extent()
    found = [need for (a, b), need in uses._uses[op.writes.base] if a < last and first < b]
    return found[-1] if found else frozenset()


def _no_reads(ops: Any) -> Any:
    real = _DEPENDENCES(ops)
    return {
        op: {o for o in before if any(v.base is o.writes.base for v in op.inputs())}
        for op, before in real.items()
    }


_DEPENDENCES = order._dependences
MUTANTS: dict[str, tuple[Any, str, Any]] = {
    "left out where one of several readers needs it": (
        turns._Uses, "need", _whenever_one_needs_it,
    ),
    "old side left out too": (
        turns, "_needs", lambda graph, selects: _old_side_too(graph, selects),
    ),
    "every turn implies every other": (predicates.Predicate, "implies", lambda *_: True),
    "periods without phases": (
        predicates.Predicate, "implies",
        lambda self, other: (self == other) or bool(
            self.cycle and other.cycle and self.cycle[1] % other.cycle[1] == 0
        ),
    ),
    "written before the last reader": (order, "_dependences", _no_reads),
    "made in the state while it is read": (
        placement._Placer, "_is_read_after", lambda *_: False,
    ),
}  # fmt: skip
_NEEDS = turns._needs


def _old_side_too(graph: Any, selects: Any) -> Any:
    needs = _NEEDS(graph, selects)
    for op, parts in selects.items():
        made = [o for o in graph.ops if o.writes.base is op.reads["b"].base]
        for maker in made:
            needs[maker] = needs[maker] | {p.predicate for p in parts}
    return needs


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_of_the_pass_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    where, what, mutant = MUTANTS[name]
    monkeypatch.setattr(where, what, mutant)
    for seed in SEEDS:
        try:
            model, program = lowered(monkeypatch, seed)
        except AssertionError:  # an order that waits for itself
            return
        if differs(model, program):
            return
    pytest.fail("it plays every step right")


class Resting(Stepped):
    """A state takes at its turns what is computed at every step, out of another such state."""

    def __init__(self) -> None:
        super().__init__(SequenceSpec(n_params=WIDTH, n_classes=None, event_shape=(WIDTH,)))
        self.matrices = nn.Parameter(torch.linspace(-1, 1, 2 * WIDTH**2).view(2, WIDTH, WIDTH))

    def init_state(self, batch: int, static: Tensor | None = None) -> dict[str, Tensor]:
        leaves = {name: torch.full((batch, WIDTH), 0.1) for name in ("slow", "taken")}
        return {"clock": torch.zeros(batch, dtype=torch.int64), **leaves}

    def step(
        self, x: Tensor, state: dict[str, Tensor], cond: Tensor | None = None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        turn = (state["clock"] % 3 == 0)[:, None]
        slow = torch.where(turn, (x @ self.matrices[0]).tanh(), state["slow"])
        always = (slow @ self.matrices[1] + x).tanh()
        taken = torch.where(turn, always, state["taken"])
        return 2 * always, {"clock": state["clock"] + 1, "slow": slow, "taken": taken}


def test_a_resting_state_is_not_where_every_step_computes() -> None:
    model = Resting().eval()
    program = lower(model)
    assert any(op["op"] == "unless" for op in program.header["ops"])
    assert not differs(model, program)


@pytest.mark.parametrize("name", MODELS)
def test_voices_of_every_age_play_as_their_steps(name: str) -> None:
    """Each of 13 voices is at a phase of its own, and none depends on the others."""
    torch.manual_seed(0)
    model, n = MODELS[name]().eval(), 13
    given = random_inputs(model.spec, n, 20)
    state = trees.merge([_aged(model, given.x[voice], voice) for voice in range(n)])
    program = lower(model)
    params, after = run_program(program, given, state)
    for voice in range(n):
        mine = Inputs(given.x[voice : voice + 1], None, None)
        alone, ends = run_program(program, mine, trees.select(state, [voice]))
        assert torch.equal(alone[0], params[voice]), voice
        for name, leaf in trees.leaves(ends).items():
            assert torch.equal(leaf[0], trees.leaves(after)[name][voice]), voice
    with torch.no_grad():
        for t in range(20):
            out, state = model.step(given.x[:, t], state)
            torch.testing.assert_close(params[:, t], out, rtol=0, atol=1e-5)


def _aged(model: SequenceModel[Any], x: Tensor, age: int) -> Any:
    """The state of one voice that has seen as many symbols."""
    state = model.init_state(1)
    with torch.no_grad():
        for t in range(age):
            _, state = model.step(x[t : t + 1], state)
    return state


@pytest.mark.parametrize(
    ("name", "periods"),
    [("multiscale", {3, 6}), ("clockwork", {2, 4, 8}), ("conv-gru", {3})],
)
def test_products_wait_for_their_turn(name: str, periods: set[int]) -> None:
    """All that a slow part computes is passed over until its turn comes."""
    torch.manual_seed(0)
    model = MODELS[name]().eval()
    program = lower(model, Categorical(8))
    ops = program.header["ops"]
    layout = StateLayout(program.header)
    done = tally(program, layout.pack(model.init_state(1)), 24)
    found = {24 // int(turn.sum()) for turn in done.values()}
    assert found == periods
    for turn in done.values():
        steps = turn.nonzero()[0]
        assert set(steps[1:] - steps[:-1]) == {24 // len(steps)}
    slow = sum(
        program.weights[op["weight"]].size
        for op, around in zip(ops, turns_of(ops), strict=True)
        if op["op"] == "product" and around
    )
    assert slow > 0.3 * program.n_macs
    assert not any(op["op"] == "where" for op in ops)
