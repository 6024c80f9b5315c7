"""A stream of sound to the machine's loudspeaker, by way of sounddevice.

Dimensions: T time.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import numpy.typing as npt

from .domain_player import LiveOutput
from .errors import ConfigError

Samples = npt.NDArray[np.float32]

_START_SECONDS = 0.08
"""Held before it begins to sound, so that the first pieces, which are short, do not run out."""
_BUFFER_SECONDS = 0.5
"""What the device holds; the next piece is made meanwhile."""


class SoundOutput(LiveOutput[Samples]):
    """Mono samples `(T,)` between -1 and 1, through the default device of the machine.

    Raises `ConfigError` where sounddevice, its library or a device is missing.
    """

    def __init__(self, rate_hz: float) -> None:
        try:
            import sounddevice  # pyright: ignore[reportMissingImports]
        except ImportError as error:
            raise ConfigError("sound needs sounddevice; pip install 'wavegen[play]'") from error
        except OSError as error:  # on Linux it comes without its library
            raise ConfigError(
                f"sound needs PortAudio, which sounddevice does not find ({error}); on Debian or "
                "Ubuntu: apt install libportaudio2"
            ) from error
        self._rate_hz = rate_hz
        self._held: list[Samples] = []
        self._n_held = 0
        try:
            self._device: Any = sounddevice.OutputStream(
                samplerate=rate_hz, channels=1, dtype="float32", latency=_BUFFER_SECONDS
            )
        except (sounddevice.PortAudioError, ValueError) as error:
            why = " ".join(str(error).split())
            raise ConfigError(
                f"this machine has no device that plays {rate_hz:g} samples/s ({why}); write to a "
                "file with -o FILE"
            ) from error
        self._has_begun = False

    def __enter__(self) -> Self:
        """It is ready already; it begins with the first samples."""
        return self

    def __exit__(self, *_: object) -> None:
        """Fall silent at once; after `finish` there is nothing left to cut."""
        self._device.abort()
        self._device.close()

    def play(self, piece: Samples) -> None:
        """Play `(T,)`. Returns once the device holds it, half a second ahead at most."""
        if self._has_begun:
            self._write(piece)
            return
        self._held.append(piece)
        self._n_held += len(piece)
        if self._n_held >= _START_SECONDS * self._rate_hz:
            self._begin()

    def finish(self) -> None:
        """Wait until all was heard."""
        if not self._has_begun:
            self._begin()
        self._device.stop()

    def _begin(self) -> None:
        self._has_begun = True
        self._device.start()
        if self._held:
            self._write(np.concatenate(self._held))
        self._held = []

    def _write(self, piece: Samples) -> None:
        # It says whether samples ran out before these came: once for every gap.
        self.underruns += bool(self._device.write(piece.astype(np.float32)[:, None]))
