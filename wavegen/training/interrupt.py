"""Ctrl-C and SIGTERM ask a run to save and stop; a second one, later, stops it at once."""

from __future__ import annotations

import signal
import threading
import time
from types import FrameType
from typing import Any

_SAME_WISH_SECONDS = 1.0
"""A terminal and torchrun both pass one Ctrl-C on: what follows at once is no second wish."""


class Interrupt:
    """A context in which the first signal only sets `asked`."""

    def __init__(self) -> None:
        self.asked = False
        self._since = 0.0
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Interrupt:
        """Take over the signals, which only the main thread can."""
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._ask)
        return self

    def __exit__(self, *_: object) -> None:
        """Give them back."""
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if not self.asked:
            self.asked, self._since = True, time.monotonic()
        elif time.monotonic() - self._since > _SAME_WISH_SECONDS:
            raise KeyboardInterrupt
