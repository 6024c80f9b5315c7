"""Trees of tensors: whatever their shape, nothing is lost, mixed up or shared."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from wavegen import state
from wavegen.errors import CheckpointError


class Pair(NamedTuple):
    first: Any
    second: Any


BATCH = 4


@st.composite
def tensors(draw: st.DrawFn) -> Tensor:
    shape = (BATCH, *draw(st.lists(st.integers(0, 3), max_size=2)))
    kind = draw(st.sampled_from([torch.float32, torch.bfloat16, torch.int64, torch.bool]))
    rng = torch.Generator().manual_seed(draw(st.integers(0, 2**31)))
    return torch.randint(-100, 100, shape, generator=rng).to(kind)


names = st.text("abcxyz_", min_size=1, max_size=4)
trees = st.recursive(
    tensors(),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3),
        st.lists(inner, min_size=1, max_size=3).map(tuple),
        st.dictionaries(names, inner, min_size=1, max_size=3),
        st.builds(Pair, inner, inner),
    ),
    max_leaves=6,
)
many = settings(max_examples=50)


def equal(actual: Any, expected: Any) -> bool:
    """Same structure, and leaves of the same dtype and values."""
    ours, theirs = state.leaves(actual), state.leaves(expected)
    return ours.keys() == theirs.keys() and all(
        ours[name].dtype == theirs[name].dtype and torch.equal(ours[name], theirs[name])
        for name in ours
    )


def structure(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {name: structure(value) for name, value in tree.items()}
    if isinstance(tree, tuple | list):
        return type(tree), [structure(value) for value in tree]
    return None


@many
@given(trees)
def test_fork_is_equal_and_shares_nothing(tree: Any) -> None:
    twin = state.fork(tree)
    assert equal(twin, tree)
    assert structure(twin) == structure(tree)
    kept = state.fork(tree)
    for leaf in state.leaves(twin).values():
        leaf.zero_()
    assert equal(tree, kept)


@many
@given(trees, st.permutations(range(BATCH)), st.integers(0, BATCH))
def test_select_then_merge_puts_rows_back(tree: Any, order: list[int], cut: int) -> None:
    parts = [state.select(tree, order[:cut]), state.select(tree, order[cut:])]
    back = [order.index(b) for b in range(BATCH)]
    assert equal(state.select(state.merge(parts), back), tree)


@many
@given(trees)
def test_select_takes_tensors_and_repeats(tree: Any) -> None:
    picked = state.select(tree, torch.tensor([2, 2, 0]))
    for name, leaf in state.leaves(picked).items():
        whole = state.leaves(tree)[name]
        assert torch.equal(leaf, torch.stack([whole[2], whole[2], whole[0]]))


@many
@given(trees)
def test_disk_keeps_every_bit(tree: Any) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "state.safetensors"
        state.save(tree, path)
        blank = state.tree_map(torch.zeros_like, tree)
        loaded = state.load(path, like=blank)
    assert equal(loaded, tree)
    assert structure(loaded) == structure(tree)


@many
@given(trees)
def test_bytes_are_counted(tree: Any) -> None:
    expected = sum(leaf.numel() * leaf.element_size() for leaf in state.leaves(tree).values())
    assert state.n_bytes(tree) == expected
    assert state.n_bytes(state.merge([tree, tree])) == 2 * expected


def test_leaves_have_readable_names() -> None:
    tree = {"clock": torch.zeros(1), "layers": [Pair(torch.ones(1), (torch.ones(1),))]}
    assert list(state.leaves(tree)) == ["clock", "layers/0/first", "layers/0/second/0"]
    assert list(state.leaves(torch.zeros(1))) == ["state"]


def test_leaves_that_share_memory_can_be_saved(tmp_path: Path) -> None:
    one = torch.arange(12.0).view(4, 3)
    tree = {"one": one, "same": one, "view": one[:, 1:], "rows": one[:1].expand(4, 3)}
    state.save(tree, tmp_path / "s")
    assert equal(state.load(tmp_path / "s", like=tree), tree)


def test_loaded_leaves_are_aligned(tmp_path: Path) -> None:
    """Otherwise a resumed voice takes another path through the matrix library, in the last bit."""
    tree = [torch.rand(3, n) for n in (1, 3, 8, 5)]
    state.save(tree, tmp_path / "s")
    assert all(leaf.data_ptr() % 64 == 0 for leaf in state.load(tmp_path / "s", like=tree))


def test_other_models_state_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "s"
    state.save({"taps": torch.zeros(2, 3)}, path)
    with pytest.raises(CheckpointError, match=r"holds \['taps'\].*this model's state is \['h'\]"):
        state.load(path, like={"h": torch.zeros(2, 3)})
    with pytest.raises(CheckpointError, match=r"'taps' is torch.float32 \(2, 3\).*\(2, 4\)"):
        state.load(path, like={"taps": torch.zeros(2, 4)})
    with pytest.raises(CheckpointError, match=r"needs torch.int64"):
        state.load(path, like={"taps": torch.zeros(2, 3, dtype=torch.int64)})


def test_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="not a readable state"):
        state.load(tmp_path / "none", like=torch.zeros(1))


@many
@given(st.data())
def test_damaged_file_is_refused_or_harmless(data: st.DataObject) -> None:
    """Cut anywhere or with bytes changed, a file is refused; never another error."""
    tree = {"clock": torch.arange(4), "taps": torch.rand(4, 5)}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "s"
        state.save(tree, path)
        content = bytearray(path.read_bytes())
        for _ in range(data.draw(st.integers(0, 4))):
            place = data.draw(st.integers(0, len(content) - 1))
            content[place] = data.draw(st.integers(0, 255))
        del content[data.draw(st.integers(0, len(content))) :]
        path.write_bytes(content)
        try:
            loaded = state.load(path, like=tree)
        except CheckpointError:
            return
        for name, leaf in state.leaves(loaded).items():
            assert leaf.shape == tree[name].shape
            assert leaf.dtype == tree[name].dtype
