"""Trees of tensors: the only code that walks decoding states.

Law of state: every leaf is a Tensor with batch as dimension 0, and shape, dtype and device never
change. A tree is a NamedTuple, a tuple, a list, a dict, or one Tensor. Because the law holds, the
functions below fork, merge, split and save the state of any model without knowing it.

Dimensions: B batch (voices).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from .errors import CheckpointError

if TYPE_CHECKING:
    from torch import Tensor

Tree = TypeVar("Tree")


def tree_map(function: Callable[..., Tensor], tree: Tree, *others: Tree) -> Tree:
    """`function` applied to each leaf of `tree` (and the leaves of `others` in the same place)."""
    node: Any = tree
    rest: Any = others
    mapped: Any
    if isinstance(node, dict):
        mapped = {
            name: tree_map(function, value, *(other[name] for other in rest))
            for name, value in cast("dict[str, Any]", node).items()
        }
    elif isinstance(node, tuple | list):
        kind = type(cast("Any", node))
        parts = [tree_map(function, *column) for column in zip(node, *rest, strict=True)]
        is_named = getattr(kind, "_fields", None) is not None  # it takes its fields one by one
        mapped = kind(*parts) if is_named else kind(parts)
    else:
        mapped = function(node, *rest)
    return mapped


def leaves(tree: Any, prefix: str = "") -> dict[str, Tensor]:
    """The leaves under readable names: `{"taps": ..., "layers/0/hidden": ...}`."""
    if isinstance(tree, dict):
        items = [(str(key), value) for key, value in tree.items()]
    elif isinstance(tree, tuple | list):
        names = getattr(type(tree), "_fields", range(len(tree)))
        items = [(str(name), value) for name, value in zip(names, tree, strict=True)]
    else:
        return {prefix or "state": tree}
    found: dict[str, Tensor] = {}
    for name, value in items:
        found.update(leaves(value, f"{prefix}/{name}" if prefix else name))
    return found


def fork(tree: Tree) -> Tree:
    """An independent twin: nothing done to one is seen by the other."""
    return tree_map(lambda leaf: leaf.clone(), tree)


def merge(trees: Sequence[Tree]) -> Tree:
    """One state whose rows are the rows of `trees`, in order; voices of any age may share it."""
    import torch

    return tree_map(lambda *parts: torch.cat(parts), *trees)


def select(tree: Tree, rows: Sequence[int] | Tensor) -> Tree:
    """A new state that holds the given rows, in the given order (repeats allowed)."""
    import torch

    index = rows if isinstance(rows, torch.Tensor) else torch.tensor(rows, dtype=torch.int64)
    return tree_map(lambda leaf: leaf.index_select(0, index.to(leaf.device)), tree)


def n_bytes(tree: Any) -> int:
    """Memory of all leaves, in bytes."""
    return sum(leaf.numel() * leaf.element_size() for leaf in leaves(tree).values())


def save(tree: Any, path: Path, metadata: dict[str, str] | None = None) -> None:
    """Write the leaves to a safetensors file."""
    from safetensors.torch import save_file

    # Copies, because safetensors refuses leaves that share memory.
    tensors = {
        name: leaf.detach().to("cpu", copy=True).contiguous() for name, leaf in leaves(tree).items()
    }
    save_file(tensors, path, metadata)


def load(path: Path, like: Tree) -> Tree:
    """Read a state written by `save` into the structure, dtypes and devices of `like`.

    Raises `CheckpointError` where the file is damaged or is the state of another model.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        stored = load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(f"{path}: not a readable state ({error})") from error
    return restore(stored, like, source=str(path))


def restore(stored: dict[str, Tensor], like: Tree, source: str) -> Tree:
    """The tensors of `stored`, put into the structure of `like` after every shape was checked."""
    expected = leaves(like)
    if stored.keys() != expected.keys():
        raise CheckpointError(
            f"{source}: holds {sorted(stored)}, but this model's state is {sorted(expected)}; "
            "a state can only be resumed by the model that made it"
        )
    for name, leaf in expected.items():
        if stored[name].shape != leaf.shape or stored[name].dtype != leaf.dtype:
            raise CheckpointError(
                f"{source}: {name!r} is {stored[name].dtype} {tuple(stored[name].shape)}, this "
                f"model needs {leaf.dtype} {tuple(leaf.shape)}; resume with the model that made it"
            )
    names = iter(expected)
    # Copies, because tensors read from a file are not aligned, for which the matrix library has
    # other loops that round otherwise: a resumed voice would differ in the last bit.
    return tree_map(lambda leaf: stored[next(names)].to(leaf.device, copy=True), like)
