"""Ask the C library to keep freed memory: on a CPU, fresh pages cost as much as the arithmetic.

Activations of a training step are megabytes each. By default glibc gives such blocks back to the
system at once and gets zeroed pages at the next step; kept, a step takes about two thirds.
"""

from __future__ import annotations

import ctypes
import sys

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD = -1, -2, -3  # malloc.h
_LARGEST_MMAP_THRESHOLD = 32 * 2**20  # HEAP_MAX_SIZE / 2; glibc takes no more


def keep_freed_memory() -> bool:
    """Whether the C library took the settings; they hold for the rest of the process."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # another C library, which has no such call
        return False
    settings = {
        _M_MMAP_THRESHOLD: _LARGEST_MMAP_THRESHOLD,
        _M_TRIM_THRESHOLD: 2**31 - 1,
        _M_TOP_PAD: 256 * 2**20,
    }
    return all(mallopt(name, value) == 1 for name, value in settings.items())
