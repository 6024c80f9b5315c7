"""Text frames that a listener sends: strict pydantic models, told apart by `type`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from .asked import VERSION, Asked, ControlValues, MarkName, Message, Name, OfVoice, Step, Voice
from .frames import MAX_VOICES


class Start(Asked, Message):
    """The first frame of a connection."""

    type: Literal["start"] = "start"
    version: Annotated[int, Field(ge=VERSION, le=VERSION)]
    voices: Annotated[int, Field(ge=1, le=MAX_VOICES)] = 1
    max_ahead_ms: Annotated[int, Field(ge=1, le=3_600_000)] = 1000
    encoding: Name | None = None
    token: Annotated[str, Field(max_length=1024)] | None = None


class Ack(OfVoice):
    """Heard so far, counted from step 0."""

    type: Literal["ack"] = "ack"
    steps: Step


class Update(OfVoice):
    """Other controls, from the next piece on."""

    type: Literal["update"] = "update"
    controls: ControlValues


class Pause(OfVoice):
    """Make no more for now."""

    type: Literal["pause"] = "pause"


class Resume(OfVoice):
    """Go on after a pause."""

    type: Literal["resume"] = "resume"


class Mark(Message):
    """Remember this moment, as it is heard."""

    type: Literal["mark"] = "mark"
    name: MarkName


class Rewind(Message):
    """Go back to a mark."""

    type: Literal["rewind"] = "rewind"
    name: MarkName


class Save(Message):
    """Keep the state at what was heard."""

    type: Literal["save"] = "save"
    voice: Voice = 0
    send: bool = True


class Cancel(OfVoice):
    """End a voice and free its slot."""

    type: Literal["cancel"] = "cancel"


class StatsWanted(Message):
    """Ask for `stats` now."""

    type: Literal["stats"] = "stats"


FromListener = (
    Start | Ack | Update | Pause | Resume | Mark | Rewind | Save | Cancel | StatsWanted
)  # fmt: skip
"""Any of them."""
