"""What is special about a chain: who sees whom, where it starts, that it learns, low precision.

Dimensions: B batch, N values of an event, P head parameters.
"""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from wavegen.controls import Controls
from wavegen.errors import ConfigError
from wavegen.heads import Categorical, Chain, Gaussian, Head, StudentT
from wavegen.noise import uniforms
from wavegen.program.precision import precision_of, with_precision
from wavegen.sampling import ControlBatch
from wavegen.testing.inputs import awaken
from wavegen.testing.programs import Prompted, program_of, run_draws

PARTS = {"classes": Categorical(6), "gaussian": Gaussian(2), "student t": StudentT()}


def chain(part: Head, n_values: int, *, is_awake: bool = True, hidden: int = 16) -> Chain:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        head = Chain(part, n_values, context=5, hidden=hidden)
    if is_awake:
        awaken(head)
    return head.eval()


def prompt(head: Head, n: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Parameters `(n, P)` and noise `(n, U)`."""
    params = torch.randn(n, head.n_params, generator=torch.Generator().manual_seed(seed))
    return params, torch.from_numpy(uniforms([seed], [0], n, head.n_uniforms)[0])


def watched(
    head: Chain, params: Tensor, noise: Tensor, controls: Controls | None = None
) -> tuple[Tensor, list[Tensor]]:
    """The event drawn, and the parameters with which each of its values was."""
    own = list[Tensor]()

    def watch(params: Tensor, drawn: Tensor) -> Tensor:
        own.append(params)
        return params

    batch = ControlBatch.of([controls or Controls()] * len(params))
    with torch.no_grad():
        return head.draw_filtered(params, noise, batch, watch), own


@settings(max_examples=30)
@given(part=st.sampled_from(sorted(PARTS)), n_values=st.integers(1, 6), seed=st.integers(0, 99))
def test_scoring_in_parallel_is_drawing_in_sequence(part: str, n_values: int, seed: int) -> None:
    head = chain(PARTS[part], n_values)
    params, noise = prompt(head, 12, seed)
    x, own = watched(head, params, noise)
    expected = torch.stack([head.part.nll(p, x[:, k]) for k, p in enumerate(own)]).sum(0)
    with torch.no_grad():
        found = head.nll(params.view(3, 4, -1), x.view(3, 4, n_values))
    torch.testing.assert_close(found.flatten(), expected, rtol=1e-4, atol=1e-4)


@settings(max_examples=30)
@given(part=st.sampled_from(sorted(PARTS)), n_values=st.integers(2, 6), data=st.data())
def test_a_value_sees_all_before_it_and_none_after(
    part: str, n_values: int, data: st.DataObject
) -> None:
    j = data.draw(st.integers(0, n_values - 1), label="the value that is drawn otherwise")
    head = chain(PARTS[part], n_values)
    params, noise = prompt(head, 32)
    other = noise.clone()
    mine = slice(j * head.part.n_uniforms, (j + 1) * head.part.n_uniforms)
    other[:, mine] = noise[:, mine].flip(0)
    (x, before), (y, after) = watched(head, params, noise), watched(head, params, other)
    changed = x[:, j] != y[:, j]
    assert changed.any()
    for k in range(n_values):
        differs = (before[k] != after[k]).any(1)
        assert not differs[~changed].any(), "uniforms of one value were used for another"
        assert bool(differs[changed].all()) == (k > j), f"value {k} after a change of value {j}"


@pytest.mark.parametrize("part", PARTS)
def test_it_starts_at_the_votes(part: str) -> None:
    head = chain(PARTS[part], 3, is_awake=False)
    params, noise = prompt(head, 10)
    x, _ = watched(head, params, noise)
    votes = params[:, head.context :].view(10, 3, -1)
    with torch.no_grad():
        expected = head.part.nll(votes.flatten(0, 1), x.flatten()).view(10, 3).sum(1)
        torch.testing.assert_close(head.nll(params, x), expected)


@pytest.mark.parametrize("part", PARTS)
def test_it_learns_what_no_vote_can_say(part: str) -> None:
    """All values of an event are the same one. Nothing but the head's own parameters learns."""
    head = chain(PARTS[part], 3, is_awake=False, hidden=32).train()
    torch.manual_seed(0)
    optimizer = torch.optim.AdamW(head.parameters(), lr=0.02)
    nats = list[float]()
    for _ in range(120):
        first = torch.randn(64) if head.n_classes is None else torch.randint(6, (64,))
        loss = head.nll(torch.zeros(64, head.n_params), first[:, None].expand(-1, 3)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        nats.append(float(loss.detach()))
    known = math.log(6) if part == "classes" else nats[0] / 3
    assert nats[0] > 2.9 * known
    assert nats[-1] < known + 0.4, f"{nats[0]:.2f} nats fell to {nats[-1]:.2f}"


@pytest.mark.parametrize(
    ("controls", "kept"),
    [(Controls(top_k=2), 2), (Controls(temperature=0), 1), (Controls(top_k=1), 1)],
    ids=["two best", "greedy", "best"],
)
def test_controls_apply_to_each_value(controls: Controls, kept: int) -> None:
    head = chain(Categorical(6), 4)
    x, own = watched(head, *prompt(head, 200), controls)
    for k, params in enumerate(own):
        rank = (params > params.gather(1, x[:, k : k + 1])).sum(1)
        assert int(rank.max()) == kept - 1


def test_it_admits_what_its_parts_admit() -> None:
    Chain(Categorical(5), 2, context=1, hidden=1).admit(Controls(top_k=2))
    with pytest.raises(ConfigError, match="StudentT draws real numbers"):
        Chain(StudentT(), 2, context=1, hidden=1).admit(Controls(top_k=2))


def test_what_is_no_chain_is_refused() -> None:
    with pytest.raises(ValueError, match="one value each, got 0 of Categorical"):
        Chain(Categorical(5), 0, context=1, hidden=1)
    with pytest.raises(ValueError, match="one value each, got 2 of Chain"):
        Chain(Chain(Categorical(5), 2, context=1, hidden=1), 2, context=1, hidden=1)


@pytest.mark.parametrize("part", ["classes", "student t"])
def test_programs_of_low_precision_draw_nearly_the_same(part: str) -> None:
    head = chain(PARTS[part], 4)
    program = program_of(Prompted(head), head)
    params, _ = prompt(head, 400)
    whole = run_draws(program, params, 3, Controls())
    for precision, allowed in (("bfloat16", 0.02), ("int8", 0.04)):
        small = with_precision(program, precision_of(precision))
        apart = run_draws(small, params, 3, Controls()) - whole
        share = float((apart != 0).float().mean())
        assert share > 0, f"{precision} has no effect"
        if part == "classes":
            assert share < allowed, f"{precision}: {share:.1%} of the values differ"
        else:
            assert float(apart.abs().median()) < allowed, precision
