"""NumPy arrays in `.npy` files: one series, or many of one length.

Dimensions: S series, T steps, N channels.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from wavegen.errors import DataError

from .reading_table import MAX_CELLS
from .series import Series


def read_numpy(source: Path, channels: tuple[str, ...]) -> list[Series]:
    """`(T,)` or `(T, N)` is one series, `(S, T, N)` are S. Raises `DataError`."""
    from .reading import from_array

    try:  # mapped, so that a header can claim any size without costing memory
        array = np.load(source, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError, SyntaxError, OverflowError) as error:
        raise DataError(f"{source}: no readable .npy file of numbers ({error})") from error
    if not isinstance(array, np.ndarray):
        raise DataError(f"{source}: an archive of arrays; save one array with numpy.save")
    if array.size > MAX_CELLS:
        raise DataError(f"{source}: holds {array.size} values; at most {MAX_CELLS} are read")
    if array.ndim < 3:
        return [from_array(array, source.stem, channels)]
    return [from_array(one, f"{source.stem}-{k}", channels) for k, one in enumerate(array)]
