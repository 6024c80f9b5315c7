"""What one server grants its listeners: each field is an option of `wavegen serve`."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from ..config import option
from ..errors import ConfigError
from .frames import MAX_VOICES

_FEW_STEPS = 1024  # rows of a series, of which one counts as a second


@dataclass(frozen=True)
class Limits:
    """Nobody can take more than this, whatever is asked for."""

    body_bytes: int = option(16_000_000, "bytes of a request or an upload")
    message_bytes: int = option(65_536, "bytes of one message of a listener")
    messages_per_second: float = option(200.0, "messages of one listener; twice as many at once")
    seconds: float = option(600.0, "length of one voice; also of one that has no end")
    prime_seconds: float = option(60.0, "length of an uploaded prime; what follows is left out")
    voices: int = option(MAX_VOICES, "voices of one connection")
    voices_per_address: int = option(32, "voices of all connections from one address")
    queue: int = option(1024, "voices that wait for a slot, of all models together")
    ahead_seconds: float = option(30.0, "how far a voice may be made ahead of what was heard")
    start_seconds: float = option(5.0, "until a new connection must have said what it wants")
    idle_seconds: float = option(60.0, "for which a listener may hear nothing of what it was sent")
    send_seconds: float = option(5.0, "for which a connection may take nothing of what is sent")
    decode_seconds: float = option(5.0, "to decode an upload")
    decode_bytes: int = option(2_000_000_000, "memory of the process that decodes an upload")
    kept_seconds: float = option(600.0, "for which uploads, saved states and paused voices stay")
    kept_bytes: int = option(256_000_000, "memory of all uploads and saved states")
    grace_seconds: float = option(10.0, "between a signal to end and the end")

    def prime_steps(self, rate_hz: float) -> int:
        """Steps of a prime at most; where a step is long, not too few to be of use."""
        return max(round(self.prime_seconds * rate_hz), _FEW_STEPS)

    def __post_init__(self) -> None:
        """Refuse limits that nobody could keep."""
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if not value > 0:
                raise ConfigError(f"limit.{field.name} is {value}; it must be above 0")
        if self.voices > MAX_VOICES:
            raise ConfigError(
                f"limit.voices is {self.voices}; a connection has {MAX_VOICES} at most"
            )
