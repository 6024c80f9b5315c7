"""A model, its head and its domain, put together again from a checkpoint that nobody vouches for.

Nothing is imported because a file names it: plugins that are installed offer names, and the file
may choose among them. Nothing is allocated because a file says so: the parts are first built
without memory and compared with the weights that are really there.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_parameter_registration_hook

from . import config
from .checkpoint import Checkpoint
from .domain import Domain
from .errors import CheckpointError, ConfigError, PluginError
from .heads import Head
from .model import SequenceModel
from .plugins import Offer, plugins

Spec = TypeVar("Spec")

_MAX_LEAD_IN = 2**24


@dataclass(frozen=True)
class Parts:
    """All that is needed to score and to play."""

    model: SequenceModel[Any]
    head: Head
    domain: Domain[Any]
    lead_in: int


def assemble(checkpoint: Checkpoint) -> Parts:
    """The parts on the CPU, with the checkpoint's weights in them."""
    source = f"{checkpoint.path}/config.json"
    try:
        domain_offer = _offer(checkpoint, "domain", plugins().domain)
        model_offer = _offer(checkpoint, "model", plugins().model)
        domain = domain_offer.spec.build(_config(checkpoint, "domain", domain_offer.spec.config))
        model_config = _config(checkpoint, "model", model_offer.spec.config)
    except ConfigError as error:
        raise CheckpointError(f"{source}: {error}") from error

    def build() -> nn.ModuleDict:
        head = domain.head()
        spec = domain.spec(head)
        if config.to_dict(spec) != checkpoint.config.get("spec"):
            raise CheckpointError(
                f"{source}: was trained for {checkpoint.config.get('spec')}, but its domain now "
                f"gives {config.to_dict(spec)}; install {_named(checkpoint, 'domain')}"
            )
        return nn.ModuleDict({"model": model_offer.spec.build(model_config, spec), "head": head})

    weights = checkpoint.weights()
    try:
        with _at_most(len(weights)):
            plan = _planned(build, source)
        _compare(plan, weights, f"{checkpoint.path}/model.safetensors")
        modules = build()
    except ConfigError as error:
        raise CheckpointError(f"{source}: {error}") from error
    # Copied into memory of their own: tensors read from a file are not aligned, and the matrix
    # library may add in another order for those.
    modules.load_state_dict(weights)
    lead_in = checkpoint.config.get("lead_in")
    if not isinstance(lead_in, int) or not 1 <= lead_in <= _MAX_LEAD_IN:
        raise CheckpointError(f"{source}: lead_in is {lead_in!r}; it must be 1 to {_MAX_LEAD_IN}")
    model, head = modules["model"], modules["head"]
    assert isinstance(model, SequenceModel)
    assert isinstance(head, Head)
    return Parts(model, head, domain, lead_in)


def _entry(checkpoint: Checkpoint, kind: str) -> Mapping[str, Any]:
    match checkpoint.config.get(kind):
        case {"name": str(), "plugin": str(), "config": dict()} as entry:
            return entry
        case other:
            raise CheckpointError(
                f"{checkpoint.path}/config.json: {kind} is {other!r:.80}; it must have a name, a "
                "plugin and a config"
            )


def _offer(checkpoint: Checkpoint, kind: str, find: Callable[[str], Offer[Spec]]) -> Offer[Spec]:
    entry = _entry(checkpoint, kind)
    try:
        return find(f"{entry['plugin']}:{entry['name']}")
    except PluginError as error:
        raise PluginError(
            f"{checkpoint.path}: needs the {kind} {entry['name']!r:.80} of the plugin "
            f"{entry['plugin']!r:.80}; install {_named(checkpoint, kind)} ({error})"
        ) from error


def _named(checkpoint: Checkpoint, kind: str) -> str:
    """The distribution a checkpoint asks for, if what it says can be the name of one."""
    entry = _entry(checkpoint, kind)
    said = f"{entry.get('distribution')} {entry.get('version')}"
    is_plain = re.fullmatch(r"[A-Za-z0-9._-]{1,80} [A-Za-z0-9.+!_-]{0,40}", said)
    return f"the distribution {said}".strip() if is_plain else "the plugin it was made with"


def _config(checkpoint: Checkpoint, kind: str, config_type: type) -> Any:
    return config.parse(config_type, _entry(checkpoint, kind)["config"], kind)


def _planned(build: Callable[[], nn.Module], source: str) -> nn.Module:
    """The modules without their memory."""
    try:
        with torch.device("meta"):
            return build()
    except NotImplementedError:  # it looks at values while it is built, so it needs real ones
        return build()
    except (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise CheckpointError(f"{source}: no model can be built from it ({reason:.200})") from error


def _compare(plan: nn.Module, weights: Mapping[str, Tensor], source: str) -> None:
    expected = plan.state_dict()
    if different := sorted(expected.keys() ^ weights.keys()):
        place = "is missing" if different[0] in expected else "has no place in the model"
        raise CheckpointError(
            f"{source}: {different[0]!r:.80} {place} ({len(different)} names differ); config.json "
            "and weights do not belong together"
        )
    for name, tensor in expected.items():
        if weights[name].shape != tensor.shape:
            raise CheckpointError(
                f"{source}: {name!r} is {tuple(weights[name].shape)}, config.json asks for "
                f"{tuple(tensor.shape)}; they do not belong together"
            )
        if not bool(weights[name].isfinite().all()):
            raise CheckpointError(f"{source}: {name!r} holds NaN or infinity; use an earlier one")


@contextmanager
def _at_most(n_weights: int) -> Iterator[None]:
    """Stop a build that makes many more parameters than there are weights in the file."""
    limit = 8 * n_weights + 64  # weight norm and its like register a parameter more than once
    thread = threading.get_ident()
    seen = 0

    def count(module: nn.Module, name: str, parameter: nn.Parameter) -> None:
        nonlocal seen
        seen += threading.get_ident() == thread
        if seen > limit:
            raise CheckpointError(
                f"config.json asks for more than {limit} parameters, the weights are {n_weights}; "
                "they do not belong together"
            )

    hook = register_module_parameter_registration_hook(count)
    try:
        yield
    finally:
        hook.remove()
