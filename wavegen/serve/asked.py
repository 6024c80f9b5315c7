"""What may be asked of a server, as messages and request bodies say it; strict pydantic models."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from ..controls import Controls
from ..errors import ConfigError
from .frames import MAX_STEP, MAX_VOICES

VERSION = 1
MAX_SEED = 2**53 - MAX_VOICES
"""Every program that reads JSON holds it exactly, and those of the other voices."""

Step = Annotated[int, Field(ge=0, le=MAX_STEP)]
Length = Annotated[int, Field(ge=1, le=MAX_STEP)]
Voice = Annotated[int, Field(ge=0, lt=MAX_VOICES)]
Seed = Annotated[int, Field(ge=0, le=MAX_SEED)]
TopK = Annotated[int, Field(le=2**31 - 1)]
Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
Name = Annotated[str, Field(min_length=1, max_length=200)]
MarkName = Annotated[str, Field(min_length=1, max_length=64)]
Seconds = Annotated[float, Field(gt=0, le=MAX_STEP)]


class Part(BaseModel):
    """What all messages and their parts have in common."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)


class Message(Part):
    """One text frame."""

    def text(self) -> str:
        """The JSON that goes over the wire; what is not set is left out."""
        return self.model_dump_json(exclude={name for name, value in self if value is None})


class ControlValues(Part):
    """Sampling controls; those that are left out stay as they are. Ranges: `Controls`."""

    temperature: float | None = None
    top_k: TopK | None = None
    top_p: float | None = None
    min_p: float | None = None
    typical_p: float | None = None

    def over(self, controls: Controls) -> Controls:
        """The controls with these values in place of their own. Raises `ConfigError`."""
        return replace(controls, **self.model_dump(exclude_none=True))

    def model_post_init(self, _: Any) -> None:
        """Refuse values that no voice can have."""
        self.over(Controls())


class Asked(Part):
    """What a new sequence shall be."""

    model: Name
    seed: Seed | None = None
    controls: ControlValues = ControlValues()
    seconds: Seconds | None = None
    steps: Length | None = None
    label: Name | None = None
    plan: dict[str, JsonValue] | None = None
    prime: Id | None = None
    prime_seconds: Seconds | None = None
    resume: Id | None = None

    def model_post_init(self, _: Any) -> None:
        """Refuse what contradicts itself."""
        if self.seconds is not None and self.steps is not None:
            raise ConfigError(f"give seconds ({self.seconds}) or steps ({self.steps}), not both")
        if self.prime_seconds is not None and self.prime is None:
            raise ConfigError(
                f"prime_seconds is {self.prime_seconds}, but there is no prime; upload one first"
            )
        try:
            json.dumps(self.plan, allow_nan=False)
        except ValueError:
            raise ConfigError("plan holds NaN or an infinity; give finite numbers") from None
        begun = {"label": self.label, "plan": self.plan, "prime": self.prime}
        for name, value in begun.items():
            if self.resume is not None and value is not None:
                raise ConfigError(
                    f"resume and {name} were given; a state has a {name} already, so leave one out"
                )


class OfVoice(Message):
    """A message about one voice, or about all of them."""

    voice: Voice | None = None


class Generate(Asked):
    """The body of `POST /v1/generate` and `/v1/generate/stream`."""

    response_format: Name | None = None
    stream_format: Literal["audio", "sse"] | None = None
