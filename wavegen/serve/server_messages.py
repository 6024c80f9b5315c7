"""Text frames that a server sends: strict pydantic models, told apart by `type`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from .asked import VERSION, Id, MarkName, Message, Name, OfVoice, Part, Step, Voice

Count = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(ge=1)]
Rate = Annotated[float, Field(ge=0)]


class Queued(Message):
    """All slots are taken; position 1 is next."""

    type: Literal["queued"] = "queued"
    position: Positive


class Created(Message):
    """The voices begin."""

    type: Literal["created"] = "created"
    version: Literal[1] = VERSION
    id: Id
    model: Name
    kind: Literal["samples", "notes", "values", "bytes"]
    rate_hz: Annotated[float, Field(gt=0)]
    encoding: Name
    seeds: list[int]
    first: Step
    max_ahead_ms: Positive
    xrt: Rate
    wait_seconds: Rate


class VoiceStats(Part):
    """How far one voice is."""

    made: Step
    heard: Step
    ahead_ms: float
    status: Literal["opening", "queued", "playing", "paused", "ended"]


class Stats(Message):
    """How far all voices are, and how busy the server is."""

    type: Literal["stats"] = "stats"
    voices: list[VoiceStats]
    xrt: Rate
    listeners: Count
    queued: Count


class Updated(OfVoice):
    """Other controls hold from `step` on."""

    type: Literal["updated"] = "updated"
    step: Step


class Paused(OfVoice):
    """Nothing is made from `step` on."""

    type: Literal["paused"] = "paused"
    step: Step


class Resumed(OfVoice):
    """It goes on at `step`."""

    type: Literal["resumed"] = "resumed"
    step: Step


class Marked(Message):
    """The moment is kept; `steps` has that of each voice."""

    type: Literal["marked"] = "marked"
    name: MarkName
    steps: list[Step]


class Rewound(Message):
    """The frames that come after this one begin at these steps, again."""

    type: Literal["rewound"] = "rewound"
    name: MarkName
    steps: list[Step]


class Saved(Message):
    """The state that came in the frame before can be named by `id` for a while."""

    type: Literal["saved"] = "saved"
    voice: Voice
    id: Id
    step: Step
    expires_s: Rate


class Done(Message):
    """No more of this voice comes."""

    type: Literal["done"] = "done"
    voice: Voice
    steps: Step
    reason: Literal["finished", "cancelled"]


class GoingAway(Message):
    """The server ends."""

    type: Literal["going_away"] = "going_away"
    grace_s: Rate


class Error(Message):
    """One line with the value and the cure; the connection ends where it is fatal."""

    type: Literal["error"] = "error"
    code: Name
    message: str
    voice: Voice | None = None
    fatal: bool = True


FromServer = (
    Queued | Created | Stats | Updated | Paused | Resumed | Marked | Rewound | Saved | Done
    | GoingAway | Error
)  # fmt: skip
"""Any of them."""
