"""A chorale as an engraved page, SVG."""

from __future__ import annotations

from pathlib import Path

from wavegen.atomic import write_file
from wavegen.errors import ConfigError, DataError

from .grid import ChoraleGrid
from .musicxml_writing import musicxml

_OPTIONS = {
    "pageWidth": 2100,
    "pageHeight": 60_000,  # verovio's limit; the page is cut to what it holds
    "adjustPageHeight": True,
    "scale": 45,
    "footer": "none",
    "breaks": "auto",
    "svgViewBox": True,
}


def write_svg(grid: ChoraleGrid, path: Path) -> None:
    """Write the whole score as one picture.

    Raises `ConfigError` where verovio is missing, `DataError` on no steps or too many.
    """
    try:
        import verovio  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise ConfigError(
            "scores need verovio; pip install 'wavegen[score]', or write .musicxml"
        ) from error
    verovio.enableLog(verovio.LOG_OFF)
    engraver = verovio.toolkit()
    engraver.setOptions(_OPTIONS)
    if not engraver.loadData(musicxml(grid).decode()):
        raise DataError(f"{path}: verovio cannot read this score; write .musicxml instead")
    if engraver.getPageCount() != 1:
        raise DataError(
            f"{path}: {len(grid)} steps do not fit on a picture; write .musicxml instead"
        )
    try:
        write_file(path, engraver.renderToSVG(1).encode())
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}; choose another place") from error
