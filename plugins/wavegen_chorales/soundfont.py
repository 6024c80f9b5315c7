"""A chorale as sound from a SoundFont, by the program `fluidsynth` where it is installed."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from wavegen.errors import ConfigError, DataError

from .grid import ChoraleGrid
from .midi_writing import midi_bytes

_LONGEST_SECONDS = 600  # for a program that hangs


def write_wav(grid: ChoraleGrid, path: Path, soundfont: Path, rate_hz: int = 44_100) -> None:
    """Write a WAV with the sounds of a `.sf2` file.

    Raises `ConfigError` where fluidsynth is missing, `DataError` where it cannot use the file.
    """
    program = shutil.which("fluidsynth")
    if program is None:
        raise ConfigError(
            "SoundFonts need fluidsynth, which is not installed; apt install fluidsynth, or leave "
            "the SoundFont away and the organ plays"
        )
    try:
        if not _is_soundfont(soundfont):
            raise DataError(f"{soundfont}: there is no such SoundFont; give a .sf2 file")
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".wavegen-") as folder:
            song, sound = Path(folder, "song.mid"), Path(folder, "song.wav")
            song.write_bytes(midi_bytes(grid))
            # Absolute paths cannot be taken for options.
            files = [str(soundfont.resolve()), str(song.resolve())]
            order = [program, "-ni", "-F", str(sound.resolve()), "-r", str(rate_hz), *files]
            done = subprocess.run(
                order, capture_output=True, text=True, timeout=_LONGEST_SECONDS, check=False
            )
            # It ends well, and writes silence, when it could not load the sounds.
            complaints = [line for line in done.stderr.splitlines() if "error:" in line]
            if done.returncode or complaints or not sound.exists():
                why = complaints[0] if complaints else f"it ended with {done.returncode}"
                raise DataError(f"{soundfont}: fluidsynth cannot play it ({why})")
            sound.replace(path)
    except subprocess.TimeoutExpired as error:
        raise DataError(f"{path}: fluidsynth took more than {_LONGEST_SECONDS} s") from error
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}; choose another place") from error


def _is_soundfont(path: Path) -> bool:
    """Whether a file begins as one; fluidsynth would play another in its place."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        start = file.read(12)
    return start[:4] == b"RIFF" and start[8:] == b"sfbk"
