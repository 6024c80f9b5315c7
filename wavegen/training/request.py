"""What a run was asked for, by whoever began it and by whoever goes on with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .. import config
from ..checkpoint import Checkpoint
from ..errors import CheckpointError, ConfigError
from ..plugins import plugins
from .config import TrainerConfig

NOTHING: Mapping[str, Any] = {}


@dataclass(frozen=True)
class Request:
    """Kept in the checkpoint, so that resuming asks for the same."""

    domain: str
    sources: Sequence[str]
    valid: Sequence[str]
    test: Sequence[str]
    model: str
    domain_config: Mapping[str, Any]
    model_config: Mapping[str, Any]
    trainer: TrainerConfig

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {**asdict(self), "trainer": config.to_dict(self.trainer)}


def new(
    asked: Mapping[str, Any],
    *,
    model: str | None,
    preset: str | None,
    trainer: Mapping[str, Any],
) -> Request:
    """Of a run that begins; `asked` has all fields but the model and the training settings."""
    domain_spec = plugins().domain(asked["domain"]).spec
    model = model or domain_spec.model
    suited = {**domain_spec.trainer, **plugins().model(model).spec.trainer}
    settings = config.parse(TrainerConfig, {**suited, **trainer}, "trainer")
    return Request(**_with_preset(asked, model, preset), model=model, trainer=settings)


def continued(
    found: Checkpoint,
    asked: Mapping[str, Any],
    *,
    preset: str | None,
    trainer: Mapping[str, Any],
) -> Request:
    """Of a run that is resumed; `asked` may repeat what was asked for, `trainer` may change it."""
    request = _stored(found, trainer)
    configs = {
        "domain_config": plugins().domain(request.domain).spec.config,
        "model_config": plugins().model(request.model).spec.config,
    }
    for name, value in _with_preset(asked, request.model, preset).items():
        kept = getattr(request, name)
        if name in configs:  # text from the command line may mean what a value means
            value = config.parse(configs[name], {**kept, **value}, name)
            kept = config.parse(configs[name], kept, name)
        if value and value != kept:
            raise ConfigError(
                f"{found.path}: was made with {name} {kept}, not {value}; leave it out to resume, "
                "or train into another folder"
            )
    return request


def absolute(source: str) -> str:
    """So that a run can be resumed from another folder."""
    return str(Path(source).absolute())


def _with_preset(asked: Mapping[str, Any], model: str, preset: str | None) -> Mapping[str, Any]:
    if preset is None:
        return asked
    presets = plugins().model(model).spec.presets
    if preset not in presets:
        known = ", ".join(presets) or "none"
        raise ConfigError(f"{model} has no preset {preset!r}; known: {known}")
    return {**asked, "model_config": {**presets[preset], **asked["model_config"]}}


def _stored(found: Checkpoint, changes: Mapping[str, Any]) -> Request:
    """What a run was asked for, with `changes` of its training settings."""
    match found.training_state().get("request"):
        case {"trainer": dict() as settings} as kept:
            trainer = config.parse(TrainerConfig, {**settings, **changes}, "trainer")
            return config.parse(Request, {**kept, "trainer": trainer}, "request")
        case _:
            raise CheckpointError(f"{found.path}: lacks what was asked for; train anew")
