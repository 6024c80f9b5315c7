"""Stands in for sounddevice: a loudspeaker that remembers what it played."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np


class PortAudioError(Exception):
    pass


class FakeSoundDevice(ModuleType):
    """The module. It needs no library and no device."""

    PortAudioError = PortAudioError

    def __init__(self, *, fault: Exception | None = None, late: int = 0) -> None:
        super().__init__("sounddevice")
        self.did: list[str] = []
        self.settings: dict[str, Any] = {}
        self.written: list[np.ndarray] = []
        device, module = self, self

        class OutputStream:
            def __init__(self, **settings: Any) -> None:
                if fault is not None:
                    raise fault
                device.settings = settings

            def start(self) -> None:
                module.did.append("start")

            def write(self, samples: np.ndarray) -> bool:
                assert samples.dtype == np.float32
                assert samples.ndim == 2
                assert "start" in module.did
                module.written.append(samples[:, 0].copy())
                return len(module.written) in range(2, 2 + late)

            def stop(self) -> None:
                module.did.append("stop")

            def abort(self) -> None:
                module.did.append("abort")

            def close(self) -> None:
                module.did.append("close")

        self.OutputStream = OutputStream

    @property
    def heard(self) -> np.ndarray:
        return np.concatenate([np.zeros(0, np.float32), *self.written])
