"""The memory tasks: what they ask, what guessing scores, and that a small TCN learns to copy."""

from __future__ import annotations

import pytest
import torch

from wavegen.errors import ConfigError
from wavegen.models.tcn import TCN
from wavegen.models.tcn_config import TCNConfig
from wavegen.training.memory_tasks import Adding, CopyMemory, MemoryTask

TASKS = [Adding(50), CopyMemory(30)]


def draw(task: MemoryTask, count: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    return task.examples(count, torch.Generator().manual_seed(seed))


def test_adding_asks_for_the_sum_of_the_two_marked() -> None:
    x, target = draw(Adding(50), 200)
    assert (x.shape, target.shape) == ((200, 50, 2), (200, 1))
    numbers, marks = x.unbind(2)
    assert float(numbers.min()) >= 0
    assert float(numbers.max()) < 1
    assert marks.sum(1).tolist() == [2] * 200
    assert set(marks.flatten().tolist()) == {0, 1}
    assert bool(marks.any(0).all()), "any place can be marked"
    for row, mark, wanted in zip(numbers, marks, target, strict=True):
        assert float(row[mark > 0].sum()) == pytest.approx(float(wanted))


def test_copying_asks_for_the_first_ten_symbols() -> None:
    x, target = draw(CopyMemory(30), 50)
    assert (x.shape, target.shape) == ((50, 50), (50, 10))
    assert torch.equal(x[:, :10], target)
    assert sorted(set(target.flatten().tolist())) == list(range(1, 9))
    assert not x[:, 10:39].any()
    assert bool((x[:, 39:] == 9).all())


def test_what_guessing_scores() -> None:
    task = Adding(200)
    _, target = draw(task, 20_000)
    assert task.score(torch.ones(20_000, 1, 1), target) == pytest.approx(1 / 6, rel=0.03)
    copy = CopyMemory(5)
    _, target = draw(copy, 20_000)
    guess = torch.zeros(20_000, 10, 10)
    guess[..., 3] = 1
    assert copy.score(guess, target) == pytest.approx(1 / 8, rel=0.03)


def test_the_right_answer_scores_best() -> None:
    task, copy = TASKS
    _, target = draw(task, 5)
    assert task.score(target[..., None], target) == 0
    _, target = draw(copy, 5)
    sure = 100 * torch.nn.functional.one_hot(target, 10).float()
    assert copy.score(sure, target) == 1
    assert float(copy.loss(sure, target)) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("task", TASKS, ids=["adding", "copy"])
def test_examples_are_the_generators(task: MemoryTask) -> None:
    before = torch.random.get_rng_state()
    first, again, other = (draw(task, 3, seed) for seed in (1, 1, 2))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.equal(first[0], again[0])
    assert not torch.equal(first[0], other[0])


@pytest.mark.parametrize(("task", "length"), [(Adding, 1), (CopyMemory, 0)])
def test_lengths_that_ask_nothing_are_refused(task: type, length: int) -> None:
    with pytest.raises(ConfigError, match=f"length is {length}; "):
        task(length)


def test_a_small_tcn_learns_to_copy() -> None:
    torch.manual_seed(0)
    task, rng = CopyMemory(5), torch.Generator().manual_seed(0)
    model = TCN(TCNConfig(blocks=3, channels=12, kernel=3), task.spec)
    assert model.receptive_field >= 10 + task.length
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(150):
        x, target = task.examples(32, rng)
        optimizer.zero_grad()
        task.loss(model.tail(x, task.n_scored), target).backward()
        optimizer.step()
    x, target = task.examples(200, rng)
    with torch.no_grad():
        assert task.score(model.tail(x, task.n_scored), target) > 0.9
