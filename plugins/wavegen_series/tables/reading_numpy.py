"""NumPy arrays in `.npy` files: one series, or many of one length.

Dimensions: S series, T steps, N channels.
"""

from __future__ import annotations

from pathlib import Path

from numpy.lib.format import open_memmap

from wavegen.errors import DataError

from ..series import Series
from .reading_table import MAX_CELLS


def read_numpy(source: Path, channels: tuple[str, ...]) -> list[Series]:
    """`(T,)` or `(T, N)` is one series, `(S, T, N)` are S. Raises `DataError`."""
    from .reading import from_array

    try:  # mapped, so that a header can claim any size without costing memory
        array = open_memmap(source, mode="r")
    except Exception as error:  # the header is Python text, and fails in as many ways
        why = str(error).partition("\n")[0]
        raise DataError(f"{source}: no readable .npy file of numbers ({why})") from error
    if array.size > MAX_CELLS:
        raise DataError(f"{source}: holds {array.size} values; at most {MAX_CELLS} are read")
    if array.ndim < 3:
        return [from_array(array, source.stem, channels)]
    return [from_array(one, f"{source.stem}-{k}", channels) for k, one in enumerate(array)]
