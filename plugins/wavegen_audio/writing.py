"""Sound files out, in the format of their ending, whole or not at all.

Dimensions: T time.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

import soundfile

from wavegen.errors import DataError

from .codec import Samples
from .decoding import pcm16
from .sources import WRITTEN

_LOSSY = (".ogg", ".mp3")
_BLOCK_SAMPLES = 2**16  # libsndfile's Vorbis encoder overruns its stack on minutes at once


def write(samples: Samples, rate_hz: int, path: Path) -> None:
    """Write mono `(T,)`; a failure leaves what was there before. Raises `DataError`."""
    ending = path.suffix.lower()
    if ending not in WRITTEN:
        raise DataError(f"{path}: cannot write {ending or 'no ending'!r}; use {', '.join(WRITTEN)}")
    # The ending stays last: libsndfile takes the format from it.
    temporary = path.with_name(f".{path.stem}.{secrets.token_hex(4)}{ending}")
    try:
        with soundfile.SoundFile(temporary, "w", rate_hz, 1) as file:
            for start in range(0, len(samples), _BLOCK_SAMPLES):
                block = samples[start : start + _BLOCK_SAMPLES]
                file.write(block if ending in _LOSSY else pcm16(block))
        os.replace(temporary, path)
    except (OSError, soundfile.SoundFileError) as error:
        temporary.unlink(missing_ok=True)
        raise DataError(f"{path}: {_why(path, error)}; choose another place") from error
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _why(path: Path, error: Exception) -> str:
    """What libsndfile calls a system error, in words."""
    if not path.parent.is_dir():
        return f"the folder {path.parent} does not exist"
    if not os.access(path.parent, os.W_OK):
        return f"no permission to write in {path.parent}"
    return f"cannot be written ({error}), the disk may be full"
