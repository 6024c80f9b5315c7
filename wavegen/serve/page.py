"""The page: files that are read once, when the server starts; no request names a path."""

from __future__ import annotations

import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]
_FOLDERS = (_PACKAGE / "assets" / "web", _PACKAGE.parent / "assets" / "web")
"""Where a wheel has it, and where a checkout does."""

_TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css"}
"""Fixed here, lest a machine's own table says otherwise: a browser runs no module of another."""

HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data: blob:; "
    "media-src 'self' blob:; object-src 'none'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
"""The page runs its own scripts only, in no frame, and asks nobody else for anything."""


@dataclass(frozen=True)
class PageFile:
    """One file of the page."""

    content: bytes
    media_type: str


def files() -> Mapping[str, PageFile]:
    """By their path on the server, the page itself as `/`; none where the page is not installed."""
    found: dict[str, PageFile] = {}
    for folder in filter(Path.is_dir, _FOLDERS):
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                place = "/" + path.relative_to(folder).as_posix()
                found["/" if place == "/index.html" else place] = _read(path)
    return found


def _read(path: Path) -> PageFile:
    guess = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return PageFile(path.read_bytes(), _TYPES.get(path.suffix, guess))
