"""The rules of part writing: what they touch, and that programs keep them."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from wavegen_chorales import filters

from wavegen.controls import Controls
from wavegen.errors import ConfigError
from wavegen.heads import Categorical, Chain, Filter, draw_event
from wavegen.noise import uniforms
from wavegen.plugins import plugins
from wavegen.sampling import ControlBatch
from wavegen.testing.programs import Prompted, program_of, run_draws

HEIGHT = (3, 0, 2, 1)
"""How high each drawn value's voice is: soprano, bass, alto, tenor."""
NOTES = st.lists(st.integers(0, 46), min_size=4, max_size=4)


def changed(change: Filter, before: list[int], drawn: list[int], n_classes: int = 47) -> Tensor:
    """What a filter adds to each class `(K,)` of the next voice."""
    rows = torch.tensor([before]), torch.tensor([drawn], dtype=torch.int64).view(1, -1)
    logits = torch.randn(1, n_classes, generator=torch.Generator().manual_seed(0))
    return (change(logits, *rows) - logits)[0]


@settings(max_examples=60)
@given(NOTES, NOTES, st.integers(0, 3))
def test_parallels_are_those_of_the_rule(before: list[int], now: list[int], k: int) -> None:
    found = changed(filters.parallels, before, now[:k])
    for note in range(47):
        is_parallel = False
        for j in range(k):
            if 0 in (note, before[k], now[j], before[j]):
                continue
            up, low = (j, k) if HEIGHT[j] > HEIGHT[k] else (k, j)
            then = before[up] - before[low]
            new = {j: now[j], k: note}
            is_kept = (new[up] - new[low] - then) % 12 == 0 and then % 12 in (0, 7)
            moves = (now[j] - before[j]), (note - before[k])
            is_parallel |= is_kept and (moves[0] > 0) == (moves[1] > 0) and 0 not in moves
        expected = -filters.PENALTY_NATS if is_parallel else 0.0
        assert float(found[note]) == pytest.approx(expected, abs=1e-5)


@settings(max_examples=30)
@given(NOTES, NOTES, st.integers(0, 3))
def test_no_voice_crosses(before: list[int], now: list[int], k: int) -> None:
    found = changed(filters.crossing, before, now[:k])
    for note in range(47):
        pairs = [(note - now[j]) * (HEIGHT[k] - HEIGHT[j]) for j in range(k) if now[j] and note]
        assert bool(torch.isneginf(found[note])) == any(pair < 0 for pair in pairs)


@pytest.mark.parametrize(("k", "low", "high"), [(0, 60, 81), (1, 36, 66), (2, 52, 74), (3, 46, 69)])
def test_ranges_hold_for_struck_and_held_notes(k: int, low: int, high: int) -> None:
    found = changed(filters.ranges, [0] * 4, [1, 2, 3][:k], 93)
    allowed = (~torch.isneginf(found)).nonzero()[:, 0].tolist()
    inside = range(low - 35, high - 34)
    assert allowed == [0, *inside, *(46 + note for note in inside)]


def test_a_scale_is_kept_by_every_key() -> None:
    for tonic in range(12):
        found = changed(filters.scale(tonic), [0] * 4, [])
        steps = [(note + 35 - tonic) % 12 for note in range(1, 47) if found[note] == 0]
        assert set(steps) == {0, 2, 4, 5, 7, 9, 11}
        assert float(found[0]) == 0, "a rest is in every scale"


@settings(max_examples=20)
@given(NOTES, NOTES, st.integers(0, 3), st.sampled_from(("parallels", "crossing", "ranges")))
def test_held_notes_count_as_struck_ones(
    before: list[int], now: list[int], k: int, name: str
) -> None:
    change = getattr(filters, name)
    expected = changed(change, before, now[:k]).nan_to_num()
    held = [note + 46 if note else 0 for note in before]
    found = changed(change, held, now[:k], 93).nan_to_num()
    torch.testing.assert_close(found[:47], expected)
    torch.testing.assert_close(found[47:], expected[1:])


def test_other_alphabets_are_refused() -> None:
    with pytest.raises(ConfigError, match="47 or 93 classes each; this model draws from 256"):
        filters.parallels(torch.zeros(1, 256), torch.zeros(1, 4, dtype=torch.int64), _none())


def _none() -> Tensor:
    return torch.zeros(1, 0, dtype=torch.int64)


@pytest.mark.parametrize("n_classes", [47, 93])
def test_programs_keep_the_rules(n_classes: int) -> None:
    """All filters at once: the program draws what PyTorch draws."""
    names = ("chorale-parallels", "chorale-ranges", "chorale-crossing", "chorale-scale-Eb")
    rules = [plugins().filter(name).spec.build() for name in names]
    head = Chain(Categorical(n_classes), 4, context=3, hidden=4)
    n = 40
    params = torch.randn(n, head.n_params, generator=torch.Generator().manual_seed(0))
    program = program_of(Prompted(head), head, rules)
    drawn = run_draws(program, params, 3, Controls())
    noise = torch.from_numpy(uniforms([3], [0], n, head.n_uniforms))[0]
    before = torch.cat([torch.zeros(1, 4, dtype=torch.int64), drawn[:-1]])
    with torch.no_grad():
        events = draw_event(head, params, noise, ControlBatch.of([Controls()] * n), rules, before)
    assert drawn.tolist() == events.tolist()
    notes = torch.where(drawn > 46, drawn - 46, drawn)
    for above, below in ((0, 2), (2, 3), (3, 1)):
        both = (notes[:, above] > 0) & (notes[:, below] > 0)
        assert bool((notes[:, above] >= notes[:, below])[both].all())
