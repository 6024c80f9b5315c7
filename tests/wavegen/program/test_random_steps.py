"""Steps put together at random: whatever shares memory in the program, nothing is overwritten."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
import torch
from stepping_models import Stepped
from torch import Tensor, nn

from wavegen.model import SequenceSpec
from wavegen.native import library
from wavegen.program.lowering import lower
from wavegen.testing.inputs import random_inputs
from wavegen.testing.programs import run_program

WIDTH, LEAVES, LINES = 6, 4, 5


class RandomStep(Stepped):
    """About twenty operations on `(B, n)` tensors, four states of width 6, and one line of rows.

    What is made may go into several states, concatenations and products at once, states change
    places, and somewhere on the way a row of the line is written, whose old rows are still used.
    """

    def __init__(self, seed: int) -> None:
        super().__init__(SequenceSpec(n_params=WIDTH, n_classes=None, event_shape=(WIDTH,)))
        self.weights = nn.ParameterList()
        self.plan = list[Callable[[list[Tensor]], Tensor]]()
        rng = random.Random(seed)
        widths = [WIDTH] * (1 + LEAVES + LINES)
        count = rng.randint(8, 24)
        self.write_at, self.row = rng.randrange(count), rng.randrange(LINES)
        for i in range(count):
            self.plan.append(self._operation(rng, widths))
            if i == self.write_at:
                self.source = rng.choice(_fitting(widths))
                widths += [WIDTH] * LINES  # the rows of the line as it is now
        self.after = [rng.choice(_fitting(widths)) for _ in range(LEAVES)]
        self.shifts, self.by_index = rng.random() < 0.3, rng.random() < 0.5
        self.forgets = rng.random() < 0.3
        self.result = rng.choice(_fitting(widths)[-3:])

    def _operation(self, rng: random.Random, widths: list[int]) -> Callable[[list[Tensor]], Tensor]:
        i = rng.randrange(len(widths))
        width = widths[i]
        kind = rng.choice(["linear", "linear", "add", "act", "gate", "cat", "slice", "mul"])
        same = [j for j, other in enumerate(widths) if other == width]
        j = rng.choice(same)
        if kind == "linear":
            out = rng.choice([WIDTH, WIDTH, 2 * WIDTH])
            generator = torch.Generator().manual_seed(rng.randrange(10**6))
            self.weights.append(torch.randn(width, out, generator=generator) / width**0.5)
            number = len(self.weights) - 1
            widths.append(out)
            return lambda pool: pool[i] @ self.weights[number]
        if kind == "cat":
            k = rng.randrange(len(widths))
            widths.append(width + widths[k])
            return lambda pool: torch.cat([pool[i], pool[k]], 1)
        if kind == "slice" and width > WIDTH:
            start = rng.randrange(width - WIDTH + 1)
            widths.append(WIDTH)
            return lambda pool: pool[i][:, start : start + WIDTH]
        if kind == "gate" and width % 2 == 0 and width > WIDTH:
            widths.append(width // 2)
            return lambda pool: pool[i].chunk(2, 1)[0].tanh() * pool[i].chunk(2, 1)[1].sigmoid()
        widths.append(width)
        if kind == "act":
            return lambda pool: pool[i].tanh()
        if kind == "mul":
            return lambda pool: (pool[i] * pool[j]).clamp(-2, 2)
        return lambda pool: 0.5 * pool[i] + 0.5 * pool[j] if j % 2 else pool[i] + pool[j].tanh()

    def init_state(self, batch: int, static: Tensor | None = None) -> dict[str, Tensor]:
        leaves = {f"leaf{i}": torch.full((batch, WIDTH), 0.1 * i) for i in range(LEAVES)}
        return {**leaves, "line": torch.zeros(batch, LINES, WIDTH)}

    def step(
        self, x: Tensor, state: dict[str, Tensor], cond: Tensor | None = None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        line = state["line"]
        pool = [x, *(state[f"leaf{i}"] for i in range(LEAVES)), *line.unbind(1)]
        for i, operation in enumerate(self.plan):
            pool.append(operation(pool))
            if i == self.write_at:
                line = self._written(line, pool[self.source].clamp(-3, 3))
                pool += line.unbind(1)
        after = {f"leaf{i}": pool[source] for i, source in enumerate(self.after)}
        # What was made is kept small; what came from elsewhere goes on as it is.
        for name, source in zip(after, self.after, strict=True):
            if source > LEAVES + LINES:
                after[name] = after[name].clamp(-3, 3)
        return pool[self.result], {**after, "line": state["line"] if self.forgets else line}

    def _written(self, line: Tensor, new: Tensor) -> Tensor:
        if self.shifts:
            return torch.cat([line[:, 1:], new[:, None]], 1)
        line = line.clone()
        if self.by_index:
            line[torch.arange(len(new)), torch.full((len(new),), self.row)] = new
        else:
            line[:, self.row : self.row + 1] = new[:, None]
        return line


def _fitting(widths: list[int]) -> list[int]:
    return [i for i, width in enumerate(widths) if width == WIDTH]


@pytest.mark.parametrize("seed", range(40))
def test_random_steps(seed: int) -> None:
    model = RandomStep(seed).eval()
    given, program = random_inputs(model.spec, 2, 12), lower(model)
    try:
        library.builds()
    except library.NativeUnavailable as reason:
        pytest.skip(str(reason))
    with torch.no_grad():
        expected, begin = model.forward(given.x), model.init_state(2)
        state = model.init_state(2)
        for t in range(given.x.shape[1]):
            _, state = model.step(given.x[:, t], state)
    params, after = run_program(program, given, begin)
    scale = float(expected.abs().max()) + 1
    torch.testing.assert_close(params, expected, rtol=0, atol=1e-4 * scale)
    for name, leaf in state.items():
        torch.testing.assert_close(after[name], leaf, rtol=0, atol=1e-4 * scale, msg=name)
