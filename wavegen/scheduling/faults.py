"""What a listener is told of a fault that is not its own."""

from __future__ import annotations

import logging

from ..errors import WavegenError

_log = logging.getLogger("wavegen.scheduling")


def fault(error: Exception) -> WavegenError:
    """The error itself where it is one for people; of any other the trace goes to the log."""
    if isinstance(error, WavegenError):
        return error
    _log.error("a stream failed", exc_info=error)
    return WavegenError(f"the model failed ({type(error).__name__}: {error}); try another setting")
