"""The folder of a run: writable before the work, and gone where nothing came of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import ConfigError


@contextmanager
def run_folder(run: Path) -> Iterator[None]:
    """Make the folder; whatever of it was new and is empty in the end is taken away again.

    Raises `ConfigError` where nothing can be written there.
    """
    new = [folder for folder in (run, *run.parents) if not folder.exists()]
    try:
        run.mkdir(parents=True, exist_ok=True)
        probe = run / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise ConfigError(
            f"{run}: cannot write there ({error.strerror}); choose another folder"
        ) from error
    try:
        yield
    finally:
        for folder in new:
            with suppress(OSError):  # it holds something
                folder.rmdir()
