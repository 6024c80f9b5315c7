"""Finds and loads the native core, and declares its C interface (`wavegen.h`) to ctypes."""

from __future__ import annotations

import ctypes
import sys
from ctypes import POINTER, c_char_p, c_float, c_int, c_int32, c_int64, c_size_t, c_uint64, c_void_p
from functools import cache
from pathlib import Path

from ..errors import WavegenError

API_VERSION = 1
_SUFFIX = {"darwin": ".dylib", "win32": ".dll"}.get(sys.platform, ".so")
PLACE = Path(__file__).with_name(f"libwavegen_core{_SUFFIX}")
"""Where a build puts the library: beside this file, in a checkout as in a wheel."""


class NativeUnavailable(WavegenError):  # noqa: N818 - nothing went wrong: it is a state of things
    """The native core is not here, or cannot be loaded."""


class CControls(ctypes.Structure):
    """`wg_controls`."""

    _fields_ = (
        ("temperature", c_float),
        ("top_k", c_int64),
        ("top_p", c_float),
        ("min_p", c_float),
        ("typical_p", c_float),
    )


class CVoice(ctypes.Structure):
    """`wg_voice`."""

    _fields_ = (
        ("state", c_void_p),
        ("event", c_void_p),
        ("seed", c_uint64),
        ("position", c_int64),
        ("controls", CControls),
        ("cond", c_void_p),
        ("given", c_void_p),
        ("events", c_void_p),
        ("params", c_void_p),
        ("active", c_int32),
    )


_MESSAGE = (c_char_p, c_size_t)
_FUNCTIONS = {
    "wg_api_version": (c_int, ()),
    "wg_builds": (c_char_p, ()),
    "wg_open": (c_void_p, (c_char_p, c_size_t, c_char_p, *_MESSAGE)),
    "wg_close": (None, (c_void_p,)),
    "wg_header": (c_char_p, (c_void_p,)),
    "wg_build": (c_char_p, (c_void_p,)),
    "wg_state_bytes": (c_size_t, (c_void_p,)),
    "wg_voice_state": (c_void_p, (c_void_p, c_size_t)),
    "wg_macs": (c_size_t, (c_void_p,)),
    "wg_packed_bytes": (c_size_t, (c_void_p,)),
    "wg_read_weights": (c_uint64, (c_void_p,)),
    "wg_runner_new": (c_void_p, (c_void_p, c_int, *_MESSAGE)),
    "wg_runner_free": (None, (c_void_p,)),
    "wg_advance": (c_int, (c_void_p, POINTER(CVoice), c_size_t, c_size_t, *_MESSAGE)),
    "wg_uniforms": (None, (c_uint64, c_uint64, c_size_t, c_void_p)),
    "wg_unary": (c_int, (c_char_p, c_char_p, c_void_p, c_void_p, c_size_t)),
}
"""Name to the type of the result and the types of the arguments."""


@cache
def core() -> ctypes.CDLL:
    """The library, loaded once; its calls release the interpreter's lock."""
    if not PLACE.exists():
        raise NativeUnavailable(
            "the native core is not built: install a C++ compiler and reinstall wavegen"
        )
    try:
        library = ctypes.CDLL(str(PLACE))
        found = library.wg_api_version()
    except (OSError, AttributeError) as error:
        reason = " ".join(str(error).split())
        raise NativeUnavailable(
            f"the native core cannot be loaded ({reason}): reinstall wavegen"
        ) from None
    if found != API_VERSION:
        raise NativeUnavailable(
            f"the native core has interface {found}, this wavegen needs {API_VERSION}: "
            "reinstall wavegen"
        )
    for name, (result, arguments) in _FUNCTIONS.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


def builds() -> tuple[str, ...]:
    """Builds of the kernels that this processor runs, best first."""
    return tuple(core().wg_builds().decode().split(","))
