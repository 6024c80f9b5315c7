"""Where prepared data are kept between runs."""

from __future__ import annotations

import os
from pathlib import Path


def folder(domain: str) -> Path:
    """The folder of one domain in WAVEGEN_CACHE, or in the user's cache folder."""
    chosen = os.environ.get("WAVEGEN_CACHE")
    shared = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return (Path(chosen) if chosen else Path(shared).expanduser() / "wavegen") / domain
